"""Values below the limit of detection: the rule that simulations support, chosen by their share and printed with the row.

* up to 30 %: multiple imputation (20 or more) from a left-censored normal of the model-scale value given event, Nelson-Aalen
  hazard, adjusters and strata; pooled by Rubin's rules. Leaving the outcome out of that model would shrink the hazard ratio.
* 30 to 70 %: two terms, detected (yes or no) and the level above the limit where detected; one test on both.
* above 70 %: detected yes or no.
* a marker that the drug itself moves is detected yes or no on treatment.

Every substitution (the limit, half of it, zero) is biased in a direction that depends on the constant; it exists as a labelled
sensitivity only. Borders: 30 % is imputed, 70 % has two terms. The share is that of the rows analysed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from biomarkers.domain.errors import UseError
from biomarkers.domain.marker import Marker
from biomarkers.kernels import rubin, tobit
from biomarkers.kernels.profile import t_df
from biomarkers.models.association import HAZARD_RATIO, RATIO_OF_RATIOS, Fitted, Model, associate_rows
from biomarkers.models.columns import dummy_coded
from biomarkers.models.exposure import Exposure, exposure
from biomarkers.models.several_terms import associate_terms, joined

Floats = NDArray[np.float64]

IMPUTE_UP_TO, LEVEL_UP_TO = 0.30, 0.70
RULES = ("imputation", "detected and level", "detected", "at the limit", "half the limit", "limit / sqrt 2")
SUBSTITUTES = {"at the limit": 0.0, "limit / sqrt 2": -0.5, "half the limit": -1.0}
"""Sensitivities: what is put in place of a value below the limit, in doublings of the limit."""
_RIDGE = 0.04


@dataclass(frozen=True, slots=True)
class Entering:
    """A feature on its way into a model: number, its censoring, and its words.

    Attributes
    ----------
    x : (n,) float
        Model scale; where censored the limit.
    censor : (n,) int
        -1 below, 1 above, 0 measured.
    limit : (n,) float
        The limit of detection on the same scale, where known; the level of a detected value is counted from it.
    term, contrast : str
    notes : tuple of str
    """

    x: Floats
    censor: NDArray[np.int64]
    limit: Floats
    term: str
    contrast: str
    notes: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Share below the limit."""
        return float((self.censor == tobit.LEFT).mean()) if self.x.size else 0.0


def rule_for(share: float) -> str:
    """The rule for a share below the limit.

    Examples
    --------
    >>> rule_for(0.30), rule_for(0.31), rule_for(0.70), rule_for(0.71)
    ('imputation', 'detected and level', 'detected and level', 'detected')
    """
    return "imputation" if share <= IMPUTE_UP_TO else "detected and level" if share <= LEVEL_UP_TO else "detected"


def associate_entering(
    rows: pd.DataFrame,
    entering: Entering,
    marker: Marker,
    model: Model,
    *,
    rule: str | None = None,
    groups: str | None,
    order: Sequence[str] = (),
    interaction: str | None = None,
    constant: Mapping[str, Any] | None = None,
) -> tuple[Fitted, Exposure]:
    """Fit a number that may lie below its limit, by group, pooled and for heterogeneity.

    Parameters
    ----------
    rows : DataFrame
        As `associate_rows`; with a column `entry` the clock of the Nelson-Aalen hazard starts there.
    entering : Entering
        Aligned with `rows`.
    rule : str, optional
        A key of `RULES`; None takes the rule for the share below the limit.

    Returns
    -------
    Fitted, Exposure
        The exposure that the first row stands for, for curves.
    """
    rows = rows.reset_index(drop=True)
    n_below = int((entering.censor == tobit.LEFT).sum())
    n_above = int((entering.censor == tobit.RIGHT).sum())
    given = {"groups": groups, "order": order, "interaction": interaction, "constant": constant}
    if rule is not None and rule not in RULES:
        raise UseError(f"the rule for values below the limit {rule!r} is not one of {', '.join(RULES)}")
    if not n_below and not n_above:
        plain = number(entering)
        return associate_rows(rows, plain, marker, model, **given), plain
    chosen = rule or rule_for(entering.share)
    said = f"{n_below} of {len(rows)} values below the limit ({entering.share:.0%})"
    if n_above:
        said += f", {n_above} above the range" if n_below else ""
    if chosen in SUBSTITUTES:
        x = np.where(entering.censor == tobit.LEFT, entering.x + SUBSTITUTES[chosen] / marker.step, entering.x)
        note = f"sensitivity: {said}, entered at {chosen}"
        one = number(replace(entering, x=x, notes=(*entering.notes, note)))
        return associate_rows(rows, one, marker, model, **given), one
    if chosen == "detected":
        one = detected(entering, marker, f"{said}: detected yes or no")
        return associate_rows(rows, one, marker, model, **given), one
    if chosen == "detected and level":
        terms = two_terms(entering)
        notes = (*entering.notes, f"{said}: detected, and the level where detected; one test on both")
        found = associate_terms(rows, terms, entering.term, marker, model, notes=notes, **given)
        return found, detected(entering, marker, said)
    return _imputed(rows, entering, marker, model, said, given)


