"""Puts the page that ``scripts/page`` has built into the wheel, where there is one.

Building a wheel never runs npm by itself: ``pip install .`` would then take minutes and need the
network and Node. The built page is not committed either: its WebAssembly, 14 MB, would be in the
history once for every version of ONNX Runtime.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface[Any]):
    """Called by hatchling for every wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files of the page; the models in it are in the package already."""
        page = Path(self.root) / "dist" / "page"
        if version == "editable":  # finds the page where it is built
            return
        if not (page / "index.html").is_file():
            self.app.display_warning("without the page of tinct studio: scripts/page builds it")
            return
        for path in page.rglob("*"):
            inside = path.relative_to(page)
            if path.is_file() and inside.parts[0] != "models":
                build_data["force_include"][str(path)] = f"tinct/apps/studio/page/{inside}"
