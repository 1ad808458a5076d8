"""Threads that work on photographs side by side."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def photograph_threads(number: int) -> Iterator[ThreadPoolExecutor]:
    """Give a pool of threads; networks in torch compute with one thread in each of them.

    torch's own number of threads, which is that of the whole process, is put back afterwards.

    Args:
        number: Threads, each for one photograph at a time.
    """
    torch = sys.modules.get("torch")  # not imported: nothing to be kept from spreading
    before = torch.get_num_threads() if torch else 0
    try:
        if torch:
            torch.set_num_threads(1)
        with ThreadPoolExecutor(number) as pool:
            yield pool
    finally:
        if torch:
            torch.set_num_threads(before)
