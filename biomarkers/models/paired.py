"""The tube drawn at progression, against the same patient's baseline: a comparison of its own, never a predictor.

A progression tube is caused by the event. What it can say is how the marker changed within those who progressed and were
drawn; it says nothing about who progresses. The change is on the marker's scale, its centre and limits are Hodges and
Lehmann's, and its P Wilcoxon's signed-rank test, exact in small samples (as R's wilcox.test).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import comb
from scipy.stats import rankdata

from biomarkers.domain.errors import UseError
from biomarkers.models.features import baseline_on_scale
from biomarkers.study.draws import baseline_values
from biomarkers.study.measurements import VALID, measurements

if TYPE_CHECKING:
    from biomarkers.study.study import Study

PAIRS = ("subject", "cohort", "baseline_day", "progression_day", "baseline", "progression", "change", "below")
PAIRED = ("cohort", "n_events", "n_drawn", "n_pairs", "n_below", "median_baseline", "median_progression", "change", "conf_low",
          "conf_high", "conf_level", "p_value", "contrast", "note")  # fmt: skip
_EXACT_UP_TO = 25


def progression_pairs(
    study: Study, marker: str, *, endpoint: str = "pfs", by: str | None = "cohort", level: float = 0.95
) -> pd.DataFrame:
    """How the marker changed from baseline to progression, by group, in those with both tubes.

    Parameters
    ----------
    study : Study
    marker : str
        A number on a scale.
    endpoint : str
    by : str or None
    level : float

    Returns
    -------
    DataFrame
        cohort, n_events, n_drawn (a progression tube), n_pairs, n_below (pairs with a value at its limit), medians in the
        marker's unit, change (Hodges-Lehmann, model scale) with limits, p_value, contrast, note.

    Examples
    --------
    >>> import biomarkers as bm
    >>> progression_pairs(bm.load_example("br1801"), "ctdna_mtm")["cohort"].tolist()
    ['ER+', 'ER-', 'all']
    """
    own = study.design.marker(marker)
    if not own.quantitative:
        raise UseError(f"{own.label} is a {own.kind}: a change needs a number. For MRD see bm.mrd(study).summary")
    rows = pairs(study, marker, endpoint)
    people = study.members.merge(study.outcome(endpoint)[["subject", "event"]], on="subject")
    people = people[people["excluded"].fillna("") == ""]
    drawn = _progression_tubes(study, marker)["subject"].unique()
    groups = list(study.design.cohorts) if by == "cohort" and study.design.cohorts else (
        sorted(people[by].dropna().unique()) if by else [])  # fmt: skip
    lines = []
    for name in [*groups, "all"]:
        who = people if name == "all" else people[people[by] == name]
        part = rows[rows["subject"].isin(set(who["subject"]))]
        dead = who[who["event"].astype(float) == 1]
        centre, low, high, p = hodges_lehmann(part["change"].to_numpy(float), level=level)
        lines.append((
            str(name), len(dead), int(dead["subject"].isin(set(drawn)).sum()), len(part), int(part["below"].sum()),
            part["baseline"].median(), part["progression"].median(), centre, low, high, level, p, f"{own.effect} from baseline",
            "descriptive: patients who progressed and were drawn; no predictor",
        ))  # fmt: skip
    return pd.DataFrame(lines, columns=list(PAIRED))


def pairs(study: Study, marker: str, endpoint: str = "pfs") -> pd.DataFrame:
    """One row per patient with an event, a baseline and a progression tube."""
    own = study.design.marker(marker)
    tubes = _progression_tubes(study, marker).drop_duplicates("subject", keep="last")
    first = baseline_values(study, own).rename(columns=lambda c: c if c == "subject" else f"baseline_{c}")
    both = tubes.merge(first[first["baseline_lost"] == ""], on="subject").merge(
        study.outcome(endpoint)[["subject", "event"]], on="subject")  # fmt: skip
    both = both[both["event"].astype(float) == 1]
    keys = study.members[["subject", *[c for c in ("cohort",) if c in study.members]]]
    both = both.merge(keys, on="subject")
    then = baseline_on_scale(both, own)
    raw, c = both["value"].to_numpy(float), both["c"].fillna(0.0).to_numpy(float)
    found = pd.DataFrame({
        "subject": both["subject"], "cohort": both.get("cohort", "all"), "baseline_day": both["baseline_draw_day"],
        "progression_day": both["day"], "baseline": both["baseline_value"].to_numpy(float), "progression": raw,
        "change": own.to_model_scale(raw, c) - then,
        "below": ((both["status"] == "below") | (both["baseline_status"] == "below")).fillna(False).astype(bool),
    })  # fmt: skip
    return found[np.isfinite(found["change"])][list(PAIRS)].reset_index(drop=True)


def _progression_tubes(study: Study, marker: str) -> pd.DataFrame:
    """Valid values of tubes taken because of progression, by subject and day."""
    rows = measurements(study, study.design.marker(marker))
    valid = rows["status"].isin(VALID) & (rows["excluded"].fillna("").astype(str) == "")
    because = rows["reason_for_draw"].fillna("").astype(str) == "progression"
    return rows[valid & because].sort_values(["subject", "day"], kind="stable", ignore_index=True)


def hodges_lehmann(change: NDArray[np.float64], *, level: float = 0.95) -> tuple[float, float, float, float]:
    """Median of the pairwise means of the changes, its limits, and the two-sided signed-rank P.

    Exact up to 25 non-zero changes without ties, else by the normal approximation with its tie correction.

    Examples
    --------
    >>> [round(v, 4) for v in hodges_lehmann(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))]
    [3.0, 1.0, 5.0, 0.0625]
    """
    d = change[np.isfinite(change)]
    nothing = float("nan")
    if d.size < 2:
        return (float(d[0]) if d.size else nothing), nothing, nothing, nothing
    i, j = np.triu_indices(d.size)
    walsh = np.sort((d[i] + d[j]) / 2)
    x = d[d != 0]
    n = x.size
    if n == 0:
        return 0.0, nothing, nothing, 1.0
    rank = rankdata(np.abs(x))
    statistic = float(rank[x > 0].sum())
    exact = n <= _EXACT_UP_TO and np.unique(np.abs(x)).size == n
    if exact:
        counts = _signed_rank_counts(n)
        tail = counts / counts.sum()
        w = round(statistic)
        p = float(min(1.0, 2 * min(tail[: w + 1].sum(), tail[w:].sum())))
    else:
        mean, variance = n * (n + 1) / 4, float((rank**2).sum()) / 4
        z = (abs(statistic - mean) - 0.5) / variance**0.5
        p = float(min(1.0, 2 * (1 - _normal(max(z, 0.0)))))
    k = _limit_rank(d.size, level)
    return float(np.median(walsh)), float(walsh[k]), float(walsh[-1 - k]), p


def _signed_rank_counts(n: int) -> NDArray[np.float64]:
    """How many sign patterns give each value of the statistic."""
    counts = np.ones(1)
    for rank in range(1, n + 1):
        grown = np.zeros(counts.size + rank)
        grown[: counts.size] += counts
        grown[rank:] += counts
        counts = grown
    assert counts.sum() == comb(n, np.arange(n + 1)).sum()
    return counts


def _limit_rank(n: int, level: float) -> int:
    """Which of the ordered pairwise means is the lower limit."""
    if n <= _EXACT_UP_TO:
        tail = np.cumsum(_signed_rank_counts(n)) / 2.0**n
        return max(int(np.searchsorted(tail, (1 - level) / 2, side="left")) - 1, 0)
    from scipy.special import ndtri

    spread = (n * (n + 1) * (2 * n + 1) / 24) ** 0.5
    return max(int(np.floor(n * (n + 1) / 4 - float(ndtri((1 + level) / 2)) * spread)), 0)


def _normal(z: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(z))
