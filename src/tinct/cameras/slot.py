"""One place through which one thread hands things to another: never more than the latest of them.

A queue of the standard library, of size one, can neither replace what nobody has fetched, nor be
watched together with other events under one lock.
"""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Slot(Generic[T]):
    """Holds one thing, or none.

    Attributes:
        changed: Its lock; notified whenever the slot is filled or emptied, and at the end. Whoever
            shares a slot may wait by it for events of their own.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._thing: T | None = None
        self._failure: Exception | None = None
        self._is_over = False

    @property
    def is_full(self) -> bool:
        """Whether there is something that nobody has fetched."""
        return self._thing is not None

    def put(self, thing: T | None) -> bool:
        """Fill the slot, or with None empty it; return whether something is lost by that."""
        with self.changed:
            is_lost, self._thing = self._thing is not None, thing
            self.changed.notify_all()
            return is_lost

    def take(self, wait: float) -> T | None:
        """Fetch what is there; None if nothing comes in ``wait`` seconds, or at the end.

        Raises:
            Exception: That with which it was ended.
        """
        with self.changed:
            self.changed.wait_for(lambda: self._thing is not None or self._is_over, wait)
            thing, self._thing = self._thing, None
            self.changed.notify_all()
            if thing is None and self._failure is not None:
                raise self._failure
            return thing

    def end(self, failure: Exception | None = None) -> None:
        """Say that nothing more will come, and why, if that is a failure."""
        with self.changed:
            self._failure, self._is_over = failure, True
            self.changed.notify_all()

    @property
    def has_ended(self) -> bool:
        """Whether it came to its end without a failure, and everything has been fetched."""
        with self.changed:
            return self._is_over and self._thing is None and self._failure is None
