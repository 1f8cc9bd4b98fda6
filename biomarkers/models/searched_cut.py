"""A cut-point searched in these data: the P pays for the search, the hazard ratio is shrunken, the row is exploratory.

No naive hazard ratio and no interval stand beside a searched cut: the best of many cuts has a hazard ratio of 1.6 to 2.3 where
nothing is there, and its ordinary interval covers the truth far less often than it says. Discrete adjusters (arm) join the
strata of the search, because a log-rank statistic has strata and no covariates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.domain.marker import Marker
from biomarkers.kernels.searched_cut import shrunken_cut
from biomarkers.models.association import HAZARD_RATIO, Fitted, Model
from biomarkers.models.gates import MIN_EVENTS_PER_GROUP, events_word
from biomarkers.models.max_selected import max_selected
from biomarkers.models.results_table import result_row

SEARCH = "search"
"""The word for it: ``cut = "search"``."""
MIN_SHARE = 0.10
_MIN_EVENTS = 20
_LEVELS = 4


def searched_cut_rows(rows: pd.DataFrame, marker: Marker, model: Model, *, groups: str | None, order: Sequence[str] = (),
                      constant: Mapping[str, Any] | None = None) -> Fitted:
    """The searched cut of each group and of all together.

    Parameters
    ----------
    rows : pandas.DataFrame
        time, event, value (in the marker's unit), the strata, adjusters and grouping column.
    marker : Marker
    model : Model
        Permutations below 199 are raised to 199: the P of a search has no other source.
    groups : str or None
    order : sequence of str
    constant : mapping

    Returns
    -------
    Fitted
        One row each; `prespecified` is False whatever asked for it.
    """
    if not marker.quantitative:
        raise UseError(f"{marker.label} has levels: there is no cut to search")
    frame = rows.reset_index(drop=True)
    shared = {"marker": marker.name, "term": f"{marker.name}[searched cut]", "estimand": HAZARD_RATIO,
              "conf_level": model.level, **(constant or {}), "prespecified": False}
    parts = [(str(g), frame[frame[groups] == g], ()) for g in order] if groups else []
    parts.append(("all", frame, (groups,) if groups else ()))
    return Fitted([_searched(part, marker, model, within, shared | {"cohort": name}) for name, part, within in parts])


def _searched(part: pd.DataFrame, marker: Marker, model: Model, within: tuple[str, ...],
              shared: Mapping[str, Any]) -> dict[str, Any]:
    discrete = [a for a in model.adjust if part[a].nunique() <= _LEVELS]
    left = [a for a in model.adjust if a not in discrete]
    strata = [*within, *model.strata, *discrete]
    n_events = int(part["event"].sum())
    words = "log-rank" + (f"; strata {', '.join(strata)}" if strata else "")
    row = result_row(**shared, n=len(part), n_events=n_events, model=words, method="none", finite=False)
    if n_events < _MIN_EVENTS or part["value"].nunique() < 3:
        why = f"{events_word(n_events)}" if n_events < _MIN_EVENTS else f"{part['value'].nunique()} different values"
        return row | {"note": f"descriptive only: {why} for a searched cut; exploratory"}
    plain = part.assign(**{s: part[s].astype(str) for s in strata})
    permutations = max(model.permutations, 199)
    found = max_selected(plain, "time", "event", "value", strata=strata, minprop=MIN_SHARE, maxprop=1 - MIN_SHARE,
                         permutations=permutations, seed=model.seed)
    cut, p = found.cutpoint, found.p_values["permutation"]
    unit = f" {marker.unit}" if marker.unit else ""
    row |= {"contrast": f"> {cut:g}{unit} against at or below it, cut searched in these data",
            "method": f"maximally selected log-rank, permutation within strata, B = {permutations}",
            "statistic": found.statistic, "p_value": p, "p_permutation": p}
    note = [f"exploratory: the best of {len(found.table)} cuts", "P pays for the search"]
    if left:
        note.append(f"not adjusted for {', '.join(left)}")
    above = part["value"] > cut
    fewest = min(int(part.loc[above, "event"].sum()), int(part.loc[~above, "event"].sum()))
    if fewest < MIN_EVENTS_PER_GROUP:
        return row | {"note": "; ".join([*note, f"no hazard ratio: {events_word(fewest)} on one side"])}
    codes = plain[strata].agg("\x1f".join, axis=1).to_numpy() if strata else None
    shrunken = shrunken_cut(part["time"].to_numpy(float), part["event"].to_numpy(bool), part["value"].to_numpy(float),
                            stratum=codes, minprop=MIN_SHARE, maxprop=1 - MIN_SHARE)
    note += [f"hazard ratio shrunken by cross-validation (factor {shrunken.factor:.2f})", "an interval would ignore the search"]
    return row | {"estimate": float(np.exp(shrunken.coef)), "finite": True, "note": "; ".join(note)}
