"""Spreads pure checks over processes, in order, with only a few chunks under way at a time.

What a check needs, such as keys, is made once in each process: nothing secret is sent, and nothing
that cannot be, such as a cipher.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from typing import Any, Generic, Protocol, TypeVar

_Context = TypeVar("_Context")
_Context_co = TypeVar("_Context_co", covariant=True)
_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")

_AT_ONCE = 500


class Spread(Protocol[_Context_co]):
    """Runs checks, each with this process's context; the answers come in order.

    A check is a function of a module: another process finds it by its name.
    """

    def map(
        self, check: Callable[[_Context_co, _Item], _Answer], items: Iterable[_Item]
    ) -> Iterator[_Answer]:
        """The answer for each item; items are read as they are needed."""

    def each(
        self, check: Callable[[_Context_co, _Item], _Answer], items: Iterable[_Item]
    ) -> Iterator[tuple[_Item, _Answer]]:
        """Each of many small items with its answer."""


class Alone(Generic[_Context]):
    """Everything in this process (`Spread`)."""

    def __init__(self, context: _Context) -> None:
        self._context = context

    def map(
        self, check: Callable[[_Context, _Item], _Answer], items: Iterable[_Item]
    ) -> Iterator[_Answer]:
        for item in items:
            yield check(self._context, item)

    def each(
        self, check: Callable[[_Context, _Item], _Answer], items: Iterable[_Item]
    ) -> Iterator[tuple[_Item, _Answer]]:
        for item in items:
            yield item, check(self._context, item)


class _OverProcesses(Generic[_Context]):
    """Over the processes of a pool (`Spread`)."""

    def __init__(self, pool: ProcessPoolExecutor, ahead: int) -> None:
        self._pool = pool
        self._ahead = ahead

    def map(
        self, check: Callable[[_Context, _Item], _Answer], items: Iterable[_Item]
    ) -> Iterator[_Answer]:
        under_way: deque[Future[_Answer]] = deque()
        for item in items:
            under_way.append(self._pool.submit(_run, check, item))
            if len(under_way) > self._ahead:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def each(
        self, check: Callable[[_Context, _Item], _Answer], items: Iterable[_Item]
    ) -> Iterator[tuple[_Item, _Answer]]:
        kept: deque[Sequence[_Item]] = deque()
        answers = self.map(_Each(check), _chunks(items, kept))
        for found in answers:
            yield from zip(kept.popleft(), found, strict=True)


class _Each(Generic[_Context, _Item, _Answer]):
    """A check of many items as one."""

    def __init__(self, check: Callable[[_Context, _Item], _Answer]) -> None:
        self._check = check

    def __call__(self, context: _Context, items: Sequence[_Item]) -> list[_Answer]:
        return [self._check(context, item) for item in items]


def _chunks(items: Iterable[_Item], kept: deque[Sequence[_Item]]) -> Iterator[Sequence[_Item]]:
    remaining = iter(items)
    while chunk := list(islice(remaining, _AT_ONCE)):
        kept.append(chunk)
        yield chunk


@contextmanager
def over_processes(count: int, prepare: Callable[[], _Context]) -> Iterator[Spread[_Context]]:
    """A pool of that many processes, in each of which `prepare` makes the context."""
    # Not fork: the caller may hold database connections, which no child may inherit.
    with ProcessPoolExecutor(count, get_context("spawn"), _begin, (prepare,)) as pool:
        try:
            yield _OverProcesses(pool, ahead=2 * count)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


# -- in each process ------------------------------------------------------------------------

_context: Any = None


def _begin(prepare: Callable[[], Any]) -> None:
    global _context  # noqa: PLW0603 - a pool's process has no other place for what it keeps
    _context = prepare()


def _run(check: Callable[[Any, _Item], _Answer], item: _Item) -> _Answer:
    return check(_context, item)
