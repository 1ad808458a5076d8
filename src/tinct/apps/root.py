"""What all commands hang on: ``tinct --help``, ``--version``, ``tinct COMMAND``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import Abort, TyperException

from tinct import __version__
from tinct.apps.console import complain

if TYPE_CHECKING:
    from collections.abc import Iterable


def run_command(arguments: list[str], commands: Iterable[str], lab_commands: Iterable[str]) -> int:
    """Run a command.

    Args:
        arguments: What stands after the name of the program.
        commands: The commands that there are; each is a function in the module of the same name in
            ``commands``.
        lab_commands: The commands behind ``tinct lab``, whose modules are in ``commands/lab``.

    Returns:
        The exit code.

    Raises:
        KeyboardInterrupt: The user stopped it.
    """
    app = _new_app()
    app.callback()(_root)
    for name in commands:
        app.command(name)(getattr(import_module(f"tinct.apps.commands.{name}"), name))
    lab = _new_app()
    lab.callback()(_lab)
    for name in lab_commands:
        lab.command(name)(getattr(import_module(f"tinct.apps.commands.lab.{name}"), name))
    if lab.registered_commands:
        app.add_typer(lab, name="lab")
    try:
        code = app(arguments, standalone_mode=False, prog_name="tinct")
    except TyperException as error:
        complain(error.format_message())
        return error.exit_code
    except Abort as error:
        raise KeyboardInterrupt from error
    return code if isinstance(code, int) else 0


def _new_app() -> typer.Typer:
    names = {"help_option_names": ["-h", "--help"]}
    return typer.Typer(context_settings=names, pretty_exceptions_enable=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"tinct {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Color gray photographs. `tinct photo.jpg` writes photo-color.jpg beside it."""


def _lab() -> None:
    """Train networks, export and measure them. Needs the extra `lab`."""
