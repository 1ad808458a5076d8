"""Faded tones and casts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinct.runtime.restore import restore


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_faded_channels_become_neutral_and_full(dtype: Any) -> None:
    white = int(np.iinfo(dtype).max)
    ramp = np.tile(np.linspace(0, 1, 400), (50, 1))
    faded = np.stack([0.3 + 0.5 * ramp, 0.25 + 0.45 * ramp, 0.2 + 0.3 * ramp], axis=2)
    restored = restore(np.rint(faded * white).astype(dtype))
    assert restored.dtype == dtype
    assert restored.shape == (50, 400)
    error = restored / white - (0.01 + 0.98 * ramp)
    assert np.abs(error).max() < 0.03


def test_full_range_keeps_its_luma() -> None:
    rng = np.random.default_rng(0)
    gray = rng.integers(0, 256, (100, 100), dtype=np.uint8)
    assert np.array_equal(restore(gray), gray)


def test_little_contrast_is_not_torn_apart() -> None:
    flat = np.random.default_rng(0).integers(120, 125, (100, 100)).astype(np.uint8)
    restored = restore(flat)
    assert int(restored.max()) - int(restored.min()) <= 4 * 4


def test_alpha_stays() -> None:
    alpha = np.arange(100, dtype=np.uint8).reshape(10, 10)
    rgb = np.full((10, 10, 3), (90, 80, 60), np.uint8)
    restored = restore(np.dstack([rgb, alpha]))
    assert restored.shape == (10, 10, 2)
    assert np.array_equal(restored[..., 1], alpha)
