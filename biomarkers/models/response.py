"""Does the marker go with response? Logistic regression by cohort, exact where the table is small.

A response is yes or no; who could not be assessed counts as no response unless it is declared otherwise, and is counted either
way. For two classes of marker with fewer than ten responders or non-responders per parameter the answer is the exact
conditional one (Fisher's, within strata); for a number the P is then a permutation within strata. Where the likelihood has no
maximum, the odds ratio is said to be infinite, with its one finite limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.kernels.fourfold import conditional
from biomarkers.kernels.logistic import Logistic, logistic
from biomarkers.kernels.resample import generator
from biomarkers.kernels.response_power import Responses, detectable_odds_ratio
from biomarkers.kernels.riskset import coded
from biomarkers.models.association import Model
from biomarkers.models.best_response import RESPONDERS, best_response
from biomarkers.models.columns import dummy_coded, factor_levels
from biomarkers.models.exposure import Exposure
from biomarkers.models.gates import MIN_EVENTS_PER_GROUP
from biomarkers.models.results_table import result_row
from biomarkers.models.selection import independent

if TYPE_CHECKING:
    from biomarkers.study.study import Study

ODDS_RATIO, RATIO_OF_ODDS = "odds ratio", "ratio of odds ratios"
MISSING_RULES = ("non-response", "excluded")
PER_PARAMETER = 10


def best_responses(study: Study, *, responders: Sequence[str] = RESPONDERS,
                   not_evaluable: str = "non-response") -> pd.DataFrame:
    """Best response of each subject: subject, best, event (1 responder), lost, detail.

    Parameters
    ----------
    study : Study
        With a table `response`.
    responders : sequence of str
    not_evaluable : {"non-response", "excluded"}
        What becomes of a subject without an evaluable response.

    Raises
    ------
    UseError
        No response table, or a response that is not CR, PR, SD, PD or NE.
    """
    if not_evaluable not in MISSING_RULES:
        raise UseError(f"not_evaluable {not_evaluable!r} is not one of {', '.join(MISSING_RULES)}")
    rows = study.tables.get("response")
    if rows is None or rows.empty:
        raise UseError("the study has no response table: declare it in study.toml, [tables] response = \"response.csv\"")
    usable = rows[rows["excluded"].isna()] if "excluded" in rows else rows
    said = usable.assign(response=usable["response"].fillna("NE"))
    best = best_response(said[said["subject"].isin(study.subjects["subject"])], list(study.subjects["subject"]),
                         responders=responders)
    out = study.subjects[["subject"]].reset_index(drop=True)
    out["best"] = best["best"]
    known = out["best"] != "NE"
    out["event"] = best["responder"].astype(int)
    out["lost"] = np.where(known | (not_evaluable == "non-response"), "", "not_evaluable")
    out["detail"] = np.where(out["lost"] == "", "", "response not evaluable")
    return out


def response_rows(rows: pd.DataFrame, exposure: Exposure, marker: str, model: Model, *, groups: str | None = None,
                  order: Sequence[str] = (), interaction: str | None = None,
                  constant: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Odds ratios by group, pooled, and the test that the groups agree.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row per subject: event (1 responder), the strata, adjusters and grouping column.
    exposure : Exposure
        Aligned with `rows`.
    marker : str
    model : Model
    groups : str or None
    order : sequence of str
    interaction : str or None
        A column (arm) whose interaction is tested.
    """
    frame = rows.reset_index(drop=True)
    shared = {"marker": marker, "term": exposure.term, "contrast": exposure.contrast, "estimand": ODDS_RATIO,
              "conf_level": model.level, **(constant or {})}
    out = []
    for name in (str(o) for o in order) if groups else ():
        part = (frame[groups] == name).to_numpy()
        out.append(_one(frame[part], exposure.part(part), model, (), shared | {"cohort": name}))
    within = (groups,) if groups else ()
    out.append(_one(frame, exposure, model, within, shared | {"cohort": "all"}))
    for column in dict.fromkeys(c for c in (groups, interaction) if c):
        out.append(_difference(frame, exposure, model, column, within, shared | {"cohort": "all"}))
    return out


