"""Does this marker go with this endpoint, in this cohort? One Cox model per cohort, the stratified pooled one, and the test
whether the cohorts differ.

Rows of the result, in this order: each cohort of the design; `all`, stratified by cohort; `all` with the term
`marker:cohort`, the ratio of hazard ratios; then what stands beside them (`models.companions`). "Significant in A and not
in B" is never read as a difference.

The model of a cohort is fitted to that cohort's subjects alone, so a cohort analysed alone gives the row of the joint run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from biomarkers.domain.errors import UseError
from biomarkers.domain.marker import Marker
from biomarkers.domain.states import SUBGROUP
from biomarkers.kernels.power import conditional_variance, detectable_hazard_ratio
from biomarkers.models.columns import factor_levels
from biomarkers.models.companions import proportional_hazards_row, rmst_row
from biomarkers.models.cox import CoxFit, cox
from biomarkers.models.exposure import Exposure
from biomarkers.models.functional_form import linearity_row
from biomarkers.models.gates import MIN_EVENTS_PER_GROUP, among, events_word, gate, liberal
from biomarkers.models.influence import influence_row
from biomarkers.models.results_table import result_row

COVARIATE = "_marker"
HAZARD_RATIO, RATIO_OF_RATIOS = "hazard ratio", "ratio of hazard ratios"
IMPUTATIONS = 20


@dataclass(frozen=True, slots=True)
class Model:
    """What is fitted beside the marker, and how it is judged.

    Parameters
    ----------
    strata, adjust : tuple of str
        Columns of the rows.
    level : float
        Confidence level.
    permutations, seed : int
        Random labellings per permutation p, and the key of their stream.
    method : {"auto", "profile", "permutation"}
        Which p is the confirmatory one; "auto" by the rules for small samples.
    override : tuple of str
        Gates that were switched off in writing.
    interval : {"auto", "wald"}
        Of the fits; a fit that is only pooled with others needs no profile.
    imputations : int
        Of values below the limit, where the rule imputes them.
    checks : bool
        Whether tests of assumptions and other companions stand beside each row; a specification curve does without.
    difference : bool
        Whether the groups are compared; a specification curve does without.
    """

    strata: tuple[str, ...] = ()
    adjust: tuple[str, ...] = ()
    level: float = 0.95
    permutations: int = 9999
    seed: int = 0
    method: str = "auto"
    override: tuple[str, ...] = ()
    checks: bool = True
    difference: bool = True
    interval: str = "auto"
    imputations: int = IMPUTATIONS


@dataclass(frozen=True, slots=True)
class Fitted:
    """Result rows with the fits they came from, by cohort."""

    rows: list[dict[str, Any]]
    fits: Mapping[str, CoxFit] = field(default_factory=dict)


def associate_rows(rows: pd.DataFrame, exposure: Exposure, marker: Marker, model: Model, *, groups: str | None,
                   order: Sequence[str] = (), interaction: str | None = None,
                   constant: Mapping[str, Any] | None = None) -> Fitted:
    """Fit one exposure by group, pooled and for heterogeneity.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row per subject analysed: time (days), event (0/1), the strata, adjusters and grouping column.
    exposure : Exposure
        Aligned with `rows`.
    groups : str or None
        Column that makes the groups (the cohort); None fits the pooled model alone.
    order : sequence of str
        Groups in the order of the design; a group without rows keeps its place.
    interaction : str or None
        A column (arm) whose interaction with the marker is tested within each group: subgroup rows, then the ratio.
    constant : mapping
        Fields that all rows share (analysis, endpoint, timing, ...).
    """
    frame = rows.reset_index(drop=True).assign(**{COVARIATE: exposure.x})
    shared = {"marker": marker.name, "term": exposure.term, "contrast": exposure.contrast, "estimand": HAZARD_RATIO,
              "conf_level": model.level, **(constant or {})}
    pooled = replace(model, strata=((groups,) if groups else ()) + model.strata)
    parts = [(str(name), (frame[groups] == name).to_numpy(), model) for name in order] if groups else []
    parts.append(("all", np.ones(len(frame), bool), pooled))
    out: list[dict[str, Any]] = []
    beside: list[dict[str, Any]] = []
    fits: dict[str, CoxFit] = {}
    for name, part, judged in parts:
        here = shared | {"cohort": name}
        row, fit = _one(frame[part], exposure.part(part), judged, here)
        out.append(row)
        if interaction:
            out += _by_arm(frame[part], exposure.part(part), judged, interaction, here)
        if fit is not None:
            fits[name] = fit
        if fit is not None and model.checks:
            within = (groups,) if groups and name == "all" else ()
            beside += _companions(frame[part], exposure.part(part), fit, judged, within, here, row["model"])
    if model.difference and groups and len([g for g in order if (frame[groups] == g).any()]) > 1:
        out.append(_difference(frame, exposure, pooled, groups, order, shared | {"cohort": "all"}))
    return Fitted([*out, *beside], fits)


def _companions(frame: pd.DataFrame, exposure: Exposure, fit: CoxFit, model: Model, within: tuple[str, ...],
                shared: Mapping[str, Any], words: str) -> list[dict[str, Any]]:
    """Tests of proportional hazards and of the straight line, the influence of one subject, and for two classes days gained."""
    rows: list[dict[str, Any] | None] = []
    if fit.table["finite"].all():
        terms: dict[str, Any] = {"adjust": [t for t in fit.blocks if t != COVARIATE], "strata": fit.strata,
                                 "shared": shared, "model": words}
        rows.append(proportional_hazards_row(fit, COVARIATE, shared, words))
        if exposure.groups is None:
            rows.append(linearity_row(frame, COVARIATE, fit.loglik[1], n_parameters=fit.solution.df, **terms))
        rows.append(influence_row(frame, fit, COVARIATE, level=model.level, **terms))
    if exposure.binary:
        rows.append(rmst_row(frame, exposure, within, model.level, shared))
    return [row for row in rows if row is not None]


def _one(frame: pd.DataFrame, exposure: Exposure, model: Model,
         shared: Mapping[str, Any]) -> tuple[dict[str, Any], CoxFit | None]:
    """One model, one row: gated before it is fitted, with its permutation p and what it could have detected."""
    strata = model.strata
    adjust, notes = usable_adjusters(frame, model)
    n, n_events = len(frame), int(frame["event"].sum())
    row = result_row(**shared, n=n, n_events=n_events, model=describe(strata, adjust), method="")
    notes = [*exposure.assumed, *notes]
    verdict = gate(frame["event"].to_numpy(int), exposure, n_parameters=1 + _columns(frame, adjust), override=model.override)
    notes += verdict.notes
    if verdict.descriptive:
        return row | {"note": _note([f"descriptive only: {verdict.descriptive}", *notes]), "method": "none"}, None
    try:
        fit = cox(frame, "time", "event", [COVARIATE, *adjust], strata=strata, level=model.level, interval=model.interval)
    except UseError as refusal:      # no information left: a row with its reason, never a dead batch
        return row | {"note": _note([f"descriptive only: {_readable(refusal)}", *notes]), "method": "none"}, None
    same = repeated(fit, frame, adjust, strata)
    if same:
        reason = f"descriptive only: the marker and {same} cannot be told apart"
        return row | {"note": _note([reason, *notes]), "method": "none"}, None
    line = fit.table[fit.table["term"] == COVARIATE].iloc[0]
    row |= estimates(line) | {"method": "likelihood ratio, t² cut-off"}
    row["detectable"] = detectable_of(fit, COVARIATE)
    if model.permutations:
        permuted = fit.permutation_p(COVARIATE, permutations=model.permutations, seed=model.seed).p_value
        row["p_permutation"] = permuted
        if model.method == "permutation" or (model.method == "auto" and verdict.permute):
            row |= {"p_value": permuted, "method": f"permutation within strata, B = {model.permutations}"}
            notes.append(verdict.permute or "permutation asked for")
    if not row["finite"]:
        notes.append(_not_finite(line, exposure, frame))
    return row | {"note": _note([*notes, *_fit_notes(fit)])}, fit


def estimates(line: pd.Series) -> dict[str, Any]:
    """The fields of a result row that a line of a `CoxFit` table gives."""
    finite = bool(line["finite"])
    return {
        "estimate": float(line["hazard_ratio"]) if finite else np.nan,
        "std_error": float(line["std_error"]) if finite else np.nan,
        "conf_low": float(line["conf_low"]), "conf_high": float(line["conf_high"]),
        "statistic": float(line["statistic"]), "p_value": float(line["p_value"]), "finite": finite,
    }


def _by_arm(frame: pd.DataFrame, exposure: Exposure, model: Model, arm: str, shared: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Subgroup rows and the ratio of their hazard ratios; only the ratio speaks about prediction."""
    levels: list[Any] = factor_levels(frame[arm])
    out = []
    for name in levels:
        part = (frame[arm] == name).to_numpy()
        inner = replace(model, adjust=tuple(a for a in model.adjust if a != arm), permutations=0)
        row, _ = _one(frame[part], exposure.part(part), inner, shared)
        row["contrast"] = f"{exposure.contrast}, in {name}"
        row["note"] = _note([row["note"], SUBGROUP])
        out.append(row)
    if len(levels) > 1:
        out.append(_difference(frame, exposure, model, arm, levels, shared))
    return out


