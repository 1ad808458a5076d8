"""Photographs that wait to be colored, and the threads that color them.

What waits is bounded: who comes too late is told so at once, instead of waiting for ever. Those
that wait together and ask for the same are colored in one run of the network.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tinct.apps.photographs.batch import BatchOptions, choose_format, read_photograph
from tinct.errors import TinctError
from tinct.photographs import encode_with_losses
from tinct.runtime.colorizer import Colorizer, ColorOptions, attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class BusyError(TinctError):
    """As many photographs as may wait are waiting."""


@dataclass(frozen=True, slots=True)
class Order:
    """How a photograph is to be colored; orders that are equal are worked on together."""

    model: str
    color: ColorOptions = field(default_factory=ColorOptions)
    batch: BatchOptions = field(default_factory=BatchOptions)


@dataclass(frozen=True, slots=True)
class Result:
    """A photograph in color."""

    data: bytes
    format: str  # as ``tinct.photographs.Format`` names it
    warnings: tuple[str, ...]  # what was lost or doubtful, one sentence each


@dataclass(frozen=True, slots=True)
class _Waiting:
    data: bytes
    order: Order
    result: asyncio.Future[Result]


class Coloring:
    """Colors what is asked for, some at a time; an asynchronous context manager.

    Attributes:
        most_waiting: So many photographs may wait besides those in work.
        at_once: So many groups of photographs are in work at once.
    """

    def __init__(
        self, colorizer: Colorizer, *, device: str, threads: int, at_once: int, most_waiting: int
    ) -> None:
        """Prepare; nothing is colored before the context is entered.

        Args:
            colorizer: Of the model that is used most; others are loaded when they are asked for.
            device: Of other models.
            threads: Of other networks.
            at_once: Groups of photographs in work at once.
            most_waiting: Photographs that may wait besides.
        """
        self.at_once, self.most_waiting = at_once, most_waiting
        self._colorizers = {colorizer.session.spec.name: colorizer}
        self._load = partial(Colorizer, device=device, threads=threads)
        self._group = colorizer.batch_size
        self._waiting: deque[_Waiting] = deque()
        self._arrivals = asyncio.Semaphore(0)  # one for each that waits
        self._workers: list[asyncio.Task[None]] = []
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="tinct")

    async def __aenter__(self) -> Coloring:
        """Begin to work."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(self.at_once)]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop; the server has waited for those who asked."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._threads.shutdown()

    @property
    def num_waiting(self) -> int:
        """How many photographs wait."""
        return len(self._waiting)

    def check_room(self) -> None:
        """Tell whether another photograph may wait.

        Raises:
            BusyError: It may not.
        """
        if len(self._waiting) >= self.most_waiting:
            raise BusyError(f"{self.most_waiting} photographs are waiting already; try again")

    async def color(self, data: bytes, order: Order) -> Result:
        """Color a photograph.

        Args:
            data: The bytes of its file.
            order: How.

        Raises:
            BusyError: Too many are waiting.
            InputError: It cannot be read.
            OptionError: An option has no sense.
            OutputError: The format cannot hold it.
            ModelError: The model cannot be loaded.
        """
        self.check_room()
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(data, order, result))
        self._arrivals.release()
        return await result

    async def _work(self) -> None:
        """Take what waits, and have it colored in a thread; for ever."""
        loop = asyncio.get_running_loop()
        while True:
            group = await self._take()
            # Who has gone meanwhile, and would get nothing, is not worked for.
            wanted = [item for item in group if not item.result.cancelled()]
            if not wanted:
                continue
            datas, order = [item.data for item in wanted], wanted[0].order
            try:
                answers = await loop.run_in_executor(self._threads, self._color, datas, order)
            except Exception as error:  # noqa: BLE001 - of a model that cannot be loaded, or a bug
                answers = [error] * len(wanted)
            for item, answer in zip(wanted, answers, strict=True):
                if item.result.cancelled():
                    continue
                if isinstance(answer, Exception):
                    item.result.set_exception(answer)
                else:
                    item.result.set_result(answer)

    async def _take(self) -> list[_Waiting]:
        """Wait for a photograph; return it and those behind it that ask for the same."""
        await self._arrivals.acquire()
        group = [self._waiting.popleft()]
        while (
            len(group) < self._group and self._waiting and self._waiting[0].order == group[0].order
        ):
            await self._arrivals.acquire()  # does not wait: something is there
            group.append(self._waiting.popleft())
        return group

    def _color(self, datas: list[bytes], order: Order) -> list[Result | Exception]:
        """Color photographs in one run of the network; an error stands in place of a result."""
        if order.model not in self._colorizers:
            self._colorizers[order.model] = self._load(order.model)
        colorizer = self._colorizers[order.model]
        read = _each(partial(read_photograph, name="photograph", options=order.batch), datas)
        pictures = iter(
            colorizer.colorize_batch(
                [item for item in read if not isinstance(item, Exception)], order.color
            )
        )
        colored = [item if isinstance(item, Exception) else next(pictures) for item in read]
        return _each(partial(_encode, options=order.batch), colored)


def _each(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Apply a function to what is no error; an error that it raises stands in place of a result."""
    return [item if isinstance(item, Exception) else attempt(function, item) for item in items]


def _encode(picture: Any, options: BatchOptions) -> Result:
    format = choose_format(picture, options)
    data, lost = encode_with_losses(picture, format, options.quality, options.mark)
    return Result(data, format, (*picture.warnings, *lost))
