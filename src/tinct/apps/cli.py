"""The command line: ``tinct photo.jpg``, ``tinct film.mp4``, ``tinct COMMAND ...``.

Start-up counts: a single photograph is colored in less time than importing everything would take.
So nothing heavy is imported here, and naming photographs alone does not even load Typer.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tinct.apps.console import complain, say
from tinct.errors import OptionError, TinctError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_COMMANDS = ("image", "video", "live", "info")
"""What a user does; each is a function in the module of the same name in ``commands``."""
_LAB_COMMANDS = (
    "train",
    "export",
    "calibrate",
    "evaluate",
    "compare",
    "robustness",
    "steadiness",
    "statistics",
    "curves",
    "average",
)
"""What a researcher does, as ``tinct lab COMMAND``; their modules are in ``commands/lab``."""
_LAB = "lab"
_FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".vob", ".ts", ".mts",
          ".m2ts", ".wmv", ".flv", ".3gp", ".ogv", ".mxf", ".dv")  # fmt: skip
"""How names of films end: ``tinct FILM`` is short for ``tinct video FILM``."""
_OWN_OPTIONS = ("--help", "-h", "--version", "--install-completion", "--show-completion")

_FAILED = 1
_MISUSED = 2
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_TERMINATED = 143  # 128 + SIGTERM


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What stands after the name of the program; by default that of this process.

    Returns:
        The exit code: 0, 1 when something failed, 2 when it was called wrongly, 130 after Ctrl-C.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = _dispatch(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except TinctError as error:
        complain(str(error))
        return _MISUSED if isinstance(error, OptionError) else _FAILED
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    if code == _INTERRUPTED:
        say("tinct: stopped; what is finished stays")
    return code


def _dispatch(arguments: list[str]) -> int:
    if not arguments:
        return _run_command(["--help"])
    if not is_shortcut(arguments[0]):
        return _run_command(arguments)
    if arguments[0].lower().endswith(_FILMS):
        return _run_command(["video", *arguments])
    if any(argument.startswith("-") for argument in arguments):
        return _run_command(["image", *arguments])
    from tinct.apps.photographs.color_photographs import color_photographs

    return color_photographs(arguments)


def is_shortcut(first: str) -> bool:
    """Tell whether ``tinct FIRST ...`` is short for ``tinct image FIRST ...``.

    Args:
        first: The first argument: a command, an option, or what looks like a path.
    """
    if first in (*_COMMANDS, _LAB, *_OWN_OPTIONS):
        return False
    path = Path(first)
    return bool(first.startswith("-") or path.suffix or path.name != first or path.exists())


def _run_command(arguments: list[str]) -> int:
    """Load only the modules of the commands that the arguments name, or all to list them."""
    from tinct.apps.root import run_command

    first, second, *_ = (*arguments, "", "")
    if first == _LAB:
        return run_command(arguments, (), [second] if second in _LAB_COMMANDS else _LAB_COMMANDS)
    if first in _COMMANDS:
        return run_command(arguments, [first], ())
    return run_command(arguments, _COMMANDS, _LAB_COMMANDS)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    """Leave by way of all the clean-up that Ctrl-C has."""
    raise SystemExit(_TERMINATED)
