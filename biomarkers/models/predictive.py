"""Does the marker say who benefits? The claim needs the interaction; two ways to look at its shape.

A marker is called predictive by the test of its interaction with a randomised arm, never because P is small in one arm and
large in the other: at these sizes that happens in half of all trials in which the marker acts alike in both. STEPP shows the
arm's hazard ratio in overlapping groups of patients ordered by the marker, a spline shows it along the marker; each has one
test of its own.

Sources: Bonetti and Gelber, Biostatistics 5 (2004) 465 for STEPP; Royston and Sauerbrei, Stat Med 23 (2004) 2509.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtri

from biomarkers.domain.errors import Refused, UseError
from biomarkers.kernels import cox as kernel
from biomarkers.kernels.resample import generator
from biomarkers.kernels.spline import QUANTILES, restricted_cubic
from biomarkers.models.columns import column, factor_levels, survival_rows
from biomarkers.models.cox import cox
from biomarkers.models.functional_form import quantile_knots
from biomarkers.models.gates import EVENTS_PER_PARAMETER, MIN_EVENTS_PER_GROUP

CLAIMS = ("prognostic", "predictive")


def refuse_claim(claim: str | None, *, marker: str, interaction: str | None, baseline: bool) -> None:
    """Refuse the word predictive where no interaction with the arm is tested, or where the marker follows treatment.

    Raises
    ------
    Refused, UseError
    """
    if claim is None:
        return
    if claim not in CLAIMS:
        raise UseError(f"claim {claim!r} is not one of {', '.join(CLAIMS)}")
    if claim == "predictive" and not baseline:
        raise Refused(
            f"{marker} on treatment as a predictive marker",
            "the arm changes an on-treatment value, so its interaction with the arm mixes cause and effect",
            'the baseline value: at="baseline", interaction="arm"')
    if claim == "predictive" and interaction != "arm":
        raise Refused(
            f"{marker} as a predictive marker from results within arms",
            "a small P in one arm and a large one in the other is no evidence that the arms differ",
            'interaction="arm": the ratio of hazard ratios and its test')


@dataclass(frozen=True, repr=False)
class Stepp:
    """The arm's effect in overlapping groups of patients ordered by the marker.

    Attributes
    ----------
    table : DataFrame
        group, marker_low, marker_median, marker_high, n, n_events, hazard_ratio, conf_low, conf_high, conf_level, note.
    statistic : float
        Largest standardised departure of a group's log hazard ratio from the overall one.
    p_value : float
        Of that statistic, by permuting the marker among patients of one arm and stratum; missing without permutations.
    permutations : int
    """

    table: pd.DataFrame
    statistic: float
    p_value: float
    permutations: int

    def __repr__(self) -> str:
        head = f"STEPP: largest departure {self.statistic:.2f}, permutation P = {self.p_value:.3g} (B = {self.permutations})"
        return f"{head}\n{self.table.to_string(index=False)}"


def stepp(frame: pd.DataFrame, time: str, event: str, marker: str, arm: str, *, size: int = 30, overlap: int = 20,
          strata: Sequence[str] = (), permutations: int = 999, seed: int = 0, level: float = 0.95) -> Stepp:
    """Sliding-window STEPP of a two-arm trial.

    Parameters
    ----------
    frame : pandas.DataFrame
    time, event, marker, arm : str
        The marker a number; the arm with two values, the second against the first.
    size, overlap : int
        Patients in each group, and how many two neighbours share.
    strata : sequence of str
    permutations, seed : int
    level : float

    Returns
    -------
    Stepp
        `.table` with one row per group, and the permutation P that the arm's effect departs nowhere from the overall one.

    Raises
    ------
    UseError
        Not two arms, or too few patients for two groups.

    Examples
    --------
    >>> import pandas as pd
    >>> from numpy.random import default_rng
    >>> rng = default_rng(3)
    >>> frame = pd.DataFrame({"tk1": rng.normal(8, 1, 120), "arm": rng.choice(["A", "B"], 120), "d": 1})
    >>> frame["t"] = rng.exponential(100, 120) + 1
    >>> len(stepp(frame, "t", "d", "tk1", "arm", size=40, overlap=20, permutations=0).table) > 2
    True
    """
    if column(frame, arm).nunique() != 2:
        raise UseError(f"STEPP compares two arms; {arm!r} has {column(frame, arm).nunique()} values")
    rows = survival_rows(frame, time, event, terms=[marker, arm], strata=tuple(strata))
    x, treated = rows.terms[0].X[:, 0], rows.terms[1].X[:, 0]
    if not 0 < overlap < size or x.size < 2 * size - overlap:
        raise UseError(f"{x.size} patients cannot make two groups of {size} that share {overlap}")
    treated = (treated == treated.max()).astype(float)
    stratum = rows.stratum if rows.stratum is not None else np.zeros(x.size, dtype=np.int64)
    windows = _windows(x.size, size, overlap)

    def effects(order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = [_arm_effect(rows.time, rows.event, treated, stratum, order[a:b]) for a, b in windows]
        return np.array([f[0] for f in found]), np.array([f[1] for f in found])

    whole = _arm_effect(rows.time, rows.event, treated, stratum, np.arange(x.size))[0]
    order = _ordered(x, rows.time, treated, stratum)
    coef, error = effects(order)
    statistic = _departure(coef, error, whole)
    cells = np.unique(np.column_stack([stratum, treated]), axis=0, return_inverse=True)[1].reshape(-1)
    # A canonical order of the patients, so that the order of the table cannot matter.
    canon = np.lexsort((x, rows.event, rows.time, cells))
    rng, exceed = generator(seed), 0
    for _ in range(permutations):
        moved = np.empty(x.size)
        moved[canon] = x[canon][np.argsort(rng.random(x.size) + cells[canon])]
        exceed += _departure(*effects(_ordered(moved, rows.time, treated, stratum)), whole) >= statistic - 1e-10
    z = float(ndtri((1 + level) / 2))
    lines = []
    for k, (a, b) in enumerate(windows):
        part = order[a:b]
        n_events = int(rows.event[part].sum())
        shown = np.isfinite(coef[k])
        lines.append({
            "group": k + 1, "marker_low": x[part].min(), "marker_median": float(np.median(x[part])),
            "marker_high": x[part].max(), "n": part.size, "n_events": n_events,
            "hazard_ratio": np.exp(coef[k]) if shown else np.nan,
            "conf_low": np.exp(coef[k] - z * error[k]) if shown else np.nan,
            "conf_high": np.exp(coef[k] + z * error[k]) if shown else np.nan, "conf_level": level,
            "note": "" if shown else f"descriptive only: fewer than {MIN_EVENTS_PER_GROUP} events in an arm",
        })
    p = (1 + exceed) / (permutations + 1) if permutations else float("nan")
    return Stepp(pd.DataFrame(lines), statistic, p, permutations)


def _windows(n: int, size: int, overlap: int) -> list[tuple[int, int]]:
    """First and last place of each group; the last one ends with the last patient."""
    starts = list(range(0, n - size + 1, size - overlap))
    return [(a, a + size) for a in starts[:-1]] + [(starts[-1], n)]


def _ordered(x: np.ndarray, time: np.ndarray, treated: np.ndarray, stratum: np.ndarray) -> np.ndarray:
    return np.lexsort((stratum, treated, time, x))


def _arm_effect(time: np.ndarray, event: np.ndarray, treated: np.ndarray, stratum: np.ndarray,
                part: np.ndarray) -> tuple[float, float]:
    """Log hazard ratio of the arm and its error; NaN where an arm has fewer than five events."""
    z, d = treated[part], event[part]
    if min(d[z == 0].sum(), d[z == 1].sum()) < MIN_EVENTS_PER_GROUP:
        return np.nan, np.nan
    fit = kernel.cox(time[part], d, z[:, None], stratum=stratum[part], timefix=False)
    return (float(fit.coef[0]), float(fit.std_error[0])) if fit.finite[0] and fit.used[0] else (np.nan, np.nan)


def _departure(coef: np.ndarray, error: np.ndarray, whole: float) -> float:
    known = np.isfinite(coef)
    return float(np.max(np.abs(coef[known] - whole) / error[known])) if known.any() else 0.0


def spline_by_arm(frame: pd.DataFrame, time: str, event: str, marker: str, arm: str, *, adjust: Sequence[str] = (),
                  strata: Sequence[str] = (), k: int = 3, points: int = 101, level: float = 0.95) -> pd.DataFrame:
    """The arm's hazard ratio along the marker, from a restricted cubic spline by arm.

    Parameters
    ----------
    frame : DataFrame
    time, event, marker, arm : str
        The marker a number; the arm with two values, the second against the first.
    adjust, strata : sequence of str
    k : int
        Knots.
    points : int
        Places of the marker at which the curve is given.
    level : float

    Returns
    -------
    pandas.DataFrame
        x, hazard_ratio (second arm against first at that marker value), conf_low, conf_high, conf_level; `.attrs` has
        knots, p_interaction (likelihood ratio, k - 1 degrees of freedom) and p_bend (the bends of the interaction alone).

    Raises
    ------
    UseError
        Not two arms, too few values, or fewer than ten events per parameter.

    Examples
    --------
    >>> import pandas as pd
    >>> from numpy.random import default_rng
    >>> rng = default_rng(3)
    >>> frame = pd.DataFrame({"tk1": rng.normal(8, 1, 120), "arm": rng.choice(["A", "B"], 120), "d": 1})
    >>> frame["t"] = rng.exponential(100, 120) + 1
    >>> spline_by_arm(frame, "t", "d", "tk1", "arm", points=5)[["x", "hazard_ratio"]].shape
    (5, 2)
    """
    known = frame.dropna(subset=[time, event, marker, arm, *adjust, *strata])
    levels = factor_levels(column(known, arm))
    if len(levels) != 2:
        raise UseError(f"the curve compares two arms; {arm!r} has {len(levels)} values")
    if k not in QUANTILES:
        raise UseError(f"k = {k!r}: the number of knots is one of {', '.join(map(str, QUANTILES))}")
    x = known[marker].to_numpy(float)
    at = quantile_knots(x, k)
    n_parameters = 2 * (k - 1) + 1 + len(adjust)
    if at is None:
        raise UseError(f"{marker!r} has {np.unique(x).size} different values: too few for {k} knots")
    if n_parameters * EVENTS_PER_PARAMETER > known[event].sum():
        raise UseError(f"{int(known[event].sum())} events for {n_parameters} parameters: ask for the linear interaction")
    treated = (known[arm] == levels[1]).to_numpy(float)
    basis = restricted_cubic(x - np.median(x), at - np.median(x))
    main = {f"_s{j}": basis[:, j] for j in range(k - 1)}
    products = {f"_p{j}": basis[:, j] * treated for j in range(k - 1)}
    wide = known.assign(_arm=treated, **main, **products)
    terms = [["_arm", *products, *main, *adjust], ["_arm", "_p0", *main, *adjust], ["_arm", *main, *adjust]]
    fits = [cox(wide, time, event, t, strata=strata, interval="wald") for t in terms]
    grid = np.linspace(*np.quantile(x, [0.025, 0.975]), points)
    D = np.column_stack([np.ones(points), restricted_cubic(grid - np.median(x), at - np.median(x))])
    coef, V = fits[0].table["coef"].to_numpy()[:k], fits[0].covariance.to_numpy()[:k, :k]
    value, error, z = D @ coef, np.sqrt(np.einsum("ij,jk,ik->i", D, V, D)), float(ndtri((1 + level) / 2))
    curve = pd.DataFrame({"x": grid, "hazard_ratio": np.exp(value), "conf_low": np.exp(value - z * error),
                          "conf_high": np.exp(value + z * error), "conf_level": level})
    whole, straight, none = (f.loglik[1] for f in fits)
    curve.attrs |= {"knots": at.tolist(), "p_interaction": float(chdtrc(k - 1, max(2 * (whole - none), 0.0))),
                    "p_bend": float(chdtrc(k - 2, max(2 * (whole - straight), 0.0)))}
    return curve


ARM_EFFECT = ("analysis", "cohort", "marker", "contrast", "part", "x", "low", "high", "value", "hazard_ratio", "conf_low",
              "conf_high", "conf_level", "overall", "n", "n_events")
"""What `figures.arm_effect` draws: rows of `part` "group" (STEPP), "curve" (the spline by arm) and "event" (one per event)."""
SHARE, SHARED, FEWEST = 0.4, 0.6, 20
"""Of all patients in each group, of a group with its neighbour, and the least patients of a group."""


def arm_effect(frame: pd.DataFrame, time: str, event: str, marker: str, arm: str, *, strata: Sequence[str] = (),
               raw: np.ndarray | None = None, level: float = 0.95, labels: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The arm's hazard ratio along the marker, in overlapping groups and, where the events carry it, as a curve.

    It shows a shape and tests nothing: the test is that of the interaction.

    Parameters
    ----------
    frame : DataFrame
    time, event, marker, arm : str
        The marker on the scale of the model; the arm with two values, the second against the first.
    strata : sequence of str
    raw : ndarray (n,), optional
        The marker in its own unit, for ticks.
    level : float
    labels : mapping of str to str, optional
        analysis, cohort, marker, contrast of every row.

    Returns
    -------
    DataFrame
        The columns `ARM_EFFECT`; no row where there are not two arms, too few patients for three groups, or so many equal
        values that two groups have the same median.

    Examples
    --------
    >>> import pandas as pd
    >>> from numpy.random import default_rng
    >>> rng = default_rng(3)
    >>> frame = pd.DataFrame({"tk1": rng.normal(8, 1, 120), "arm": rng.choice(["A", "B"], 120), "d": 1})
    >>> frame["t"] = rng.exponential(100, 120) + 1
    >>> arm_effect(frame, "t", "d", "tk1", "arm")["part"].value_counts().to_dict()
    {'event': 120, 'curve': 61, 'group': 4}
    """
    known = frame.assign(_raw=np.nan if raw is None else raw).dropna(subset=[time, event, marker, arm, *strata])
    size = max(FEWEST, round(SHARE * len(known)))
    overlap = round(SHARED * size)
    if known[arm].nunique() != 2 or known[marker].nunique() < FEWEST // 2 or len(known) < 3 * size - 2 * overlap:
        return pd.DataFrame(columns=list(ARM_EFFECT))
    whole = cox(known.assign(_arm=(known[arm] == _arms(known, arm)[1]).astype(float)), time, event, ["_arm"], strata=strata)
    shared = {"conf_level": level, "overall": float(whole.table["hazard_ratio"].iloc[0]), "n": len(known),
              "n_events": int(known[event].sum()), **(labels or {})}
    groups = stepp(known, time, event, marker, arm, size=size, overlap=overlap, strata=strata, permutations=0, level=level)
    if groups.table["marker_median"].duplicated().any():  # a pile of one value cannot be put in order
        return pd.DataFrame(columns=list(ARM_EFFECT))
    names = {"marker_median": "x", "marker_low": "low", "marker_high": "high"}
    parts = [groups.table.drop(columns=["group", "note"]).rename(columns=names).assign(part="group")]
    try:
        curve = spline_by_arm(known, time, event, marker, arm, strata=strata, points=61, level=level)
        parts.append(curve.assign(part="curve"))
    except UseError:  # fewer than ten events per parameter: the groups stand alone
        pass
    at = known.loc[known[event] == 1, [marker, "_raw"]].set_axis(["x", "value"], axis=1)
    parts.append(at.assign(part="event"))
    full = [part.assign(**{key: x for key, x in shared.items() if key not in part}) for part in parts if len(part)]
    return pd.concat([part.reindex(columns=list(ARM_EFFECT)) for part in full], ignore_index=True)



def _arms(known: pd.DataFrame, arm: str) -> list[object]:
    """The arms, the reference first: in the order of the categories, else sorted."""
    if isinstance(known[arm].dtype, pd.CategoricalDtype):
        return list(column(known, arm).cat.categories)
    return sorted(known[arm].unique())
