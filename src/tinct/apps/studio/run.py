"""Runs the studio until the user stops it."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tinct.apps.console import print_message
from tinct.apps.studio.page import find_page
from tinct.apps.studio.server import StudioServer
from tinct.errors import OutputError

PORT = 8417
"""Where it is looked for first: what a browser keeps belongs to an address, port included."""


def run_studio(
    pictures: Sequence[str],
    folder: str,
    port: int | None = None,
    browser: bool = True,
) -> int:
    """Serve the page, and open it.

    Args:
        pictures: Files of pictures to open in it.
        folder: Where the page may write pictures to.
        port: Where; 0 takes one that is free, None ``PORT``, or one that is free if that is not.
        browser: Whether to open a browser; else the address alone is shown.

    Returns:
        The exit code; the user's Ctrl-C is what ends it.

    Raises:
        InputError: The page has not been built, or a picture is not there.
        OutputError: The port is in use.
    """
    with open_server(pictures, Path(folder), port) as server, ExitStack() as stack:
        print_message(f"tinct studio: {server.url} (Ctrl-C stops it)")
        if browser and not _open(server.url, stack):
            print_message("no browser could be opened; open this address in one")
        server.serve_forever(poll_interval=0.1)
    return 0


def _open(address: str, stack: ExitStack) -> bool:
    """Let a browser open an address; tells whether it could be started."""
    try:
        return webbrowser.open(stack.enter_context(_page_to(address)))
    except (OSError, RuntimeError):  # the user has no home folder, or one that is full
        return False


@contextmanager
def _page_to(address: str) -> Iterator[str]:
    """Give the address of a page for the user alone, which leads to another address.

    Every account of a machine sees what a browser is started with, and would learn the token. The
    page is in the home folder, because browsers that come as a snap see no other.
    """
    with TemporaryDirectory(prefix="tinct-studio-", dir=Path.home()) as private:
        page = Path(private) / "studio.html"
        page.write_text(f'<meta http-equiv="refresh" content="0; url={address}">', "utf-8")
        yield page.as_uri()


def open_server(pictures: Sequence[str], folder: Path, port: int | None) -> StudioServer:
    """Begin to listen; arguments and errors are those of ``run_studio``."""
    page = find_page()
    if port is not None:
        return StudioServer(page, pictures, port, folder)
    try:
        return StudioServer(page, pictures, PORT, folder)
    except OutputError:
        print_message(
            f"port {PORT} is in use, perhaps by another tinct studio: here is another page, "
            "without what was open in that one"
        )
        return StudioServer(page, pictures, folder=folder)
