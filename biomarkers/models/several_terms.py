"""A marker that enters as several terms: detected and level, or the groups of a trajectory; one test on all of them.

Each term has a row with its hazard ratio and no P of its own; the last row tests them together, by the likelihood ratio per
term against F on the events left over (the several-term case of the t-squared cut-off). A class with fewer than five events,
or fewer than ten events per parameter, leaves a descriptive row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import fdtrc

from biomarkers.domain.errors import UseError
from biomarkers.domain.marker import Marker
from biomarkers.kernels.profile import t_df
from biomarkers.models.association import (
    COVARIATE,
    HAZARD_RATIO,
    Fitted,
    Model,
    describe,
    detectable_of,
    estimates,
    usable_adjusters,
)
from biomarkers.models.cox import CoxFit, cox
from biomarkers.models.gates import EVENTS_PER_PARAMETER, MIN_EVENTS_PER_GROUP
from biomarkers.models.results_table import result_row

Floats = NDArray[np.float64]

JOINT = "joint test"


def joined(*notes: str) -> str:
    return "; ".join(dict.fromkeys(part for note in notes for part in note.split("; ") if part))


def associate_terms(
    rows: pd.DataFrame,
    terms: Mapping[str, tuple[Floats, str]],
    name: str,
    marker: Marker,
    model: Model,
    *,
    notes: Sequence[str] = (),
    groups: str | None,
    order: Sequence[str] = (),
    interaction: str | None = None,
    constant: Mapping[str, Any] | None = None,
    classes: NDArray[np.str_] | None = None,
) -> Fitted:
    """A marker of several terms: one row each with its hazard ratio, then the test of all of them together.

    Parameters
    ----------
    terms : mapping of str to ((n,) array, words)
    name : str
        The marker's term in the result table; a row is named ``name[key]``.
    classes : (n,) str, optional
        Class of each row, for the gate of five events in each.
    """
    if interaction:
        raise UseError(
            f"{marker.label} enters as {len(terms)} terms; its interaction with {interaction} needs one term. Use "
            "feature='detected'"
        )
    columns = {f"{COVARIATE}{k}": x for k, (x, _) in enumerate(terms.values())}
    frame = rows.reset_index(drop=True).assign(**columns)
    shared = {"marker": marker.name, "conf_level": model.level, **(constant or {})}
    out: list[dict[str, Any]] = []
    fits: dict[str, CoxFit] = {}
    parts = [(str(g), (frame[groups] == g).to_numpy(), model) for g in order] if groups else []
    pooled = replace(model, strata=((groups,) if groups else ()) + model.strata)
    for cohort, part, own in [*parts, ("all", np.ones(len(frame), bool), pooled)]:
        found, fit = _joint(
            frame[part],
            terms,
            columns,
            name,
            own,
            shared | {"cohort": cohort},
            notes,
            None if classes is None else classes[part],
        )
        out += found
        fits |= {cohort: fit} if fit is not None else {}
    present = [g for g in order if (frame[groups] == g).any()] if groups else []
    if groups and len(present) > 1 and "all" in fits:
        out.append(_joint_difference(frame, columns, name, pooled, groups, present, shared | {"cohort": "all"}))
    return Fitted(out, fits)


def _joint(
    frame: pd.DataFrame,
    terms: Mapping[str, tuple[Floats, str]],
    columns: Mapping[str, Floats],
    name: str,
    model: Model,
    shared: Mapping[str, Any],
    notes: Sequence[str],
    classes: NDArray[np.str_] | None,
) -> tuple[list[dict[str, Any]], CoxFit | None]:
    adjust, constant = usable_adjusters(frame, model)
    notes = [*notes, *constant]
    n, n_events = len(frame), int(frame["event"].sum())
    base = result_row(**shared, n=n, n_events=n_events, model=describe(model.strata, adjust), method="")
    used = [c for c in columns if n and frame[c].nunique() > 1]
    labels = dict(zip(columns, terms.items(), strict=True))
    why, fit = _descriptive(frame, used, adjust, model, classes), None
    if not why and model.override:
        gates = _descriptive(frame, used, adjust, replace(model, override=()), classes)
        notes = [*notes, *([f"flag: override {', '.join(model.override)} ({gates})"] if gates else [])]
    if not why:
        try:
            fit = cox(frame, "time", "event", [*used, *adjust], strata=model.strata, level=model.level)
        except UseError:      # no information left in these rows: a row with its reason, never a dead batch
            why = f"in these rows {' and '.join(terms)} cannot be told apart"
    if fit is None:
        row = base | {"term": name, "contrast": " and ".join(terms), "estimand": HAZARD_RATIO, "method": "none"}
        return [row | {"note": joined(f"descriptive only: {why}", *notes)}], None
    if adjust:
        without = cox(frame, "time", "event", adjust, strata=model.strata, interval="wald")
        bare, n_terms = without.loglik[1], fit.solution.df - without.solution.df
    else:
        bare, n_terms = fit.loglik[0], fit.solution.df
    statistic = 2 * (fit.loglik[1] - bare)
    df = t_df(n_events, fit.solution.df)
    table = fit.table.set_index("term")
    out = []
    for c in used:
        key, (_, words) = labels[c]
        out.append(
            base
            | estimates(table.loc[c])
            | {
                "term": f"{name}[{key}]",
                "contrast": words,
                "estimand": HAZARD_RATIO,
                "method": "tested together with the others",
                "p_value": np.nan,
                "detectable": detectable_of(fit, c),
                "note": joined(*notes),
            }
        )
    out.append(
        base
        | {
            "term": name,
            "contrast": f"{' and '.join(labels[c][0] for c in used)} together",
            "estimand": JOINT,
            "method": f"likelihood ratio on {n_terms} terms, F cut-off",
            "statistic": statistic,
            "p_value": float(fdtrc(n_terms, df, max(statistic, 0.0) / n_terms)) if n_terms else np.nan,
            "note": joined(*([] if n_terms else ["descriptive only: nothing varies within the strata"]), *notes),
        }
    )
    return out, fit


def _descriptive(
    frame: pd.DataFrame, used: Sequence[str], adjust: Sequence[str], model: Model, classes: NDArray[np.str_] | None
) -> str:
    """Why no hazard ratio may be given, or ""."""
    event = frame["event"].to_numpy(int) if len(frame) else np.zeros(0, int)
    if not event.sum():
        return f"0 events among {len(frame)}"
    if not used:
        return f"the marker is constant in {len(frame)} subjects"
    binary = [c for c in used if set(frame[c].unique()) <= {0.0, 1.0}]
    found = classes if classes is not None else (frame[binary[0]].to_numpy() if binary else None)
    if found is not None and "events_per_group" not in model.override:
        for level in pd.unique(pd.Series(found)):
            inside = found == level
            k = int(event[inside].sum())
            if k < MIN_EVENTS_PER_GROUP:
                words = level if classes is not None else ("detected" if level else "not detected")
                return f"{k} events in {int(inside.sum())} {words}"
    need = EVENTS_PER_PARAMETER * (len(used) + len(adjust))
    if event.sum() < need and "events_per_parameter" not in model.override:
        return f"{int(event.sum())} events for {len(used) + len(adjust)} parameters"
    return ""


def _joint_difference(
    frame: pd.DataFrame,
    columns: Mapping[str, Floats],
    name: str,
    model: Model,
    groups: str,
    present: Sequence[str],
    shared: Mapping[str, Any],
) -> dict[str, Any]:
    """Whether the terms differ between groups: one likelihood-ratio test."""
    used = [c for c in columns if frame[c].nunique() > 1]
    adjust, _ = usable_adjusters(frame, model)
    products = {f"{c}:{i}": columns[c] * (frame[groups] == g).to_numpy(float) for c in used for i, g in enumerate(present) if i}
    events = [int(frame.loc[(frame[groups] == g).to_numpy(), "event"].sum()) for g in present]
    row = result_row(**shared, n=len(frame), n_events=int(frame["event"].sum()), model=describe(model.strata, adjust))
    row |= {
        "term": f"marker:{groups}",
        "estimand": "ratio of hazard ratios",
        "method": "none",
        "contrast": f"{name}, between {len(present)} groups",
    }
    need = EVENTS_PER_PARAMETER * (len(used) + len(products) + len(adjust))
    if min(events) < MIN_EVENTS_PER_GROUP or sum(events) < need:
        return row | {
            "note": f"descriptive only: {sum(events)} events for {len(used) + len(products) + len(adjust)} parameters"
        }
    wide = frame.assign(**products)
    try:
        full = cox(wide, "time", "event", [*used, *products, *adjust], strata=model.strata, interval="wald")
    except UseError:
        # With one group's values all alike, its product repeats the others: the question has no answer in these rows.
        return row | {"note": "descriptive only: within the groups the terms cannot be told apart"}
    null = cox(wide, "time", "event", [*used, *adjust], strata=model.strata, interval="wald")
    statistic = max(2 * (full.loglik[1] - null.loglik[1]), 0.0)
    n_products = full.solution.df - null.solution.df      # a product that the strata hold already is none of them
    if n_products < 1:
        return row | {"note": "descriptive only: within the groups the terms cannot be told apart"}
    df = t_df(full.n_events, full.solution.df)
    return row | {
        "statistic": statistic,
        "p_value": float(fdtrc(n_products, df, statistic / n_products)),
        "method": f"likelihood ratio on {n_products} products, F cut-off",
        "note": f"{n_products} degrees of freedom",
    }
