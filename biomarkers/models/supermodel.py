"""A landmark supermodel: many landmarks in one fit, the marker's effect a smooth function of the landmark.

* ``ipl``: each landmark its own baseline hazard (strata), effect b(s) = b0 + b1 u + b2 u^2, u = (s - s1)/(sL - s1).
* ``ipl*``: one baseline hazard and a smooth shift by landmark; so the event probability F(s + w | s) can be predicted at any
  landmark of the grid's range.

A subject stands in many rows: standard errors are sandwiches clustered on the subject, exact for tied events and delayed entry.
The naive error is several times too small and is not offered. Nothing is predicted beyond s + w, or outside the grid.

Source: van Houwelingen and Putter, Dynamic Prediction in Clinical Survival Analysis (2012), chapter 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr, ndtri

from biomarkers.domain.errors import UseError
from biomarkers.kernels import accuracy
from biomarkers.kernels.history_power import Histories, histories
from biomarkers.kernels.power import detectable_by_error
from biomarkers.kernels.window import window_risk
from biomarkers.models.columns import names
from biomarkers.models.cox import CoxFit, cox
from biomarkers.models.gates import EVENTS_PER_PARAMETER
from biomarkers.models.landmark import LandmarkStack, days, landmark_stack
from biomarkers.models.optimism import StackArrays
from biomarkers.models.results_table import result_table
from biomarkers.models.serial_study import Serial, duplicates_rule, flow_of, serial, shown_html, shown_text, with_excluded
from biomarkers.study.analysis_set import AnalysisSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from biomarkers.study.study import Study

Floats = NDArray[np.float64]
KINDS = ("ipl", "ipl*")
DEGREES = {"constant": 0, "linear": 1, "quadratic": 2}
EFFECT = ("landmark", "term", "coef", "hazard_ratio", "std_error", "conf_low", "conf_high", "conf_level", "n", "n_events")
OPTIMISM = (
    "landmark",
    "horizon",
    "auc",
    "auc_corrected",
    "brier",
    "brier_corrected",
    "brier_null",
    "n",
    "n_events",
    "bootstraps",
)


@dataclass(frozen=True, repr=False)
class Supermodel:
    """A fitted supermodel.

    Attributes
    ----------
    fit : CoxFit
        Clustered on subject; its table is `table`.
    stack : LandmarkStack
    kind : {"ipl", "ipl*"}
    varying : tuple of str
        Terms whose effect changes with the landmark.
    degree, shift : int
        Degree of that change, and of the baseline shift of ipl*.
    covariates, strata : tuple of str
    rows : DataFrame
        The stack's rows with the landmark bases u1, u2.
    """

    fit: CoxFit
    stack: LandmarkStack
    kind: str
    varying: tuple[str, ...]
    degree: int
    shift: int
    covariates: tuple[str, ...]
    strata: tuple[str, ...]
    rows: pd.DataFrame
    level: float

    @property
    def table(self) -> pd.DataFrame:
        """Coefficients: term, coef, hazard_ratio, robust_std_error, conf_low, conf_high, conf_level, statistic, p_value."""
        keep = [
            "term",
            "coef",
            "hazard_ratio",
            "robust_std_error",
            "conf_low",
            "conf_high",
            "conf_level",
            "statistic",
            "p_value",
        ]
        return self.fit.table[keep]

    @property
    def flow(self) -> pd.DataFrame:
        """Who never stands in the stack, and why."""
        return self.stack.flow

    def unit(self, landmark: float) -> float:
        """The landmark on [0, 1] over the grid.

        Raises
        ------
        UseError
            It lies outside the grid: there the effect would be an extrapolation.
        """
        low, high = self.stack.landmarks[0], self.stack.landmarks[-1]
        if not low <= landmark <= high:
            raise UseError(
                f"landmark {landmark:g} lies outside the grid {low:g} to {high:g}: nothing was learnt there. Use a "
                "landmark of the grid's range, or a grid that covers it"
            )
        return (landmark - low) / (high - low) if high > low else 0.0

    def effect(self, landmarks: Sequence[float] | None = None) -> pd.DataFrame:
        """The marker's hazard ratio at each landmark with robust limits; n and events of that landmark's rows."""
        z = float(ndtri((1 + self.level) / 2))
        V = self.fit.robust_covariance
        coef = self.fit.table.set_index("term")["coef"]
        assert V is not None
        lines = []
        for s in self.stack.landmarks if landmarks is None else landmarks:
            u = self.unit(float(s))
            here = self.rows[self.rows["landmark"] == s]
            for term in self.varying:
                parts = [term, *(f"{term}:u{k}" for k in range(1, self.degree + 1))]
                a = np.array([u**k for k in range(len(parts))])
                b = float(a @ coef[parts])
                error = float(np.sqrt(a @ V.loc[parts, parts].to_numpy() @ a))
                lines.append(
                    (
                        float(s),
                        term,
                        b,
                        np.exp(b),
                        error,
                        np.exp(b - z * error),
                        np.exp(b + z * error),
                        self.level,
                        len(here),
                        int(here["event"].sum()),
                    )
                )
        return pd.DataFrame(lines, columns=list(EFFECT))

    @cached_property
    def constancy(self) -> pd.Series:
        """Robust Wald test that the effect is the same at every landmark: statistic, df, p_value."""
        parts = [f"{t}:u{k}" for t in self.varying for k in range(1, self.degree + 1)]
        V = self.fit.robust_covariance
        assert V is not None
        b = self.fit.table.set_index("term")["coef"][parts].to_numpy()
        if not parts:
            return pd.Series({"statistic": np.nan, "df": 0, "p_value": np.nan})
        chi2 = float(b @ np.linalg.solve(V.loc[parts, parts].to_numpy(), b))
        return pd.Series({"statistic": chi2, "df": len(parts), "p_value": float(chdtrc(len(parts), chi2))})

    def contrast(self, landmark: float) -> Floats:
        """The combination of coefficients that is the log hazard ratio at a landmark, (p,)."""
        u, names_ = self.unit(float(landmark)), list(self.fit.term_names)
        out = np.zeros(len(names_))
        for k in range(self.degree + 1):
            out[names_.index(self.varying[0] if not k else f"{self.varying[0]}:u{k}")] = u**k
        return out

    def histories(self, followed_until: pd.Series) -> Histories:
        """The histories behind the stack, for what it could detect.

        A subject that is dealt a longer follow-up than its own stands at the later landmarks with its last value.

        Parameters
        ----------
        followed_until : Series
            End of follow-up by subject.
        """
        own = self.rows[self.fit.rows.kept].drop(columns=["time", "event"])
        seen = self.rows.loc[self.fit.rows.kept & (self.rows["event"] == 1).to_numpy(bool), "subject"]
        end = own["subject"].map(followed_until)
        newest = own.sort_values("landmark", kind="stable").drop_duplicates("subject", keep="last")
        later = [newest[end.loc[newest.index] <= s].assign(landmark=float(s)) for s in self.stack.landmarks]
        whole = pd.concat([own, *later], ignore_index=True)
        whole = _with_bases(whole, np.array([self.unit(s) for s in whole["landmark"]]), max(self.degree, self.shift))
        people = pd.Index(own["subject"].unique())
        held = own.drop_duplicates("subject").set_index("subject").loc[people]
        labels = held[list(self.strata)].astype(str).agg("\x1f".join, axis=1) if self.strata else None
        begin = whole["landmark"].to_numpy(float)
        return histories(
            begin, begin + self.stack.window, np.column_stack([self.fit._columns_of(whole, t) for t in self.fit.rows.terms]),
            subject=people.get_indexer(pd.Index(whole["subject"])), time=followed_until.loc[people], event=people.isin(seen),
            effect=whole[self.varying[0]], stratum=labels, row_stratum=begin if self.kind == "ipl" else None,
        )

    def predict(self, frame: pd.DataFrame, landmark: float, *, horizon: float | None = None) -> pd.DataFrame:
        """Probability of an event within (landmark, horizon] for those at risk at the landmark, with limits.

        Parameters
        ----------
        frame : DataFrame
            One row per subject: the model's terms (and strata).
        landmark : float
        horizon : float, optional
            On the clock of the landmarks; at most landmark + window, the default.

        Returns
        -------
        DataFrame
            The index of `frame`; landmark, horizon, linear_predictor, probability, conf_low, conf_high, conf_level.

        Raises
        ------
        UseError
            Outside the grid, beyond the window, or an ``ipl`` model asked between its landmarks.
        """
        u = self.unit(float(landmark))
        end = landmark + self.stack.window if horizon is None else float(horizon)
        if not landmark < end <= landmark + self.stack.window * (1 + 1e-12):
            raise UseError(
                f"horizon {end:g} lies outside ({landmark:g}, {landmark + self.stack.window:g}]: no row of the stack is "
                f"followed beyond the window of {self.stack.window:g}"
            )
        if self.kind == "ipl" and landmark not in self.stack.landmarks:
            raise UseError(
                f"landmark {landmark:g} is not one of the grid, and an ipl model has a baseline hazard only there; "
                "fit kind='ipl*'"
            )
        wide = _with_bases(frame.assign(landmark=float(landmark)), u, max(self.degree, self.shift))
        x = np.column_stack([self.fit._columns_of(wide, term) for term in self.fit.rows.terms])
        stratum = self.fit._strata_of(wide)
        z = float(ndtri((1 + self.level) / 2))
        out = pd.DataFrame({"landmark": float(landmark), "horizon": end}, index=frame.index)
        probability, low, high = (np.full(len(frame), np.nan) for _ in range(3))
        for code in np.unique(stratum):
            here = stratum == code
            found = window_risk(
                self.fit.solution, x[here], float(landmark), end, stratum=int(code), cluster=self.fit.rows.cluster
            )
            probability[here] = found.probability
            low[here] = -np.expm1(-np.exp(found.theta - z * found.std_error))
            high[here] = -np.expm1(-np.exp(found.theta + z * found.std_error))
        coef = self.fit.table["coef"].to_numpy()
        return out.assign(
            linear_predictor=x @ coef, probability=probability, conf_low=low, conf_high=high, conf_level=self.level
        )

    def accuracy(self, *, bootstraps: int = 0, seed: int = 0) -> pd.DataFrame:
        """AUC and Brier score of the predictions to landmark + window, per landmark, corrected for optimism.

        Parameters
        ----------
        bootstraps : int
            Resamples of subjects; all rows of a subject move together and the model is refitted each time. Optimism is the
            mean of (performance in the resample - performance of the same model in the original data).
        seed : int

        Returns
        -------
        DataFrame
            landmark, horizon, auc, auc_corrected, brier, brier_corrected, brier_null, n, n_events, bootstraps.
        """
        landmark = self.rows["landmark"].to_numpy(float)[self.fit.rows.kept]
        arrays = StackArrays.of(self.fit.rows, landmark, self.stack.window)
        apparent = arrays.performance(self.fit.solution, np.arange(arrays.n))
        lines = []
        for k, s in enumerate(arrays.landmarks):
            here = arrays.places[k]
            t, horizon = arrays.since(s, here)
            null = accuracy.kaplan_meier_at(t, arrays.event[here], horizon)
            by_chance = accuracy.brier(t, arrays.event[here], np.full(here.size, null), horizon)
            lines.append(
                [
                    s,
                    s + self.stack.window,
                    apparent.auc[k],
                    np.nan,
                    apparent.brier[k],
                    np.nan,
                    by_chance,
                    int(here.size),
                    int(arrays.event[here].sum()),
                    0,
                ]
            )
        if bootstraps:
            auc, brier, used = arrays.optimism(bootstraps, seed)
            for k, line in enumerate(lines):
                line[3], line[5], line[9] = line[2] - auc[k], line[4] - brier[k], used
        return pd.DataFrame(lines, columns=list(OPTIMISM))

    def __repr__(self) -> str:
        head = f"Supermodel {self.kind}, {self.stack!r}"
        return f"{head}\n{self.table.to_string(index=False, float_format=lambda v: f'{v:.4g}')}"


def fit_supermodel(
    stack: LandmarkStack,
    *,
    kind: str = "ipl",
    varying: str | Sequence[str] = "value",
    effect: str = "linear",
    shift: str = "quadratic",
    covariates: str | Sequence[str] = (),
    strata: str | Sequence[str] = (),
    level: float = 0.95,
) -> Supermodel:
    """Fit a supermodel to a landmark stack.

    Parameters
    ----------
    stack : LandmarkStack
        From `landmark_stack`.
    kind : {"ipl", "ipl*"}
    varying : str or sequence of str
        Terms whose effect may change with the landmark.
    effect : {"constant", "linear", "quadratic"}
        How it changes over the grid, the grid being [0, 1].
    shift : {"constant", "linear", "quadratic"}
        How the baseline hazard of ipl* is shifted by the landmark.
    covariates, strata : sequence of str
        Further terms with a constant effect, and further strata (cohort).

    Examples
    --------
    >>> from biomarkers.models.landmark import landmark_stack
    >>> rng = np.random.default_rng(1)
    >>> people = pd.DataFrame({"subject": range(60), "time": rng.integers(30, 400, 60), "event": 1})
    >>> visits = pd.DataFrame({"day": [0, 40, 80]})
    >>> tubes = people[["subject"]].merge(visits, how="cross").assign(value=rng.normal(size=180))
    >>> stack = landmark_stack(people, tubes, landmarks=[42, 84], window=84, max_age=56)
    >>> fit_supermodel(stack, kind="ipl", effect="constant").table["term"].tolist()
    ['value']
    """
    _known(kind, effect=effect, shift=shift)
    terms, others = names(varying), names(covariates)
    degree, bend = DEGREES[effect], DEGREES[shift] if kind == "ipl*" else 0
    n_grid = len(stack.landmarks)
    if max(degree, bend) >= n_grid:
        raise UseError(
            f"{n_grid} landmarks cannot carry a degree of {max(degree, bend)} in the landmark: use effect='constant' and "
            "shift='constant', or a longer grid"
        )
    low, high = stack.landmarks[0], stack.landmarks[-1]
    unit = (stack.rows["landmark"].to_numpy(float) - low) / (high - low) if high > low else np.zeros(len(stack.rows))
    rows = _with_bases(stack.rows, unit, max(degree, bend))
    columns = [
        *others,
        *(p for t in terms for p in (t, *(f"{t}:u{k}" for k in range(1, degree + 1)))),
        *(f"u{k}" for k in range(1, bend + 1)),
    ]
    fit = cox(
        rows, "time", "event", columns, entry="entry", strata=_strata(kind, names(strata)), cluster="subject", level=level
    )
    return Supermodel(fit, stack, kind, terms, degree, bend, others, names(strata), rows, level)


def _known(kind: str, **degrees: str) -> None:
    if kind not in KINDS:
        raise UseError(f"kind {kind!r} is not one of {', '.join(KINDS)}")
    for what, given in degrees.items():
        if given not in DEGREES:
            raise UseError(f"{what} {given!r} is not one of {', '.join(DEGREES)}")


def _with_bases(frame: pd.DataFrame, unit: Any, degree: int) -> pd.DataFrame:
    return frame.assign(**{f"u{k}": unit**k for k in range(1, degree + 1)})


def _strata(kind: str, strata: tuple[str, ...]) -> tuple[str, ...]:
    return (*(("landmark",) if kind == "ipl" else ()), *strata)


# -- on a study --------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, repr=False)
class SupermodelAnalysis:
    """A supermodel per cohort and pooled.

    Attributes
    ----------
    table : DataFrame
        The result table: the hazard ratio at every landmark, by cohort, and the test that it is the same at all of them.
    models : mapping of str to Supermodel
        By cohort, and "all".
    sets : AnalysisSet
        Who never stands in the stack, and why.
    stack : LandmarkStack
    """

    table: pd.DataFrame
    models: Mapping[str, Supermodel]
    sets: AnalysisSet
    stack: LandmarkStack
    question: Serial = field(repr=False)

    @property
    def flow(self) -> pd.DataFrame:
        """Counts by cohort and arm."""
        return self.sets.flow

    @property
    def by_landmark(self) -> pd.DataFrame:
        """Everybody once at every landmark: landmark, reason, n."""
        return self.stack.by_landmark

    def __repr__(self) -> str:
        return shown_text(self.table, self.title)

    def _repr_html_(self) -> str:
        return shown_html(self.table, self.title)

    @property
    def title(self) -> str:
        """The question in one line."""
        return f"{self.question.title} · supermodel over {self.stack.stamp}"


def supermodel(
    study: Study,
    marker: str,
    *,
    landmarks: Sequence[float],
    window: float,
    max_age: float,
    endpoint: str = "pfs",
    kind: str = "ipl",
    effect: str = "linear",
    by: str | None = "cohort",
    strata: Sequence[str] | None = None,
    adjust: Sequence[str] | None = None,
    level: float = 0.95,
) -> SupermodelAnalysis:
    """How strongly the marker's current value goes with the next `window` days, at every landmark of a prespecified grid.

    Parameters
    ----------
    study : Study
    marker : str
    landmarks : sequence of float
        Days, ascending.
    window, max_age : float
        Days followed from each landmark, and how old a value may be.
    kind : {"ipl", "ipl*"}
    effect : {"constant", "linear", "quadratic"}
    endpoint, by, strata, adjust, level
        As `associate`.

    Returns
    -------
    SupermodelAnalysis
        `.table` with a hazard ratio at every landmark and the test that it is constant, `.flow`, `.models`.

    Examples
    --------
    >>> import biomarkers as bm
    >>> found = supermodel(bm.load_example("br1801"), "ctc", landmarks=[28, 42, 56], window=84, max_age=56)
    >>> found.table["cohort"].unique().tolist()
    ['ER+', 'ER-', 'all']
    """
    _known(kind, effect=effect)
    question = serial(study, marker, endpoint=endpoint, by=by, strata=strata, adjust=adjust, level=level)
    rule = duplicates_rule(study, question.marker)
    given: dict[str, Any] = {"landmarks": landmarks, "window": window, "max_age": max_age, "duplicates": rule}
    whole = landmark_stack(question.subjects, question.draws, **given)
    rows: list[dict[str, Any]] = []
    models: dict[str, Supermodel] = {}
    for cohort, inside, own_strata in question.parts:
        part = question.subjects[inside]
        stack = whole if cohort == "all" else landmark_stack(part, question.draws, **given)
        shared = question.row(
            cohort, analysis=f"{marker}_supermodel_{endpoint.lower()}", estimand="hazard ratio",
            model=f"supermodel {kind}, {effect} effect", method="robust Wald, clustered on subject",
        )  # fmt: skip
        adjusted = question.usable(stack.rows)
        why = _too_few(stack, 1 + DEGREES[effect] + len(adjusted))
        fit = None
        if not why:
            try:
                fit = fit_supermodel(stack, kind=kind, effect=effect, covariates=adjusted, strata=own_strata, level=level)
            except UseError as refusal:      # no information left: a row with its reason, never a dead batch
                why = str(refusal).rstrip(".")
        if fit is not None and any(gone and term.startswith("value") for term, gone in
                                   zip(fit.fit.term_names, fit.fit.solution.aliased, strict=True)):
            why, fit = "the marker and the strata cannot be told apart", None
        if fit is None:
            note = "; ".join([f"descriptive only: {why}", *question.notes])
            rows.append(shared | {"term": marker, "timing": whole.stamp, "method": "none", "n": len(stack),
                                  "n_events": _deaths(stack), "note": note})  # fmt: skip
            continue
        models[cohort] = fit
        rows += _effect_rows(fit, shared, marker, question.notes)
    sets = flow_of(question.sets, whole)
    return SupermodelAnalysis(with_excluded(result_table(rows), sets, by), models, sets, whole, question)


def _deaths(stack: LandmarkStack) -> int:
    """Subjects with an event inside a window: each counted once, however many landmarks see it."""
    return int(stack.rows.loc[stack.rows["event"] == 1, "subject"].nunique())


def _too_few(stack: LandmarkStack, n_parameters: int) -> str:
    """The supermodel sees each event many times; the gate counts subjects with an event."""
    deaths = _deaths(stack)
    if deaths < EVENTS_PER_PARAMETER * n_parameters:
        return f"{deaths} subjects with an event for {n_parameters} parameters"
    if stack.rows["value"].nunique() < 2:
        return f"the marker is constant in {len(stack)} subjects"
    return ""


def _effect_rows(fit: Supermodel, shared: Mapping[str, Any], marker: str, notes: Sequence[str]) -> list[dict[str, Any]]:
    n_rows, n_subjects = len(fit.rows), fit.rows["subject"].nunique()
    said = [f"{n_rows} rows of {n_subjects} subjects", *notes]
    if n_subjects < 50:
        said.append(f"flag: robust errors on {n_subjects} subjects are too small")
    out = []
    effect = fit.effect()
    effect = effect[effect["n"] > 0]  # a landmark that nobody reaches with a value taught nothing
    if not fit.degree:  # one effect is one row and one test, however many landmarks share it
        first, last = effect["landmark"].iloc[[0, -1]]
        effect = effect.iloc[:1].assign(n=n_subjects, n_events=_deaths(fit.stack))
        where = f"landmarks day {first:g} to {last:g}"
    for _, line in effect.iterrows():
        when = where if not fit.degree else f"landmark day {line['landmark']:g}"
        z = line["coef"] / line["std_error"]
        out.append(dict(shared) | {
            "term": marker, "timing": f"{when}, window of {days(fit.stack.window)}",
            "estimate": line["hazard_ratio"], "std_error": line["std_error"], "conf_low": line["conf_low"],
            "conf_high": line["conf_high"], "statistic": z, "p_value": float(2 * ndtr(-abs(z))), "n": int(line["n"]),
            "detectable": detectable_by_error(float(line["std_error"])),
            "n_events": int(line["n_events"]), "note": "; ".join(said),
        })  # fmt: skip
    if fit.degree:
        test = fit.constancy
        out.append(dict(shared) | {
            "term": f"{marker}:landmark", "contrast": "the same hazard ratio at every landmark", "timing": fit.stack.stamp,
            "estimand": "test of constancy", "statistic": float(test["statistic"]), "p_value": float(test["p_value"]),
            "n": int(n_subjects), "n_events": _deaths(fit.stack), "note": f"{int(test['df'])} degrees of freedom",
        })  # fmt: skip
    return out