def response_studies(rows: pd.DataFrame, exposure: Exposure, model: Model, *, groups: str | None = None,
                     order: Sequence[str] = ()) -> dict[str, Responses]:
    """What each odds ratio of `response_rows` was made of, by cohort, for what it could detect; descriptive rows have none."""
    frame = rows.reset_index(drop=True)
    parts = [(str(o), (frame[groups] == o).to_numpy(), ()) for o in order] if groups else []
    parts.append(("all", np.ones(len(frame), bool), (groups,) if groups else ()))
    out = {}
    for name, part, within in parts:
        here, own = frame[part], exposure.part(part)
        others = [*within, *model.strata, *model.adjust]
        if not _descriptive(here, own, others):
            out[name] = _study(here, own, others)
    return out


def _study(frame: pd.DataFrame, exposure: Exposure, others: Sequence[str]) -> Responses:
    y, Z = frame["event"].to_numpy(float), _dummies(frame, others)
    small = min(y.sum(), len(y) - y.sum()) < PER_PARAMETER * Z.shape[1]
    cell = coded(_cells(frame, others)[0], len(frame)) if exposure.binary and small else None
    return Responses(exposure.x, Z, y, cell)


def _descriptive(frame: pd.DataFrame, exposure: Exposure, others: Sequence[str]) -> str:
    """Why no odds ratio may be given, or ""."""
    responders, n = int(frame["event"].sum()), len(frame)
    if min(responders, n - responders) < MIN_EVENTS_PER_GROUP:
        return f"{responders} responders among {n}"
    if np.unique(exposure.x).size < 2:
        return f"the marker is constant in {n} subjects"
    Z = _dummies(frame, others)
    own = Z.shape[1] in independent(np.column_stack([Z, exposure.x]))
    return "" if own else f"the marker and {', '.join(others)} cannot be told apart"


