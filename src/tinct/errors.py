"""All errors that tinct raises on purpose.

Every one says in a single line what is wrong, so that a program can show ``str(error)`` to its
user::

    TinctError
    |-- InputError         a picture (or a folder of them) cannot be read
    |-- OutputError        a result cannot be written; nothing was left half-written
    |-- OptionError        an option has a value that makes no sense
    |-- ModelError         a model file is missing, damaged or made for something else
    |-- DeviceError        a device was asked for that this installation does not have
    |-- MissingExtraError  an optional part of tinct is not installed
    |-- TrainingError      training cannot start or go on
    `-- MetricError        a metric cannot be computed from what it was given
"""

from __future__ import annotations


class TinctError(Exception):
    """Base class of all errors that tinct raises on purpose."""


class InputError(TinctError):
    """A picture, or a folder of pictures, cannot be read."""


class OutputError(TinctError):
    """A result cannot be written; nothing was left half-written."""


class OptionError(TinctError):
    """An option has a value that makes no sense."""


class ModelError(TinctError):
    """A model file is missing, damaged or made for something else."""


class DeviceError(TinctError):
    """A device was asked for that this installation does not have."""


class MissingExtraError(TinctError):
    """An optional part of tinct is needed and not installed."""

    def __init__(self, what: str, extra: str) -> None:
        """Say what needs which extra.

        Args:
            what: The thing that was asked for, as the start of a sentence.
            extra: Name of the pip extra that brings what is missing.
        """
        super().__init__(f"{what} needs parts that are not installed: {install_command(extra)}")


def install_command(extra: str) -> str:
    """Say how an extra is installed: tinct is in no package index, so from a checkout of it."""
    return f"pip install '.[{extra}]' in the folder of tinct's source"


class TrainingError(TinctError):
    """Training cannot start or cannot go on."""


class MetricError(TinctError):
    """A metric cannot be computed from what it was given."""
