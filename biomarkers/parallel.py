"""The one door to joblib: many calls, results in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

Result = TypeVar("Result")


def in_order(function: Callable[..., Result], calls: Sequence[tuple[Any, ...]], *, jobs: int = 1,
             done: Callable[[int], None] | None = None) -> list[Result]:
    """Call `function` with each tuple of arguments.

    Parameters
    ----------
    function : callable
        Importable by name, so that worker processes can find it.
    calls : sequence of tuple
    jobs : int
        1 runs here; more uses that many processes (joblib's own backend switch reaches a Dask cluster).
    done : callable, optional
        Called with the index of each finished call.

    Returns
    -------
    list
        In the order of `calls`, never in the order of completion.
    """
    if jobs == 1 or len(calls) < 2:
        return list(_here(function, calls, done))
    from joblib import Parallel, delayed

    results = []
    running = Parallel(n_jobs=jobs, return_as="generator")(delayed(function)(*args) for args in calls)
    for i, result in enumerate(running):
        results.append(result)
        if done:
            done(i)
    return results


def _here(function: Callable[..., Result], calls: Iterable[tuple[Any, ...]],
          done: Callable[[int], None] | None) -> list[Result]:
    results = []
    for i, args in enumerate(calls):
        results.append(function(*args))
        if done:
            done(i)
    return results