def _difference(frame: pd.DataFrame, exposure: Exposure, model: Model, column: str, order: Sequence[Any],
                shared: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the hazard ratio differs between groups: the likelihood-ratio test, and for two groups the ratio."""
    present = [g for g in order if (frame[column] == g).any()]
    strata = model.strata
    adjust, notes = usable_adjusters(frame, model)
    products = {f"{COVARIATE}:{i}": exposure.x * (frame[column] == g).to_numpy(float) for i, g in enumerate(present) if i}
    main = [] if column in strata or column in adjust else [column]
    terms = [COVARIATE, *products, *adjust, *main]
    row = result_row(**shared, n=len(frame), n_events=int(frame["event"].sum()), model=describe(strata, [*adjust, *main]))
    row |= {"term": f"marker:{column}", "estimand": RATIO_OF_RATIOS, "method": "likelihood ratio"}
    row["contrast"] = f"{exposure.contrast}, {present[1]} against {present[0]}" if len(present) == 2 else (
        f"{exposure.contrast}, between {len(present)} groups")
    short = next(filter(None, (_cell_shortage(frame, exposure, column, g) for g in present)), "")
    if short and "events_per_group" not in model.override:
        return row | {"note": _note([f"descriptive only: {short}", *notes]), "method": "none"}
    notes += [f"flag: override events_per_group ({short})"] if short else []
    notes += liberal(exposure.x, frame["event"].to_numpy(int))
    wide = frame.assign(**products)
    try:
        fit = cox(wide, "time", "event", terms, strata=strata, level=model.level, interval=model.interval)
    except UseError as refusal:
        return row | {"note": _note([f"descriptive only: {_readable(refusal)}", *notes]), "method": "none"}
    same = repeated(fit, wide, [*adjust, *main], strata)
    if same:
        reason = f"descriptive only: the marker and {same} cannot be told apart"
        return row | {"note": _note([reason, *notes]), "method": "none"}
    if len(present) == 2:
        row |= estimates(fit.table[fit.table["term"] == f"{COVARIATE}:1"].iloc[0]) | {"method": "likelihood ratio, t² cut-off"}
        row["detectable"] = detectable_of(fit, f"{COVARIATE}:1")
        return row | {"note": _note([*notes, *_fit_notes(fit)])}
    null = cox(wide, "time", "event", [t for t in terms if t not in products], strata=strata, interval="wald")
    statistic = 2 * (fit.loglik[1] - null.loglik[1])
    df = fit.solution.df - null.solution.df      # a product that the strata hold already is none of them
    if df < 1:
        reason = "descriptive only: within the strata no group has a contrast of its own"
        return row | {"note": _note([reason, *notes]), "method": "none"}
    row |= {"statistic": statistic, "p_value": float(chdtrc(df, statistic))}
    return row | {"note": _note([*notes, f"{df} degrees of freedom"])}


def repeated(fit: CoxFit, frame: pd.DataFrame, adjust: Sequence[str], strata: Sequence[str], *, marker: str = COVARIATE,
             time: str = "time", entry: str | None = None) -> str:
    """Adjusters that the marker repeats: aliased beside it, but not without it (as one that the strata hold already)."""
    beside = {term for term in fit.table.loc[fit.table["coef"].isna(), "term"] if not term.startswith(f"{marker}:")}
    if not beside:
        return ""
    if marker in beside or not adjust:
        return "the strata"
    alone = cox(frame, time, "event", list(adjust), entry=entry, strata=strata, interval="wald").table
    return ", ".join(sorted(beside - set(alone.loc[alone["coef"].isna(), "term"])))


def _readable(refusal: UseError) -> str:
    """What the model said, in the words of the row."""
    return str(refusal).replace(f"{COVARIATE}:1", "marker by group").replace(COVARIATE, "marker").rstrip(".")


def _cell_shortage(frame: pd.DataFrame, exposure: Exposure, column: str, group: Any) -> str:
    """Fewer than five events in a group, or in one of its marker classes, or a marker that is constant there."""
    part = (frame[column] == group).to_numpy()
    events = frame["event"].to_numpy(int)
    if events[part].sum() < MIN_EVENTS_PER_GROUP:
        return f"{events_word(int(events[part].sum()))} in {group}"
    if np.ptp(exposure.x[part]) == 0:
        return f"the marker is constant in {group}"
    if exposure.binary and exposure.groups is not None:
        for name in exposure.order:
            inside = part & (exposure.groups == name)
            if events[inside].sum() < MIN_EVENTS_PER_GROUP:
                return f"{events_word(int(events[inside].sum()))} in {name}, {group}"
    return ""


def usable_adjusters(frame: pd.DataFrame, model: Model) -> tuple[list[str], list[str]]:
    """Adjusters that vary here, and a note on each constant one that was left out."""
    notes, kept = [], []
    for name in model.adjust:
        if frame[name].nunique(dropna=True) > 1:
            kept.append(name)
        elif len(frame):
            notes.append(f"{name} is constant here ({frame[name].iloc[0]}) and was left out")
    return kept, notes


def _columns(frame: pd.DataFrame, adjust: Sequence[str]) -> int:
    """Coefficients that the adjusters take."""
    numeric = [pd.api.types.is_numeric_dtype(frame[a]) for a in adjust]
    return sum(1 if is_number else frame[a].nunique() - 1 for a, is_number in zip(adjust, numeric, strict=True))


def detectable_of(fit: CoxFit, tested: str) -> float:
    """The hazard ratio of one term that these events detect, given the other terms and the strata of its fit."""
    columns = {term.name: term.X for term in fit.rows.terms}
    x = columns.pop(tested)[:, 0]
    others = [*columns.values()]
    if fit.rows.stratum is not None:
        others.append((fit.rows.stratum[:, None] == np.arange(1, fit.rows.stratum.max() + 1)).astype(float))
    left = conditional_variance(x, np.column_stack(others) if others else np.empty((0, 0)))
    return detectable_hazard_ratio(fit.n_events, left)


def _not_finite(line: pd.Series, exposure: Exposure, frame: pd.DataFrame) -> str:
    """Why there is no estimate, in counts."""
    events = frame["event"].to_numpy(int)
    if exposure.binary and exposure.groups is not None:
        for name in exposure.order:
            inside = exposure.groups == name
            if not events[inside].any():
                return f"flag: not estimable, 0 events in {among(int(inside.sum()), str(name))}; one-sided limit"
    return one_sided(line)


def one_sided(line: pd.Series) -> str:
    """What a line of a `CoxFit` table without a finite estimate must say."""
    direction = "above" if line["conf_high"] == np.inf else "below"
    return f"flag: not estimable, the likelihood has no maximum; the hazard ratio is bounded on one side only ({direction})"


def _fit_notes(fit: CoxFit) -> list[str]:
    return [note for note in fit.notes if "dropped" in note or "merged" in note]


def _note(parts: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(part for part in parts if part))


def describe(strata: Sequence[str], adjust: Sequence[str]) -> str:
    """The model in words: "Cox, Efron ties; strata liver_mets; adjusted for arm"."""
    parts = ["Cox, Efron ties"]
    if strata:
        parts.append(f"strata {', '.join(strata)}")
    if adjust:
        parts.append(f"adjusted for {', '.join(adjust)}")
    return "; ".join(parts)
