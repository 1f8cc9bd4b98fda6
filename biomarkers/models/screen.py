"""Prediction from many markers: penalised Cox and random survival forests, judged only where they were not trained.

A screen predicts; it gives no P and no hazard ratio of a marker. Every number comes from nested cross-validation: the outer
folds judge, the inner ones choose the penalty or the forest's leaves, and all that is learnt from data (imputation, scale,
selection) is learnt inside the training folds. Folds keep the shares of cohort, strata and events. Beside each model stands the
one of the standard variables alone. The one P there may be is of all markers together: the patients' marker values, whole rows
of them, are permuted within strata, and everything, choices included, is done again.

scikit-survival and scikit-learn live in this file and nowhere else; it is loaded when a screen is asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from biomarkers.domain.errors import UseError
from biomarkers.kernels.accuracy import auc
from biomarkers.kernels.concordance import concordance
from biomarkers.kernels.resample import generator
from biomarkers.models.columns import dummy_coded
from biomarkers.models.gates import events_word

if TYPE_CHECKING:
    from biomarkers.study.study import Study

SCREEN = ("model", "markers", "measure", "horizon", "estimate", "conf_low", "conf_high", "conf_level", "p_permutation", "n",
          "n_events", "repeats", "note")
PENALTIES = (0.4, 0.2, 0.1, 0.05, 0.02)
LEAVES = (6, 15)
MIN_EVENTS = 40
MODELS = ("standard", "elastic net", "forest")


class _TakesMissing(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """A transformer that leaves missing values missing, and says so to scikit-learn."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class Log2Offset(_TakesMissing):
    """log2(x + c), c half the smallest positive value of each column in the training data.

    Parameters
    ----------
    offset : float or None
        One constant for all columns instead.
    """

    def __init__(self, offset: float | None = None) -> None:
        self.offset = offset

    def fit(self, X: Any, y: Any = None) -> Log2Offset:  # noqa: ARG002
        """Learn the constants."""
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        if self.offset is not None:
            self.offset_ = np.full(X.shape[1], float(self.offset))
        else:
            positive = np.where(X > 0, X, np.nan)
            with np.errstate(all="ignore"):
                smallest = np.array([np.nanmin(c) if np.isfinite(c).any() else 2.0 for c in positive.T])
            self.offset_ = smallest / 2
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Values on the log2 scale; a value at or below -c stands at the smallest number seen there."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return np.asarray(np.log2(np.maximum(X + self.offset_, self.offset_ / 2)))


class AtLimit(_TakesMissing):
    """Winsorise each column at quantiles learnt from the training data, so that one wild value cannot lead.

    Parameters
    ----------
    quantile : float
        Share cut off on either side.
    """

    def __init__(self, quantile: float = 0.01) -> None:
        self.quantile = quantile

    def fit(self, X: Any, y: Any = None) -> AtLimit:  # noqa: ARG002
        """Learn the limits."""
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        known = [c[~np.isnan(c)] for c in X.T]
        self.low_ = np.array([np.quantile(c, self.quantile) if c.size else np.nan for c in known])
        self.high_ = np.array([np.quantile(c, 1 - self.quantile) if c.size else np.nan for c in known])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Values inside the limits."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return np.asarray(np.clip(X, self.low_, self.high_))


@dataclass(frozen=True, repr=False)
class Screen:
    """Cross-validated performance of each model.

    Attributes
    ----------
    table : DataFrame
        model, markers, measure ("concordance", "uno concordance", "auc"), horizon, estimate, conf_low, conf_high, conf_level,
        p_permutation (of the elastic net's concordance, where permutations were asked for), n, n_events, repeats, note.
    scores : DataFrame
        Out-of-fold risk score of each subject, by model (mean rank over repeats), without ids.
    chosen : DataFrame
        How often each marker had a coefficient in the elastic net, over the outer folds.
    flow : DataFrame
        Of a study: who was in it, by cohort and arm.
    """

    table: pd.DataFrame
    scores: pd.DataFrame
    chosen: pd.DataFrame
    flow: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __repr__(self) -> str:
        return f"A screen predicts and tests no marker.\n{self.table.to_string(index=False)}"


