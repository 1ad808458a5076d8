"""Runs the studio until the user stops it."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence

from tinct.apps.console import print_message
from tinct.apps.studio.page import find_page
from tinct.apps.studio.server import StudioServer


def run_studio(pictures: Sequence[str], port: int = 0, browser: bool = True) -> int:
    """Serve the page, and open it.

    Args:
        pictures: Files of pictures to open in it.
        port: Where; 0 takes one that is free.
        browser: Whether to open a browser; else the address alone is shown.

    Returns:
        The exit code; the user's Ctrl-C is what ends it.

    Raises:
        InputError: The page has not been built, or a picture is not there.
        OutputError: The port is in use.
    """
    with StudioServer(find_page(), pictures, port) as server:
        print_message(f"tinct studio: {server.url} (Ctrl-C stops it)")
        if browser and not webbrowser.open(server.url):
            print_message("no browser could be opened; open this address in one")
        server.serve_forever(poll_interval=0.1)
    return 0
