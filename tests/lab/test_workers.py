from __future__ import annotations

import pytest

from tinct.lab.workers import photograph_threads

torch = pytest.importorskip("torch")


def test_torch_has_one_thread_in_each_and_its_own_number_again_afterwards():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with photograph_threads(2) as pool:
            assert list(pool.map(lambda _: torch.get_num_threads(), range(4))) == [1] * 4
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
