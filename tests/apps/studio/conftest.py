"""A running studio, and its page in a real browser: Chromium.

``scripts/test`` installs it where it can.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from studio_page import PATIENCE

from tinct.apps.studio.page import find_page
from tinct.apps.studio.server import StudioServer
from tinct.errors import InputError

Serve = Callable[..., StudioServer]
Open = Callable[..., Any]


@contextmanager
def _serving(page: Path, pictures: Sequence[Path] = (), **settings: Any) -> Iterator[StudioServer]:
    with StudioServer(page, pictures, **settings) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a studio with a page and pictures; it ends with the test."""
    with ExitStack() as stack:
        yield lambda *args, **settings: stack.enter_context(_serving(*args, **settings))


@pytest.fixture(scope="session")
def built() -> Path:
    """Return the folder of the built page."""
    try:
        return find_page()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what starts Chromium, at the priority of any other program.

    Where it may, as root may, it puts its threads before all others of the machine, which starves
    the tests beside it.
    """
    path = os.environ.get("TINCT_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium (Debian: apt-get install chromium; TINCT_CHROMIUM names another)")
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return path
    launcher = tmp_path_factory.mktemp("chromium") / "chromium"
    launcher.write_text(f'#!/bin/sh\nexec setpriv --bounding-set -sys_nice "{path}" "$@"\n')
    launcher.chmod(0o755)
    return str(launcher)


@pytest.fixture(scope="module")
def browser(built: Path, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start Chromium, with a camera that shows a moving test picture.

    One at a time, also where tests run in several processes: two whose networks wait in busy loops
    bring a machine of two cores to a stop.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip extra dev")
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    lock = FileLock(tmp_path_factory.getbasetemp().parent / "browser.lock")
    with lock, sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", *camera]
        )
        yield started
        started.close()


@contextmanager
def _opening(browser: Any, url: str, **settings: Any) -> Iterator[Any]:
    """Open the page; whatever goes wrong in it fails the test."""
    trouble: list[str] = []
    own = url.partition("#")[0]

    def watch(request: Any) -> None:
        if not request.url.startswith((own, "blob:")):
            trouble.append(f"asked elsewhere: {request.url}")

    def hear(said: Any) -> None:
        if said.type == "error" and "status of 422" not in said.text:  # refused on purpose
            trouble.append(said.text)

    context = browser.new_context(service_workers="block", **settings)
    context.on("request", watch)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", hear)
    page.goto(url)
    yield page
    context.close()
    assert not trouble


@pytest.fixture
def open_page(browser: Any, built: Path, serve: Serve, tmp_path: Path) -> Iterator[Open]:
    """Open the page with pictures, in a window of its own, as ``tinct studio`` does."""
    with ExitStack() as stack:

        def open_one(pictures: Sequence[Path] = (), **settings: Any) -> Any:
            server = serve(built, pictures, folder=tmp_path / "results")
            return stack.enter_context(_opening(browser, server.url, **settings))

        yield open_one


@pytest.fixture(scope="module")
def shared_page(browser: Any, built: Path) -> Iterator[Any]:
    """Open one page for all tests of a module, as a page of the web: without the token."""
    with _serving(built) as server, _opening(browser, server.address.url) as page:
        yield page


@pytest.fixture
def page(shared_page: Any) -> Any:
    """Return the page of the module, without pictures."""
    shared_page.eval_on_selector("#forget", "button => button.click()")
    shared_page.wait_for_selector("#start:not([hidden])")
    return shared_page