def screen_frame(frame: pd.DataFrame, time: str, event: str, markers: Sequence[str], *, standard: Sequence[str] = (),
                 strata: Sequence[str] = (), models: Sequence[str] = MODELS, folds: int = 5, repeats: int = 5,
                 horizon: float | None = None, permutations: int = 0, seed: int = 0, level: float = 0.95,
                 resamples: int = 200) -> Screen:
    """Nested cross-validation of a screen.

    Parameters
    ----------
    frame : pandas.DataFrame
    time, event : str
    markers : sequence of str
        Numeric columns on the model scale; missing values are imputed by the training folds' medians.
    standard : sequence of str
        What is known already; in every model.
    strata : sequence of str
        Columns (cohort, liver metastases) whose shares the folds keep, and within which concordance compares.
    models : sequence of {"standard", "elastic net", "forest"}
    folds, repeats : int
        Outer folds; the whole is repeated with other folds, and ranks are averaged.
    horizon : float, optional
        Of the AUC; the median event time where None.
    permutations : int
        Of the elastic net, first repeat: P that all markers together add nothing to the standard variables. Each costs a whole
        nested cross-validation; a forest would take minutes, and has none.
    seed, level, resamples
        The interval resamples subjects, their out-of-fold scores held: it is the uncertainty of the judgement.

    Raises
    ------
    UseError
        Fewer than 40 events, fewer events in a fold than can be judged, or an unknown model.
    """
    unknown = [m for m in models if m not in MODELS]
    if unknown:
        raise UseError(f"model {unknown[0]!r} is not one of {', '.join(MODELS)}")
    data = frame.dropna(subset=[time, event, *strata]).reset_index(drop=True)
    n_events = int(data[event].sum())
    if n_events < MIN_EVENTS:
        raise UseError(f"{events_word(n_events)}: a screen under {MIN_EVENTS} events judges noise. Ask for associations")
    if not markers:
        raise UseError("markers is empty: name at least one")
    known = _numbers(data, standard)
    X = {"standard": known, "elastic net": np.column_stack([known, _numbers(data, markers)])}
    X["forest"] = X["elastic net"]
    if "standard" in models and not standard:
        models = [m for m in models if m != "standard"]
    y = _survival().util.Surv.from_arrays(data[event].to_numpy(bool), data[time].to_numpy(float))
    kept = data[[*strata, event]].astype(str).agg("\x1f".join, axis=1)
    cell = np.unique(kept, return_inverse=True)[1].reshape(-1)
    out_of_fold = {m: np.zeros(len(data)) for m in models}
    used = np.zeros(len(markers))
    first = seed % (2**32 - repeats)      # scikit-learn's seeds have 32 bits, those of a plan 64
    for repeat in range(repeats):
        for name in models:
            risk, chosen_here = _crossed(name, X[name], y, cell, folds, first + repeat)
            out_of_fold[name] += risk
            if name == "elastic net":
                used += chosen_here[-len(markers):]
    times, events = data[time].to_numpy(float), data[event].to_numpy(bool)
    crossed = data[list(strata)].astype(str).agg("\x1f".join, axis=1) if strata else None
    groups = None if crossed is None else np.unique(crossed, return_inverse=True)[1].reshape(-1)
    days = float(np.median(times[events])) if horizon is None else float(horizon)
    lines = []
    p = np.nan
    if permutations and "elastic net" in models:
        p = _permuted(X["elastic net"], known.shape[1], y, cell, groups, folds, first, permutations)
    for name in models:
        for line in _judged(times, events, out_of_fold[name], groups, days, seed, level, resamples):
            if name == "elastic net" and line["measure"] == "concordance":
                line["p_permutation"] = p
            lines.append(line | {"model": name, "markers": 0 if name == "standard" else len(markers), "conf_level": level,
                                 "n": len(data), "n_events": n_events, "repeats": repeats,
                                 "note": f"nested cross-validation, {folds} folds, {repeats} repeats; no test of a marker"})
    chosen = pd.DataFrame({"marker": list(markers), "share": used / (folds * repeats)})
    return Screen(pd.DataFrame(lines, columns=list(SCREEN)), pd.DataFrame(out_of_fold) / repeats,
                  chosen if "elastic net" in models else chosen[:0])


