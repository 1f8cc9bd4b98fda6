"""Sharing work out: to this process, to processes of this machine, or to a Dask cluster; the one door to joblib."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from biomarkers.domain.errors import UseError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Died:
    """The process that did this unit of work was killed; `why` names the signal where it is known."""

    why: str


def share_out(work: Callable[[T], R], units: Sequence[T], *, jobs: int = 1,
              dask: str | None = None) -> Iterator[tuple[int, R | Died]]:
    """Do every unit of work, and yield (its number, its result) as results come in, in any order.

    A worker that dies costs nothing but its own unit: the units under way are done again, each alone, and only the one that
    kills its process a second time comes back as `Died`.

    Parameters
    ----------
    work : callable
        Takes one unit; must not raise for a unit's sake.
    units : sequence
    jobs : int
        Processes; 1 works in this process.
    dask : str, optional
        Address of a Dask scheduler. A joblib backend chosen by `joblib.parallel_config` is used as well, with `jobs` > 1.
    """
    if jobs == 1 and dask is None:
        for i, unit in enumerate(units):
            yield i, work(unit)
        return
    with on_cluster(dask):
        left = list(range(len(units)))
        while left:
            begun: list[int] = []
            done: set[int] = set()
            try:
                for i, result in _parallel(work, units, left, begun, jobs):
                    done.add(i)
                    yield i, result
                return
            except Exception as error:
                if not _is_death(error):
                    raise
            for i in [i for i in begun if i not in done]:
                done.add(i)
                yield i, _alone(work, units, i, jobs)
            left = [i for i in left if i not in done]


def in_order(function: Callable[..., R], calls: Sequence[tuple[Any, ...]], *, jobs: int = 1,
             done: Callable[[int], None] | None = None) -> list[R]:
    """Call `function` with each tuple of arguments; results in the order of `calls`, never in the order of completion.

    Parameters
    ----------
    function : callable
        Importable by name, so that worker processes can find it.
    calls : sequence of tuple
    jobs : int
    done : callable, optional
        Called with the index of each finished call.

    Raises
    ------
    RuntimeError
        A worker died twice at the same call; the message names the call and the signal.
    """
    results: dict[int, R] = {}
    for i, result in share_out(partial(_starred, function), calls, jobs=jobs if len(calls) > 1 else 1):
        if isinstance(result, Died):
            raise RuntimeError(f"the worker at call {i + 1} of {len(calls)} died twice ({result.why}): out of memory?")
        results[i] = result
        if done:
            done(i)
    return [results[i] for i in range(len(calls))]


def _starred(function: Callable[..., R], arguments: tuple[Any, ...]) -> R:
    return function(*arguments)


def _parallel(work: Callable[[T], R], units: Sequence[T], chosen: Sequence[int], begun: list[int],
              jobs: int) -> Iterator[tuple[int, R]]:
    import joblib

    def tasks() -> Iterator[Any]:
        for i in chosen:
            begun.append(i)
            yield joblib.delayed(_numbered)(work, i, units[i])

    yield from joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", pre_dispatch="2*n_jobs", batch_size=1)(tasks())


def _numbered(work: Callable[[T], R], i: int, unit: T) -> tuple[int, R]:
    return i, work(unit)


def _alone(work: Callable[[T], R], units: Sequence[T], i: int, jobs: int) -> R | Died:
    try:
        return next(result for _, result in _parallel(work, units, [i], [], max(2, jobs)))
    except Exception as error:
        if not _is_death(error):
            raise
        signal = re.search(r"SIG[A-Z]+", str(error))
        return Died(signal[0] if signal else "worker lost")


def _is_death(error: Exception) -> bool:
    return any(kind.__name__ in ("BrokenExecutor", "KilledWorker") for kind in type(error).__mro__)


@contextmanager
def on_cluster(address: str | None) -> Iterator[None]:
    """A joblib backend on a Dask scheduler, for the time of the block; None changes nothing.

    Raises
    ------
    UseError
        The package `distributed` is missing, or no scheduler answers.
    """
    if address is None:
        yield
        return
    try:
        import distributed
    except ImportError as error:
        raise UseError("a Dask cluster needs the package `distributed`: pip install 'biomarkers[distributed]'") from error
    import joblib

    try:
        client = distributed.Client(address, timeout="10s", set_as_default=True)
    except (OSError, ValueError, TimeoutError) as error:
        raise UseError(f"no Dask scheduler answers at {address!r}: {error}") from error
    with client, joblib.parallel_config(backend="dask", wait_for_workers_timeout=30):
        yield
