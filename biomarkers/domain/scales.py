"""The scales on which markers enter a model, each with its inverse and the words for its effect.

A scale is chosen once, in the registry, before anybody sees an outcome. `log2` turns a hazard ratio into "per doubling";
`identity` keeps the unit and reports "per 10 points"; `log2(x+1)` is for counts whose zero is real.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scale:
    """A transform with its inverse.

    Parameters
    ----------
    name : str
        As written in the registry and in plan.toml.
    forward, backward : callable
        Raw values to the model scale and back; ``c`` is the offset of ``log2(x+c)``, otherwise unused.
    doubling : bool
        One unit on this scale is a doubling of the raw value.
    offset : float or None
        The constant added before the logarithm; None where there is none or where it is given per value.
    """

    name: str
    forward: Callable[[Array, Array], Array]
    backward: Callable[[Array, Array], Array]
    doubling: bool
    offset: float | None = None

    def to_model(self, values: ArrayLike, c: ArrayLike = 0.0) -> Array:
        """Raw values to the model scale; missing stays missing."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.forward(np.asarray(values, float), np.asarray(c, float))

    def to_raw(self, values: ArrayLike, c: ArrayLike = 0.0) -> Array:
        """Back from the model scale."""
        return self.backward(np.asarray(values, float), np.asarray(c, float))


def _logit(percent: Array) -> Array:
    return np.asarray(np.log2(percent / (100.0 - percent)), float)


def _expit(value: Array) -> Array:
    return np.asarray(100.0 / (1.0 + 2.0**-value), float)


SCALES: dict[str, Scale] = {
    scale.name: scale
    for scale in (
        Scale("identity", lambda x, c: x, lambda x, c: x, doubling=False),
        Scale("log2", lambda x, c: np.log2(x), lambda x, c: np.asarray(2.0**x, float), doubling=True),
        Scale("log2(x+1)", lambda x, c: np.log2(x + 1.0), lambda x, c: np.asarray(2.0**x - 1.0, float),
              doubling=True, offset=1.0),
        Scale("log2(x+c)", lambda x, c: np.log2(x + c), lambda x, c: np.asarray(2.0**x - c, float), doubling=True),
        Scale("logit", lambda x, c: _logit(x), lambda x, c: _expit(x), doubling=False),
    )
}
