"""The command line: ``tinct photo.jpg``, ``tinct film.mp4``, ``tinct COMMAND ...``.

Start-up counts: a single photograph is colored in less time than importing everything would take.
So nothing heavy is imported here, and naming photographs alone does not even load Typer.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tinct import __version__
from tinct.apps.console import Verbosity, print_error, print_message, set_verbosity
from tinct.apps.film_suffixes import FILM_SUFFIXES
from tinct.errors import MissingExtraError, OptionError, TinctError
from tinct.signals import endings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import FrameType


_COMMANDS = ("image", "video", "live", "studio", "archive", "serve", "info")
"""What a user does; each is a function in the module of the same name in ``commands``."""
_LAB_COMMANDS = (
    "train",
    "export",
    "calibrate",
    "evaluate",
    "compare",
    "robustness",
    "faults",
    "hints",
    "references",
    "steadiness",
    "statistics",
    "curves",
    "average",
)
"""What a researcher does, as ``tinct lab COMMAND``; their modules are in ``commands/lab``."""
_LAB = "lab"
_OWN_OPTIONS = ("--help", "-h", "--version", "--install-completion", "--show-completion")

_FAILED = 1
_MISUSED = 2
_SIGNALED = 128  # and the number of the signal, as shells have it
_INTERRUPTED = _SIGNALED + 2  # SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What stands after the name of the program; by default that of this process.

    Returns:
        The exit code: 0, 1 when something failed, 2 when it was called wrongly, 130 after Ctrl-C.
    """
    for number in endings():
        signal.signal(number, _terminate)
    _open_standard_streams()
    set_verbosity(Verbosity.NORMAL)
    try:
        code = _dispatch(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except TinctError as error:
        print_error(str(error))
        return _MISUSED if isinstance(error, OptionError) else _FAILED
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    if code == _INTERRUPTED:
        print_message("tinct: stopped; what is finished stays")
    return code


def _open_standard_streams() -> None:
    """Put a device that gives and takes nothing where the caller has closed a standard stream.

    Otherwise the next file that is opened would get its number, and what others print.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            setattr(sys, name, open(descriptor, mode))  # noqa: SIM115 - for as long as we run


def _dispatch(arguments: list[str]) -> int:
    """Run what the arguments ask for, with or without the name of a command."""
    if not arguments:
        return _run_command(["--help"])
    if "" in arguments or any(text.startswith("--") and text.endswith("=") for text in arguments):
        # As the name of a file or folder, it would be passed over, or be the current folder.
        raise OptionError("an empty argument; is a variable of the shell not set?")
    if arguments[0] == "help" and not Path("help").exists():
        return _run_command([*arguments[1:], "--help"])
    if not is_shortcut(arguments[0]):
        return _run_command(arguments)
    if arguments[0].lower().endswith(FILM_SUFFIXES):
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
    """Run a command by Typer, of which only the commands that the arguments name are loaded.

    Returns:
        The exit code.

    Raises:
        KeyboardInterrupt: The user stopped it.
        MissingExtraError: A command of the laboratory lacks one of its packages.
    """
    from typer.exceptions import Abort, TyperException

    first, second, *_ = (*arguments, "", "")
    if first == _LAB:
        lab_commands = [second] if second in _LAB_COMMANDS else _LAB_COMMANDS
        command = make_command((), lab_commands)
    elif first in _COMMANDS:
        command = make_command([first], ())
    else:
        command = make_command()
    try:
        code = command(arguments, standalone_mode=False, prog_name="tinct")
    except TyperException as error:
        print_error(error.format_message())
        return error.exit_code
    except Abort as error:
        raise KeyboardInterrupt from error
    except ModuleNotFoundError as error:
        if first != _LAB or (error.name or "").startswith("tinct"):
            raise
        raise MissingExtraError(f"tinct lab {second} ({error.name})", _LAB) from error
    return code if isinstance(code, int) else 0


def make_command(
    commands: Iterable[str] = _COMMANDS, lab_commands: Iterable[str] = _LAB_COMMANDS
) -> Any:
    """Make ``tinct`` with these commands, all by default; their modules are imported here.

    Returns:
        The command, to be called with the arguments: a type that is private to Typer.
    """
    import typer

    settings = {"help_option_names": ["-h", "--help"]}
    app = typer.Typer(context_settings=settings, pretty_exceptions_enable=False)
    lab = typer.Typer(context_settings=settings, pretty_exceptions_enable=False)

    def show_version(wanted: bool) -> None:
        if wanted:
            print(f"tinct {__version__}")
            raise typer.Exit

    option = typer.Option(
        False, "--version", callback=show_version, is_eager=True, help="Show the version."
    )

    @app.callback()
    def tinct(version: bool = option) -> None:
        """Color gray photographs. `tinct photo.jpg` writes photo-color.jpg beside it."""

    @lab.callback()
    def tinct_lab() -> None:
        """Train networks, export and measure them.

        Needs the extra `lab`.
        """

    for name in commands:
        app.command(name)(getattr(import_module(f"tinct.apps.commands.{name}"), name))
    for name in lab_commands:
        lab.command(name)(getattr(import_module(f"tinct.apps.commands.lab.{name}"), name))
    if lab.registered_commands:
        app.add_typer(lab, name=_LAB)
    command = typer.main.get_command(app)
    _name_types(command)
    return command


def _name_types(command: Any) -> None:
    """Show no ``<bool>`` or ``<float range>`` in help, but a word; none behind flags and arguments.

    Args:
        command: A command or group of Typer, whose own types are private.
    """
    from typer import Context

    help_option = command.get_help_option(Context(command, **command.context_settings))
    for parameter in (*command.params, help_option):
        if parameter.param_type_name == "argument":
            several = "..." if parameter.nargs != 1 else ""
            parameter.metavar = parameter.metavar or parameter.name.upper() + several
            parameter.display_type_rich = lambda ctx: None  # its name says what it is
        elif parameter.metavar is None:
            parameter.metavar = _word_for(parameter)
    for inner in getattr(command, "commands", {}).values():
        _name_types(inner)


def _word_for(option: Any) -> str | None:
    """Name what an option of Typer takes; None leaves a choice as Typer shows it."""
    if getattr(option, "is_flag", False):
        return ""
    annotation = option.type_descriptor.annotation
    words = {int: "NUMBER", float: "NUMBER", str: "TEXT", list[str]: "TEXT", Path: "PATH"}
    return words.get(annotation)


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave by way of all the clean-up that Ctrl-C has, which nothing breaks off.

    When a terminal is closed, its shell and the system may send a signal each, and what is printed
    on it from then on is an error.
    """
    for ending in endings():
        signal.signal(ending, signal.SIG_IGN)
    if number != signal.SIGTERM:
        for descriptor in (1, 2):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    raise SystemExit(_SIGNALED + number)