def associate_at_baseline(
    rows: pd.DataFrame,
    marker: Marker,
    model: Model,
    *,
    cut: Any = None,
    notes: Sequence[str] = (),
    rule: str | None = None,
    **given: Any,
) -> tuple[Fitted, Exposure]:
    """A baseline value by the rule for its limit; without values below or above one, as it stands.

    Parameters
    ----------
    rows : DataFrame
        As `exposure.exposure`.
    cut : float, str or None
        A declared class is a class, whatever lies below the limit.
    **given
        groups, order, interaction and constant of `associate_rows`.
    """
    plain = exposure(rows, marker, cut=cut, notes=notes)
    code = np.select([plain.censor == "left", plain.censor == "right"], [tobit.LEFT, tobit.RIGHT], tobit.NONE)
    if plain.groups is not None or marker.lod_rule == "none" or marker.scale == "log2(x+1)" or not code.any():
        return associate_rows(rows, plain, marker, model, **given), plain
    c = rows["c"].fillna(0.0).to_numpy(float)
    lod = pd.to_numeric(rows["lod"], errors="coerce").to_numpy(float)
    lod = np.where(np.isfinite(lod), lod, np.nan if marker.lod is None else marker.lod)
    entering = Entering(plain.x, code.astype(np.int64), marker.to_model_scale(lod, c), plain.term, plain.contrast, tuple(notes))
    return associate_entering(rows, entering, marker, model, rule=rule, **given)


def number(entering: Entering) -> Exposure:
    """The numbers as they stand, as one covariate."""
    known = np.full(entering.x.size, "none")
    return Exposure(entering.x, entering.term, entering.contrast, notes=entering.notes, censor=known)


def detected(entering: Entering, marker: Marker, note: str) -> Exposure:
    """Detected yes or no."""
    found = entering.censor != tobit.LEFT
    words = ("not detected", "detected")
    return Exposure(
        found.astype(float), f"{marker.name}[detected]", "detected against not detected",
        np.where(found, words[1], words[0]), words, (*entering.notes, note), np.full(found.size, "none"),
    )  # fmt: skip


def two_terms(entering: Entering) -> dict[str, tuple[Floats, str]]:
    """Detected, and the level from the limit where detected, with the words of each."""
    found = (entering.censor != tobit.LEFT).astype(float)
    level = entering.x - np.where(np.isfinite(entering.limit), entering.limit, _typical(entering))
    return {
        "detected": (found, "detected at the limit against not detected"),
        "level": (np.where(found > 0, level, 0.0), f"{entering.contrast} above the limit, where detected"),
    }


def _typical(entering: Entering) -> float:
    """A limit for rows without one of their own: the median of the others."""
    known = entering.limit[np.isfinite(entering.limit)]
    at_limit = entering.x[entering.censor == tobit.LEFT]
    return float(np.median(known if known.size else at_limit))


# -- multiple imputation ---------------------------------------------------------------------------------------------------
def _imputed(
    rows: pd.DataFrame, entering: Entering, marker: Marker, model: Model, said: str, given: dict[str, Any]
) -> tuple[Fitted, Exposure]:
    at_limit = number(entering)
    first = associate_rows(rows, at_limit, marker, model, **given)  # gates, counts and the permutation p come from here
    try:
        filled = impute(rows, entering, model, groups=given["groups"], m=model.imputations)
    except ValueError as problem:
        note = f"sensitivity: {said}, entered at the limit; {problem}"
        return Fitted([row | {"note": joined(row["note"], note)} for row in first.rows], first.fits), at_limit
    quick = replace(model, permutations=0, method="profile", interval="wald", checks=False)
    wanted = ["time", "event", *model.strata, *model.adjust, *filter(None, [given["groups"], given["interaction"]])]
    narrow = rows[list(dict.fromkeys(wanted))]
    runs = [{_key(row): row for row in associate_rows(narrow, replace(at_limit, x=x), marker, quick, **given).rows}
            for x in filled]
    n_groups = rows[given["groups"]].nunique() if given["groups"] else 1
    pooled = [_pool([run[_key(row)] for run in runs if _key(row) in run], row, model, said, n_groups) for row in first.rows]
    return Fitted(pooled, first.fits), at_limit


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["cohort"], row["term"], row["contrast"], row["estimand"]


