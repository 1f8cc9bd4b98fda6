"""What changes at progression? The progression draw against the same patient's baseline, within those who have both.

It describes a biology at progression and predicts nothing: the draw was taken because the event had come. Nobody without a
progression draw is in it, so it never stands beside a hazard ratio.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from biomarkers.domain.marker import Marker
from biomarkers.kernels.resample import generator
from biomarkers.models.design_terms import group_order
from biomarkers.models.results_table import result_row
from biomarkers.study.draws import baseline_values
from biomarkers.study.measurements import VALID

if TYPE_CHECKING:
    from biomarkers.study.study import Study

CHANGE = "mean change to progression"
MIN_PAIRS = 5
_EXACT_UP_TO = 14


def progression_pairs(study: Study, marker: Marker) -> pd.DataFrame:
    """subject, cohort, arm, baseline and progression value on the model scale, and whether one lies below its limit.

    The last valid draw labelled progression counts; values below a limit stand at it.
    """
    base = baseline_values(study, marker)
    base = base[base["lost"] == ""].set_index("subject")
    rows = study.measured(marker)
    taken = rows["reason_for_draw"].fillna("") == "progression"
    good = taken & rows["status"].isin(VALID) & (rows["excluded"].fillna("") == "")
    last = rows[good].sort_values("day", kind="stable").drop_duplicates("subject", keep="last").set_index("subject")
    people = study.analysable[["subject", *study.groups]]
    both = people[people["subject"].isin(base.index) & people["subject"].isin(last.index)].reset_index(drop=True)

    def on_scale(values: pd.DataFrame) -> np.ndarray:
        chosen = values.loc[both["subject"]]
        return marker.to_model_scale(chosen["value"].astype(float).to_numpy(), chosen["c"].fillna(0.0).astype(float).to_numpy())

    limited = [(base.loc[s, "censor"] == "left") or (last.loc[s, "censor"] == "left") for s in both["subject"]]
    return both.assign(baseline=on_scale(base), progression=on_scale(last), limited=limited)


def sign_flip_p(change: np.ndarray, *, permutations: int, seed: int) -> float:
    """Two-sided P of a mean change by flipping signs: exact up to 14 pairs, else random.

    Examples
    --------
    >>> sign_flip_p(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), permutations=0, seed=0)
    0.0625
    """
    observed = abs(float(change.sum())) - 1e-10
    if change.size <= _EXACT_UP_TO:
        signs = np.array(list(product((-1.0, 1.0), repeat=change.size)))
        return float((np.abs(signs @ change) >= observed).mean())
    signs = generator(seed).choice((-1.0, 1.0), size=(permutations, change.size))
    # Sorted, so that the order of the patients cannot matter.
    return (1 + int((np.abs(signs @ np.sort(change)) >= observed).sum())) / (permutations + 1)


def progression_rows(study: Study, marker: Marker, *, by: str | None = "cohort", permutations: int = 9999, seed: int = 0,
                     level: float = 0.95, constant: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The mean paired change per group and over all, as result rows."""
    pairs = progression_pairs(study, marker)
    parts = [(str(g), pairs[pairs[by] == g]) for g in group_order(study, by, pairs)] + [("all", pairs)]
    return [_change(part, marker, permutations, seed, level, {**(constant or {}), "cohort": name}) for name, part in parts]


def _change(part: pd.DataFrame, marker: Marker, permutations: int, seed: int, level: float,
            shared: Mapping[str, Any]) -> dict[str, Any]:
    part = part[np.isfinite(part["progression"] - part["baseline"])]
    change = (part["progression"] - part["baseline"]).to_numpy(float)
    row = result_row(**shared, marker=marker.name, term=marker.name,
                     contrast=f"progression minus baseline, {_steps(marker.effect)}", estimand=CHANGE, model="paired",
                     timing="at progression", method="none", conf_level=level, n=change.size,
                     n_events=change.size)
    said = ["the draw was taken because of the event: it predicts nothing"]
    if part["limited"].any():
        said.append(f"{int(part['limited'].sum())} pairs with a value below its limit, entered at the limit")
    if change.size < MIN_PAIRS:
        return row | {"note": "; ".join([f"descriptive only: {change.size} pairs", *said])}
    error = float(change.std(ddof=1)) / np.sqrt(change.size)
    half = float(stdtrit(change.size - 1, (1 + level) / 2)) * error
    row |= {"estimate": float(change.mean()), "std_error": error, "conf_low": float(change.mean()) - half,
            "conf_high": float(change.mean()) + half, "note": "; ".join(said)}
    if permutations or change.size <= _EXACT_UP_TO:
        exact = change.size <= _EXACT_UP_TO
        row |= {"p_value": sign_flip_p(change, permutations=permutations, seed=seed),
                "method": "sign flips, exact" if exact else f"sign flips, B = {permutations}"}
    else:
        row["method"] = "t interval"
    return row


def _steps(effect: str) -> str:
    """ "per doubling of the odds" as "doublings of the odds"; "per 10 points" as "units of 10 points"."""
    first, _, rest = effect.removeprefix("per ").partition(" ")
    return (f"{first}s {rest}" if first == "doubling" else f"units of {first} {rest}").rstrip()