def _crossed(name: str, X: np.ndarray, y: np.ndarray, cell: np.ndarray, folds: int,
             seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ranks of each subject's risk where it was not trained, and in how many folds each column had a coefficient."""
    out, used = np.zeros(len(y)), np.zeros(X.shape[1])
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(X, _thick(cell, folds)):
        fitted = _fitted(name, X[train], y[train], cell[train], seed)
        out[test] = _ranks(fitted.predict(X[test]))
        if name == "elastic net":
            used += _coefficients(fitted) != 0
    return out, used


def _permuted(X: np.ndarray, n_known: int, y: np.ndarray, cell: np.ndarray, groups: np.ndarray | None, folds: int, seed: int,
              permutations: int) -> float:
    """P that the markers together add nothing: their rows permuted within strata against outcome and standard variables."""
    time, event = (y[name] for name in (y.dtype.names[1], y.dtype.names[0]))
    stratum = np.zeros(len(y), dtype=np.int64) if groups is None else groups

    def statistic(design: np.ndarray) -> float:
        return concordance(time, event, _crossed("elastic net", design, y, cell, folds, seed)[0], stratum=groups).c

    observed = statistic(X)
    rng = generator(seed)
    reached = 0
    for _ in range(permutations):
        order = np.lexsort((rng.random(len(y)), stratum))
        moved = np.empty(len(y), dtype=np.int64)
        moved[np.argsort(stratum, kind="stable")] = order
        reached += statistic(np.column_stack([X[:, :n_known], X[moved, n_known:]])) >= observed - 1e-10
    return (1 + reached) / (permutations + 1)


def pipeline(name: str, *, seed: int = 0) -> Pipeline:
    """The estimator of a model, before it is fitted: imputation, limits and scale are part of it."""
    first: list[tuple[str, Any]] = [("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
                                    ("limit", AtLimit()), ("scale", StandardScaler())]
    sksurv = _survival()
    models = {
        "standard": sksurv.linear_model.CoxPHSurvivalAnalysis(alpha=1e-4, ties="efron"),
        "elastic net": sksurv.linear_model.CoxnetSurvivalAnalysis(l1_ratio=0.5, alphas=[0.1], fit_baseline_model=False),
        "forest": sksurv.ensemble.RandomSurvivalForest(n_estimators=100, min_samples_leaf=10, max_features="sqrt",
                                                       random_state=seed),
    }
    return Pipeline([*first, ("model", models[name])])


def _survival() -> Any:
    """scikit-survival, which on Python 3.13 and later is an extra of its own.

    Raises
    ------
    UseError
        It is not installed.
    """
    try:
        import sksurv.ensemble
        import sksurv.linear_model
        import sksurv.util
    except ImportError:
        raise UseError("a screen needs scikit-survival: install biomarkers[screen]") from None
    return sksurv


def _fitted(name: str, X: np.ndarray, y: np.ndarray, cell: np.ndarray, seed: int) -> Any:
    """A model with its own choice by inner folds."""
    model = pipeline(name, seed=seed)
    if name == "standard":
        return model.fit(X, y)
    inner = list(StratifiedKFold(3, shuffle=True, random_state=seed).split(X, _thick(cell, 3)))
    if name == "forest":
        return GridSearchCV(model, {"model__min_samples_leaf": list(LEAVES)}, cv=inner).fit(X, y)
    with warnings.catch_warnings():
        # A penalty that leaves no coefficient predicts nothing, scores one half, and is a legitimate choice.
        warnings.filterwarnings("ignore", message="all coefficients are zero", category=UserWarning)
        best = PENALTIES[int(np.argmax(_along_the_path(X, y, inner)))]
        return model.set_params(model__alphas=[best]).fit(X, y)


def _along_the_path(X: np.ndarray, y: np.ndarray, inner: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Concordance of every penalty in the inner folds, (penalties,): one fit per fold walks down all of them."""
    scores = np.zeros(len(PENALTIES))
    for train, test in inner:
        path = pipeline("elastic net").set_params(model__alphas=list(PENALTIES)).fit(X[train], y[train])
        front, net = path[:-1], path[-1]
        known = front.transform(X[test])
        time, event = y[test][y.dtype.names[1]], y[test][y.dtype.names[0]]
        for j, coef in enumerate(np.asarray(net.coef_).T):
            # One half where no pair can be compared, as for a model that says nothing.
            scores[j] += np.nan_to_num(concordance(time, event, known @ coef).c, nan=0.5)
    return scores


def _coefficients(fitted: Pipeline) -> np.ndarray:
    return np.asarray(fitted.named_steps["model"].coef_)[:, 0]


def _thick(cell: np.ndarray, folds: int) -> np.ndarray:
    """Cells with fewer subjects than folds are joined, with the largest where they are too few even so."""
    counts = np.bincount(cell)
    joined = np.where(counts[cell] >= folds, cell, counts.size)
    few = np.bincount(joined, minlength=counts.size + 1)[-1] < folds
    return np.where(joined == counts.size, counts.argmax(), joined) if few else joined


def _numbers(data: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    return np.column_stack([np.empty((len(data), 0)), *(dummy_coded(data[name]) for name in names)])


def _ranks(risk: np.ndarray) -> np.ndarray:
    """Ranks in (0, 1), ties shared: scores of different folds are on one scale."""
    values, place, counts = np.unique(risk, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(middle[place.reshape(-1)] / (risk.size + 1)) if values.size else risk


def _judged(time: np.ndarray, event: np.ndarray, score: np.ndarray, groups: np.ndarray | None, horizon: float, seed: int,
            level: float, resamples: int) -> list[dict[str, Any]]:
    def measures(rows: np.ndarray) -> list[float]:
        t, d, s = time[rows], event[rows], score[rows]
        g = None if groups is None else groups[rows]
        late = float(np.quantile(time[event], 0.9))
        return [concordance(t, d, s, stratum=g).c, concordance(t, d, s, uno=True, horizon=late).c,
                auc(t, d, s, horizon).estimate]

    values = measures(np.arange(time.size))
    rng = np.random.Generator(np.random.Philox(seed))
    drawn = np.array([measures(rng.integers(0, time.size, time.size)) for _ in range(resamples)])
    out = []
    for j, name in enumerate(("concordance", "uno concordance", "auc")):
        low, high = (np.nanquantile(drawn[:, j], [(1 - level) / 2, (1 + level) / 2]) if resamples else (np.nan, np.nan))
        out.append({"measure": name, "horizon": horizon if name == "auc" else np.nan, "estimate": values[j],
                    "conf_low": float(low), "conf_high": float(high), "p_permutation": np.nan})
    return out


def screen(study: Study, markers: Sequence[str] | None = None, *, endpoint: str = "pfs", standard: Sequence[str] | None = None,
           models: Sequence[str] = MODELS, folds: int = 5, repeats: int = 5, horizon: float | None = None,
           permutations: int = 0, seed: int = 0, level: float = 0.95) -> Screen:
    """A screen of baseline markers of a study, cohorts and strata kept in every fold.

    Parameters
    ----------
    study : Study
    markers : sequence of str or None
        All that the study has, where None.
    standard : sequence of str or None
        None: arm where there are two, and the declared covariates.
    endpoint : str
    models : sequence of str
        Of "standard", "elastic net" and "forest".
    folds, repeats : int
        Of the outer cross-validation; tuning is inside each fold.
    horizon : float, optional
        Of the AUC; the median event time where None.
    permutations : int
        Of the patients' marker rows within strata, for the one P of all markers together; 0 for none.
    seed : int
    level : float

    Returns
    -------
    Screen
        `.table` with one row per model and measure.

    Examples
    --------
    >>> import biomarkers as bm
    >>> found = screen(bm.load_example("br1801"), ["stil", "tk1_dul"], models=("standard",), folds=3, repeats=1)
    >>> "standard" in found.table["model"].tolist()
    True
    """
    from biomarkers.models.design_terms import two_arms
    from biomarkers.models.exposure import entering, exposure
    from biomarkers.models.selection import population
    from biomarkers.study.draws import baseline_values

    names = list(study.markers if markers is None else markers)
    frame: pd.DataFrame | None = None
    for name in names:
        marker = study.design.marker(name)
        values = entering(baseline_values(study, marker), marker)
        if frame is None:
            frame, _ = population(study, values, endpoint)
        known = values[values["lost"] == ""]
        x = pd.Series(exposure(known.reset_index(drop=True), marker).x, known["subject"].to_numpy())
        frame = frame.assign(**{name: frame["subject"].map(x)})
    if frame is None:
        raise UseError("markers is empty: name at least one")
    if standard is None:
        standard = [*(["arm"] if two_arms(study) else []),
                    *(c for c in study.design.covariates if c in frame and frame[c].nunique() > 1)]
    strata = [c for c in (*(["cohort"] if "cohort" in study.groups else []), *study.design.strata) if c in frame]
    everybody = pd.DataFrame({"subject": study.subjects["subject"], "lost": "", "detail": ""})
    found = screen_frame(frame, "time", "event", names, standard=standard, strata=strata, models=models, folds=folds,
                         repeats=repeats, horizon=horizon, permutations=permutations, seed=seed, level=level)
    return replace(found, flow=study.analysis_set(everybody, endpoint, strata).flow)
