"""Runs the server until it is stopped."""

from __future__ import annotations

import signal
import socket

import uvicorn

from tinct.apps.colorizer_options import ColorizerOptions
from tinct.apps.console import print_message
from tinct.apps.local_server import Address
from tinct.apps.serve.api import Limits, make_app
from tinct.apps.serve.coloring import Coloring
from tinct.cores import choose_jobs, choose_threads, prepare_threads
from tinct.errors import OutputError
from tinct.files import reason_of
from tinct.runtime import Colorizer
from tinct.signals import endings

_MANY = 1 << 30  # photographs: more than can be in work at once
_MORE_CONNECTIONS = 16  # than photographs in work and waiting: for health, and to be told no
_KEEP_ALIVE = 5  # seconds that a connection may be idle
_FAREWELL = 30  # seconds for those who have asked to take their answer when the server stops


def run_server(
    address: Address, color: ColorizerOptions, limits: Limits, jobs: int | None, waiting: int
) -> int:
    """Serve until the user stops it.

    Args:
        address: Where; port 0 takes one that is free.
        color: The model and the device; how vivid, each request says.
        limits: What is taken.
        jobs: Photographs in work at once; None: by the processor.
        waiting: Photographs that may wait besides.

    Returns:
        The exit code.

    Raises:
        OutputError: The address is in use, or not one of this machine.
        ModelError, DeviceError: The model or the device cannot be used.
    """
    at_once = choose_jobs(jobs, _MANY)
    threads = choose_threads(color.threads, at_once)
    prepare_threads(at_once)
    colorizer = Colorizer(color.model, device=color.device, threads=threads)
    name = colorizer.session.spec.name
    coloring = Coloring(
        colorizer, device=color.device, threads=threads, at_once=at_once, most_waiting=waiting
    )
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listener = socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        reason = reason_of(error).partition(" (while ")[0]  # the address is named once more there
        raise OutputError(f"{address.host}:{address.port}: {reason}") from error
    with listener:
        url = Address(address.host, listener.getsockname()[1]).url
        config = uvicorn.Config(
            make_app(coloring, name, limits),
            log_level="warning",
            access_log=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_FAREWELL,
            limit_concurrency=at_once * colorizer.batch_size + waiting + _MORE_CONNECTIONS,
        )
        print_message(
            f"tinct serve: {url}color by {name} on {colorizer.session.device}, {at_once} at once, "
            f"{waiting} may wait (Ctrl-C stops it)"
        )
        server = uvicorn.Server(config)
        for number in set(endings()) - {signal.SIGTERM}:  # of which uvicorn knows nothing
            signal.signal(number, lambda _, frame: server.handle_exit(signal.SIGTERM, frame))
        server.run(sockets=[listener])
    return 0