def impute(rows: pd.DataFrame, entering: Entering, model: Model, *, groups: str | None, m: int) -> list[Floats]:
    """m proper imputations of x, each from its own draw of the parameters.

    The model holds event, Nelson-Aalen hazard at the own time, adjusters, strata and groups: what the Cox model will use.

    Raises
    ------
    ValueError
        Too few measured values.
    """
    start = rows["entry"].to_numpy(float) if "entry" in rows else None
    hazard = nelson_aalen(rows["time"].to_numpy(float), rows["event"].to_numpy(bool), start)
    columns = [np.ones(len(rows)), rows["event"].to_numpy(float), hazard]
    for name in dict.fromkeys([*model.adjust, *model.strata, *([groups] if groups else [])]):
        columns.append(dummy_coded(rows[name]))
    Z = tobit.independent(np.column_stack(columns))
    found = tobit.fit(entering.x, Z, entering.censor, ridge=_RIDGE)
    if not found.converged:
        raise ValueError("the censored regression did not converge")
    rng = np.random.Generator(np.random.Philox(key=[model.seed % 2**64, 0x10D]))
    return [tobit.impute(found, entering.x, Z, entering.censor, rng) for _ in range(m)]


def nelson_aalen(time: Floats, event: NDArray[np.bool_], entry: Floats | None = None) -> Floats:
    """Cumulative hazard of everybody at each own time (n,); at risk over (entry, time].

    Examples
    --------
    >>> nelson_aalen(np.array([1.0, 2, 3]), np.array([True, False, True])).round(3).tolist()
    [0.333, 0.333, 1.333]
    """
    u = np.unique(time[event])
    if not u.size:
        return np.zeros(time.size)
    at_risk = time.size - np.searchsorted(np.sort(time), u, side="left").astype(float)
    if entry is not None:
        at_risk -= time.size - np.searchsorted(np.sort(entry), u, side="left")
    deaths = np.searchsorted(np.sort(time[event]), u, side="right") - np.searchsorted(np.sort(time[event]), u, side="left")
    return np.asarray(np.r_[0.0, np.cumsum(deaths / at_risk)][np.searchsorted(u, time, side="right")])


def _pool(rows: list[dict[str, Any]], first: dict[str, Any], model: Model, said: str, n_groups: int) -> dict[str, Any]:
    """One row from m, by Rubin's rules; counts, gates and the permutation p are those of the first."""
    m = len(rows)
    if first["method"] == "none":
        return first | {"note": joined(first["note"], said)}
    if m < 2 or first["estimand"] not in (HAZARD_RATIO, RATIO_OF_RATIOS):
        return first | {"note": joined(first["note"], f"{said}, at the limit here (sensitivity)")}
    if first["estimand"] == RATIO_OF_RATIOS and not np.isfinite(first["estimate"]):
        value, p = rubin.pool_chi_square([row["statistic"] for row in rows], max(n_groups - 1, 1))
        return first | {"statistic": value, "p_value": p, "method": f"multiple imputation (m = {m}), D2"}
    estimates = np.array([row["estimate"] for row in rows], float)
    lost = m - int(np.isfinite(estimates).sum())
    if lost:
        note = f"flag: not estimable in {lost} of {m} imputations; limits with values at the limit of detection"
        return first | {"estimate": np.nan, "std_error": np.nan, "finite": False, "note": joined(first["note"], said, note)}
    errors = np.array([row["std_error"] for row in rows], float)
    found = rubin.pool(np.log(estimates), errors, df_complete=t_df(int(first["n_events"]), 1 + len(model.adjust)))
    low, high = np.exp(found.interval(model.level))
    row = first | {
        "estimate": float(np.exp(found.estimate)), "std_error": found.std_error, "conf_low": float(low),
        "conf_high": float(high), "statistic": found.statistic,
    }  # fmt: skip
    if not str(first["method"]).startswith("permutation"):
        row |= {"p_value": found.p_value, "method": f"multiple imputation (m = {m}), Rubin's t"}
    note = f"{said}: imputed given the outcome, {found.fraction_missing:.0%} of the information missing"
    return row | {"note": joined(first["note"], note)}
