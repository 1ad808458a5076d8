"""Modules as where they are not installed."""

from __future__ import annotations

import sys

import pytest


def forget(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Let packages be imported anew in a test; what was loaded before it is there again after it.

    They are known in two places: by their name, and to the package around them.
    """
    for package in packages:
        around, _, last = package.rpartition(".")
        if around and package in sys.modules:
            monkeypatch.delattr(sys.modules[around], last)
        for name in [*sys.modules]:
            if f"{name}.".startswith(f"{package}."):
                monkeypatch.delitem(sys.modules, name)
