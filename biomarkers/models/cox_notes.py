"""What a Cox fit refuses, and what it must say: too few events, columns without contrast, infinite coefficients, few clusters.

Each refusal says what, how many, which first, and what to do; each note is a sentence a reader needs beside the numbers.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from biomarkers.domain.errors import UseError
from biomarkers.domain.limits import confidence
from biomarkers.kernels.calibrated import EVENTS_PER_PARAMETER, confirmatory
from biomarkers.kernels.cox import CoxSolution

from .columns import SurvivalRows

Floats = NDArray[np.float64]
Interval = Literal["auto", "wald", "profile"]
INTERVALS: tuple[str, ...] = get_args(Interval)


def check_arguments(ties: str, penalty: str | None, interval: str, level: float) -> None:
    """Refuse an unknown option with the list of the known."""
    if ties not in ("efron", "breslow"):
        raise UseError(f"ties {ties!r} are not known; choose 'efron' or 'breslow'.")
    if penalty not in (None, "firth"):
        raise UseError(f"penalty {penalty!r} is not known; choose None or 'firth'.")
    if interval not in INTERVALS:
        raise UseError(f"interval {interval!r} is not known; choose from {', '.join(INTERVALS)}.")
    confidence(level)


def check_size(X: Floats, labels: tuple[str, ...], rows: SurvivalRows) -> None:
    """Refuse what no fit can answer: no events, fewer events than parameters, a column without contrast."""
    if rows.n_events == 0:
        raise UseError(f"0 events among n = {rows.n}: a hazard ratio does not exist.")
    if rows.n_events < X.shape[1]:
        raise UseError(
            f"{rows.n_events} event(s) for {X.shape[1]} parameters ({', '.join(labels[:6])}): "
            f"{rows.n_events / X.shape[1]:.2f} events per parameter. Ask one question at a time, or name fewer terms."
        )
    flat = np.flatnonzero(X.max(axis=0) == X.min(axis=0))
    if flat.size:
        j = int(flat[0])
        raise UseError(
            f"covariate {labels[j]!r} is constant ({X[0, j]:g} in all {rows.n} rows): there is nothing to compare. Drop it."
        )


def confirmatory_notes(rows: SurvivalRows, n_parameters: int) -> list[str]:
    """Terms whose likelihood-ratio p is not the one to believe at this size (docs/calibration.md), and why."""
    notes = []
    for term in rows.terms:
        if term.X.shape[1] > 1 or len(term.parts) > 1:
            continue
        choice = confirmatory(term.X[:, 0], rows.event, n_parameters=1)
        if choice.p_value == "none":
            notes.append(f"{term.name}: {choice.reason}.")
        elif choice.p_value == "permutation":
            notes.append(f"{term.name}: {choice.reason}; the permutation p leads: .permutation_p({term.name!r}).")
    if rows.n_events < EVENTS_PER_PARAMETER * n_parameters:
        notes.append(f"{rows.n_events} events for {n_parameters} parameters: fewer than {EVENTS_PER_PARAMETER} each.")
    return notes


def robust_notes(rows: SurvivalRows, robust: bool) -> list[str]:
    """Rows whose subject is not known, and clusters too few for a sandwich."""
    if rows.weight is not None and not robust:
        return ["Weighted start-stop rows without `cluster`: the errors are not robust; name the subject column."]
    if robust and rows.cluster is not None:
        n_clusters = np.unique(rows.cluster).size
        if n_clusters < 50:
            return [f"Robust errors on {n_clusters} clusters are too small; a bootstrap or permutation p is safer."]
    return []


def aliased_notes(X: Floats, labels: tuple[str, ...], aliased: NDArray[np.bool_], rows: SurvivalRows) -> list[str]:
    """Refuse columns that repeat others in the table itself; name those that only the risk sets leave without contrast."""
    notes = []
    simple = {label for term in rows.terms if not term.is_factor for label in term.columns}
    scale = np.abs(X - X.mean(axis=0)).mean(axis=0)
    Z = (X - X.mean(axis=0)) / scale
    for j in np.flatnonzero(aliased):
        others = np.flatnonzero(~aliased & (np.arange(X.shape[1]) < j))
        if others.size:
            weights, *_ = np.linalg.lstsq(Z[:, others], Z[:, j], rcond=None)
            left = np.abs(Z[:, j] - Z[:, others] @ weights).max()
            if left < 1e-5:
                span = [labels[k] for k, value in zip(others, weights, strict=True) if abs(value) > 1e-6]
                said = f"{labels[j]!r} is a multiple of {span[0]!r}" if len(span) == 1 else (
                    f"{labels[j]!r} is a combination of {', '.join(map(repr, span))}"
                )
                if labels[j] in simple:
                    raise UseError(f"{said} (up to a constant): their effects cannot be told apart. Drop one of them.")
                notes.append(f"No estimate for {labels[j]!r}: {said[len(repr(labels[j])) + 1 :]}.")
                continue
        notes.append(f"No estimate for {labels[j]!r}: it does not vary within any risk set (stratum) that has an event.")
    return notes


def infinite_notes(
    X: Floats, labels: tuple[str, ...], solution: CoxSolution, rows: SurvivalRows
) -> list[str]:
    """Why each infinite coefficient is infinite, in counts, and what to do."""
    notes = []
    for j in np.flatnonzero(~solution.finite):
        x = X[:, j]
        values = np.unique(x)
        if values.size == 2:
            counts = [(int(rows.event[x == v].sum()), int((x == v).sum())) for v in values]
            rare = 0 if counts[0][0] < counts[1][0] else 1
            (few, of), (many, others) = counts[rare], counts[1 - rare]
            why = f"{few} events in {of} with {labels[j]} = {values[rare]:g}, {many} in {others} others"
        else:
            why = "the order of the events follows it perfectly"
        notes.append(
            f"{labels[j]}: the likelihood grows for ever towards {'+' if solution.coef[j] > 0 else '-'}infinity ({why}). "
            "One limit of the profile interval is finite and stands; penalty='firth' gives a finite estimate."
        )
    return notes