def _cells(frame: pd.DataFrame, others: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """The cell of each subject by the discrete terms, and which they are."""
    discrete = [c for c in others if frame[c].nunique() <= 4]
    labels = frame[discrete].astype(str).agg("\x1f".join, axis=1).to_numpy() if discrete else np.full(len(frame), "")
    return labels, discrete


def _one(frame: pd.DataFrame, exposure: Exposure, model: Model, within: Sequence[str],
         shared: Mapping[str, Any]) -> dict[str, Any]:
    y = frame["event"].to_numpy(float)
    responders, n = int(y.sum()), len(y)
    others = [*within, *model.strata, *model.adjust]
    row = result_row(**shared, n=n, n_events=responders, model=_words(others), method="none")
    few = min(responders, n - responders)
    why = _descriptive(frame, exposure, others)
    if why:
        return row | {"note": "; ".join([f"descriptive only: {why}", *exposure.assumed])}
    study = _study(frame, exposure, others)
    Z = study.Z
    small = few < PER_PARAMETER * Z.shape[1]
    row["detectable"] = detectable_odds_ratio(study)
    if study.cell is not None:
        return row | _exact(frame, exposure, others, model.level)
    fit = logistic(np.column_stack([Z, exposure.x]), y)
    j = Z.shape[1]
    statistic, p = fit.likelihood_ratio(j)
    low, high = fit.profile(j, level=model.level)
    row |= _numbers(fit, j, statistic, low, high) | {"p_value": p, "method": "logistic, likelihood ratio and profile"}
    notes = list(exposure.assumed)
    if small and model.permutations:
        row |= {"p_value": _permuted(frame, y, exposure.x, others, model), "method":
                f"logistic; permutation within strata, B = {model.permutations}"}
        row["p_permutation"] = row["p_value"]
        notes.append(f"{few} in the smaller outcome: permutation P leads")
    if not row["finite"]:
        notes.append("flag: not estimable, the marker separates responders from the others; one-sided limit")
    return row | {"note": "; ".join(notes)}


def _exact(frame: pd.DataFrame, exposure: Exposure, others: Sequence[str], level: float) -> dict[str, Any]:
    """Fisher's test and the conditional odds ratio, within the cells of strata and discrete adjusters."""
    cells, discrete = _cells(frame, others)
    x, y = exposure.x == exposure.x.max(), frame["event"].to_numpy(bool)
    tables = []
    for cell in np.unique(cells):
        here = cells == cell
        tables.append([int(y[here & x].sum()), int((here & x).sum()), int(y[here & ~x].sum()), int((here & ~x).sum())])
    found = conditional(tables, level=level)
    finite = bool(np.isfinite(found.odds_ratio) and found.odds_ratio > 0)
    left = [c for c in others if c not in discrete]
    note = [*exposure.assumed, *([f"not adjusted for {', '.join(left)}"] if left else [])]
    if not finite:
        note.append("flag: not estimable, an empty cell; one-sided limit")
    return {"estimate": found.odds_ratio if finite else np.nan, "std_error": found.std_error if finite else np.nan,
            "conf_low": found.low, "conf_high": found.high, "p_value": found.p_value, "finite": finite,
            "method": "exact conditional (Fisher) within strata", "note": "; ".join(note)}


def _permuted(frame: pd.DataFrame, y: np.ndarray, x: np.ndarray, others: Sequence[str], model: Model) -> float:
    """Permutation P of the score of the marker given the other terms, within the cells of the discrete ones."""
    code = coded(_cells(frame, others)[0], len(frame))
    null = logistic(_dummies(frame, others), y)
    residual = y - null.fitted
    canon = np.lexsort((residual, x, code))
    r, m, c = residual[canon], x[canon] - x.mean(), code[canon]
    observed = abs(float(r @ m))
    keys = generator(model.seed).random((model.permutations, len(y)))
    drawn = np.abs(m[np.argsort(keys + c, axis=1)] @ r)
    return (1 + int((drawn >= observed - 1e-10).sum())) / (model.permutations + 1)


def _difference(frame: pd.DataFrame, exposure: Exposure, model: Model, column: str, within: Sequence[str],
                shared: Mapping[str, Any]) -> dict[str, Any]:
    levels = factor_levels(frame[column])
    y = frame["event"].to_numpy(float)
    others = list(dict.fromkeys([*within, *model.strata, *model.adjust, column]))
    row = result_row(**shared, n=len(y), n_events=int(y.sum()), model=_words(others), method="none") | {
        "term": f"marker:{column}", "estimand": RATIO_OF_ODDS, "contrast": f"{exposure.contrast}, between {len(levels)} groups"}
    cells = [min(int(y[here].sum()), int((1 - y[here]).sum())) for here in ((frame[column] == v).to_numpy() for v in levels)]
    if len(levels) < 2 or min(cells) < MIN_EVENTS_PER_GROUP:
        return row | {"note": f"descriptive only: {min(cells, default=0)} in the smaller outcome of a group"}
    Z = _dummies(frame, others)
    products = np.column_stack([exposure.x * (frame[column] == v).to_numpy(float) for v in levels[1:]])
    if len(independent(np.column_stack([Z, exposure.x, products]))) < Z.shape[1] + 1 + products.shape[1]:
        return row | {"note": "descriptive only: the marker cannot be told apart from the other terms in every group"}
    fit = logistic(np.column_stack([Z, exposure.x, products]), y)
    columns = np.arange(Z.shape[1] + 1, Z.shape[1] + 1 + products.shape[1])
    statistic, p = fit.likelihood_ratio(columns)
    row |= {"statistic": statistic, "p_value": p, "method": "logistic, likelihood ratio"}
    if len(levels) == 2:
        low, high = fit.profile(int(columns[0]), level=model.level)
        row |= _numbers(fit, int(columns[0]), statistic, low, high) | {
            "contrast": f"{exposure.contrast}, {levels[1]} against {levels[0]}"}
    return row


def _numbers(fit: Logistic, j: int, statistic: float, low: float, high: float) -> dict[str, Any]:
    finite = bool(fit.finite[j])
    with np.errstate(over="ignore"):
        return {"estimate": float(np.exp(fit.coef[j])) if finite else np.nan,
                "std_error": float(fit.std_error[j]) if finite else np.nan, "conf_low": float(np.exp(low)),
                "conf_high": float(np.exp(high)), "finite": finite,
                "statistic": float(np.sign(fit.coef[j]) * np.sqrt(statistic))}


def _dummies(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    X = np.column_stack([np.ones((len(frame), 1)), *(dummy_coded(frame[name]) for name in dict.fromkeys(names))])
    return X[:, independent(X)]


def _words(others: Sequence[str]) -> str:
    return "logistic" + (f"; adjusted for {', '.join(others)}" if others else "")
