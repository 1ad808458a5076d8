"""Where the built page is, and which files it has.

It is built of ``web/`` by ``scripts/page``: into the wheel when the wheel is made, else beside the
sources. The networks are not in it a second time; they come from the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tinct.errors import InputError
from tinct.files import digest_of
from tinct.spec import MODEL_FOLDER

_INSTALLED = Path(__file__).parent / "page"
_CHECKOUT = Path(__file__).parents[4] / "dist" / "page"
_START = "index.html"
_SERVICE_WORKER = "service-worker.js"  # would go on showing this page when a newer tinct is there


def find_page() -> Path:
    """Return the folder of the built page.

    Raises:
        InputError: There is none.
    """
    for folder in (_CHECKOUT, _INSTALLED):  # in a checkout the newest page
        if (folder / _START).is_file():
            return folder
    raise InputError(
        "tinct studio: its page has not been built into this installation; in the folder of "
        "tinct's source, scripts/page builds it (with Node 20.19 or later), then pip install ."
    )


def page_files(folder: Path) -> Mapping[str, Path]:
    """Return every file that may be served, by the path that a browser asks for."""
    files = {
        f"/{path.relative_to(folder).as_posix()}": path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != _SERVICE_WORKER
    }
    # Named after what is in them, as web/vite.config.ts does.
    models = {
        f"/models/{path.stem}-{digest_of(path)[:16]}.onnx": path
        for path in MODEL_FOLDER.glob("*.onnx")
    }
    return {**files, **models, "/": folder / _START}
