"""`bm.cox`: Cox regression on a data frame, with the interval and the p-value that small trials can trust.

Efron's ties, R's risk sets. `interval="auto"` is the profile likelihood with the t-squared cut-off of
`kernels.profile`; with clusters or weights it is the robust Wald interval, because a likelihood ratio of rows that are
not independent, or not whole, has no chi-square distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr, ndtri

from biomarkers.domain.errors import UseError
from biomarkers.kernels import cox as kernel
from biomarkers.kernels import hazard, residuals
from biomarkers.kernels import profile as profiles
from biomarkers.kernels import zph as kernel_zph
from biomarkers.kernels.concordance import Concordance, concordance
from biomarkers.kernels.resample import PermutationTest, score_permutation
from biomarkers.kernels.riskset import Ties

from .columns import SurvivalRows, Term, names, read_coded, stratum_labels, survival_rows
from .cox_notes import (
    Interval,
    aliased_notes,
    check_arguments,
    check_size,
    confirmatory_notes,
    infinite_notes,
    robust_notes,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class CoxFit:
    """A fitted Cox model with its labels.

    Attributes
    ----------
    table : DataFrame
        One row per column of the design: ``term, coef, hazard_ratio, std_error, robust_std_error, conf_low, conf_high,
        conf_level, statistic, p_value, wald_statistic, wald_p_value, finite``. `coef` and the errors are log hazard
        ratios, `conf_low` and `conf_high` hazard ratios.
    loglik : tuple of float
        At 0 and at the maximum (penalised where `penalty` is "firth").
    n, n_events, n_dropped : int
    notes : tuple of str
        What a reader must know: rows dropped, columns without an estimate, infinite coefficients.
    method : str
        Ties, penalty, and which interval and p-value the table holds.
    """

    solution: kernel.CoxSolution
    rows: SurvivalRows
    term_names: tuple[str, ...]
    blocks: dict[str, tuple[int, ...]]
    interval: str
    level: float
    penalty: str | None
    robust: bool
    n_dropped: int
    notes: tuple[str, ...]
    strata: tuple[str, ...]
    frame_index: pd.Index

    # -- numbers ---------------------------------------------------------------------------------------------------
    @property
    def n(self) -> int:
        """Rows used."""
        return self.solution.n

    @property
    def n_events(self) -> int:
        """Events used."""
        return self.solution.n_events

    @property
    def loglik(self) -> tuple[float, float]:
        """Log-likelihood at 0 and at the maximum."""
        return self.solution.loglik_null, self.solution.loglik

    @cached_property
    def covariance(self) -> pd.DataFrame:
        """Inverse information of the coefficients."""
        return pd.DataFrame(self.solution.covariance, index=list(self.term_names), columns=list(self.term_names))

    @cached_property
    def _robust(self) -> Floats:
        return residuals.robust_covariance(self.solution, self.rows.cluster)

    @property
    def robust_covariance(self) -> pd.DataFrame | None:
        """Cluster-robust covariance (each row its own cluster where none was named); None for a penalised fit."""
        if self.penalty is not None:
            return None
        if self.rows.entry is not None and self.rows.cluster is None:
            raise UseError("robust errors of start-stop rows need `cluster`: the rows of one subject are not independent.")
        return pd.DataFrame(self._robust, index=list(self.term_names), columns=list(self.term_names))

    @property
    def method(self) -> str:
        """The sentence of a methods section: ties, strata, penalty, and what interval and p-value are."""
        kind = "Cox" if self.penalty is None else "Cox with Firth's penalty"
        which = {
            "wald": "robust Wald" if self.robust else "Wald",
            "profile": "profile likelihood, chi-square cut-off",
            "auto": f"profile likelihood, t-squared cut-off on {profiles.t_df(self.n_events, self.solution.df):g} df",
        }[self.interval]
        strata = f", {len(self.rows.stratum_names)} strata" if self.rows.stratum_names else ""
        return f"{kind}, {self.solution.rs.ties.capitalize()} ties{strata}; {which}"

    @property
    def _df(self) -> float | None:
        return profiles.t_df(self.n_events, self.solution.df) if self.interval == "auto" else None

    @cached_property
    def _wald(self) -> tuple[Floats, Floats]:
        """The errors that a Wald statistic stands on (robust where the fit is), and the statistics."""
        fit = self.solution
        error = np.sqrt(np.diag(self._robust)) if self.robust else fit.std_error
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            return error, np.where(fit.finite, fit.coef / error, np.nan)

    @cached_property
    def _intervals(self) -> tuple[Floats, Floats, Floats, Floats]:
        """(low, high) as log hazard ratios, statistic, p."""
        fit = self.solution
        error, wald = self._wald
        if self.interval == "wald":
            z = float(ndtri((1 + self.level) / 2))
            low = np.where(fit.finite, fit.coef - z * error, np.nan)
            high = np.where(fit.finite, fit.coef + z * error, np.nan)
            return low, high, wald, 2 * ndtr(-np.abs(wald))
        found = self._profile
        signed = np.sign(fit.coef) * np.sqrt(found.statistic)
        p = np.where(fit.used, profiles.p_value(found.statistic, df=self._df), np.nan)
        return found.low, found.high, signed, p

    @cached_property
    def _profile(self) -> profiles.Profile:
        cut = profiles.cut_off(self.level, df=self._df)
        if self.penalty == "firth":
            from biomarkers.kernels.firth import firth_profile

            return firth_profile(self.solution, cut=cut)
        return profiles.profile(self.solution, cut=cut)

    @cached_property
    def table(self) -> pd.DataFrame:
        """The table of the model; see the class."""
        fit = self.solution
        low, high, statistic, p = self._intervals
        error, wald = self._wald
        with np.errstate(over="ignore"):
            return pd.DataFrame(
                {
                    "term": pd.array(self.term_names, dtype="str"),
                    "coef": fit.coef,
                    "hazard_ratio": np.exp(fit.coef),
                    "std_error": fit.std_error,
                    "robust_std_error": error if self.robust else np.full(fit.coef.size, np.nan),
                    "conf_low": np.exp(low),
                    "conf_high": np.exp(high),
                    "conf_level": np.full(fit.coef.size, self.level),
                    "statistic": statistic,
                    "p_value": p,
                    "wald_statistic": wald,
                    "wald_p_value": 2 * ndtr(-np.abs(wald)),
                    "finite": fit.finite & fit.used,
                },
                copy=False,
            )

    @cached_property
    def tests(self) -> pd.DataFrame:
        """Tests of all coefficients at once: likelihood ratio, score, Wald, and with clusters or weights the robust ones."""
        fit = self.solution
        rows: list[tuple[str, float]] = [("likelihood ratio", fit.likelihood_ratio)]
        if self.penalty is None:
            rows.append(("score", fit.score_test))
        rows.append(("wald", fit.wald_test))
        if self.robust:
            k = np.flatnonzero(fit.used)
            b, V = fit.coef[k], self._robust[np.ix_(k, k)]
            known = bool(np.isfinite(b).all())
            rows.append(("robust wald", float(b @ np.linalg.pinv(V, hermitian=True) @ b) if known else np.nan))
            rows.append(("robust score", residuals.robust_score_test(fit, self.rows.cluster)))
        values = np.array([value for _, value in rows])
        return pd.DataFrame(
            {
                "test": [name for name, _ in rows],
                "statistic": values,
                "df": fit.df,
                "p_value": chdtrc(max(fit.df, 1), np.maximum(values, 0.0)),
            }
        )

    # -- derived ---------------------------------------------------------------------------------------------------
    def residuals(self, kind: residuals.Kind = "martingale") -> pd.Series | pd.DataFrame:
        """Residuals by row of the frame (Schoenfeld: by death).

        Parameters
        ----------
        kind : {"martingale", "deviance", "score", "dfbeta", "dfbetas", "schoenfeld", "scaled_schoenfeld"}
            For start-stop rows sum the first four by subject before plotting them.
        """
        if kind not in residuals.KINDS:
            raise UseError(f"residuals {kind!r} are not known; choose from {', '.join(residuals.KINDS)}.")
        self._unpenalised("a residual")
        fit = self.solution
        index = self._index
        if kind == "martingale":
            return pd.Series(residuals.martingale(fit), index=index, name=kind)
        if kind == "deviance":
            return pd.Series(residuals.deviance(fit), index=index, name=kind)
        columns = list(self.term_names)
        if kind == "score":
            return pd.DataFrame(residuals.score(fit), index=index, columns=columns)
        if kind in ("dfbeta", "dfbetas"):
            scale = fit.std_error if kind == "dfbetas" else np.ones(len(columns))
            return pd.DataFrame(residuals.dfbeta(fit) / scale, index=index, columns=columns)
        values = residuals.schoenfeld(fit) if kind == "schoenfeld" else residuals.scaled_schoenfeld(fit)
        rows = residuals.death_rows(fit)
        out = pd.DataFrame(values, index=index[rows], columns=columns)
        out.insert(0, "time", self.rows.time[rows])
        return out

    @cached_property
    def _index(self) -> pd.Index:
        return self.frame_index[self.rows.kept] if self.n_dropped else self.frame_index

    def zph(self, transform: str = "km") -> pd.DataFrame:
        """Test of proportional hazards, per term and global: ``term, statistic, df, p_value``.

        Parameters
        ----------
        transform : {"km", "rank", "identity", "log"}
            Scale of time on which a coefficient may trend. "rank" changes when rows are split into intervals.
        """
        self._unpenalised("the test of proportional hazards")
        try:
            found = kernel_zph.zph(self.solution, list(self.blocks.values()), transform=transform)
        except ValueError as error:
            raise UseError(str(error)) from None
        return pd.DataFrame(
            {
                "term": [*self.blocks, "global"],
                "statistic": found.statistic,
                "df": found.df,
                "p_value": found.p_value,
            }
        )

    @cached_property
    def concordance(self) -> Concordance:
        """Harrell's C of the linear predictor, with its infinitesimal-jackknife error and the counts of pairs."""
        rows = self.rows
        return concordance(
            rows.time,
            rows.event,
            self.solution.linear_predictor(),
            entry=rows.entry,
            stratum=rows.stratum,
            weight=rows.weight,
            cluster=rows.cluster,
        )

    def baseline_hazard(self) -> pd.DataFrame:
        """Cumulative baseline hazard at covariates 0: ``stratum, time, cumulative_hazard, survival``."""
        found = hazard.baseline_hazard(self.solution)
        labels = np.array(self.rows.stratum_names or ("all",), dtype=object)
        return pd.DataFrame(
            {
                "stratum": labels[found.stratum],
                "time": found.time,
                "cumulative_hazard": found.hazard,
                "survival": np.exp(-found.hazard),
            }
        )

    def survival(self, frame: pd.DataFrame, times: ArrayLike, *, level: float | None = None) -> pd.DataFrame:
        """Predicted survival of the rows of a frame.

        Parameters
        ----------
        frame : DataFrame
            The model's covariates, and its strata where it has any.
        times : float or sequence of float
        level : float, optional
            The model's own where None.

        Returns
        -------
        DataFrame
            ``row`` (label in `frame`), ``time, survival, std_error, conf_low, conf_high, conf_level``.
        """
        t = np.atleast_1d(np.asarray(times, dtype=np.float64))
        X = np.column_stack([self._columns_of(frame, term) for term in self.rows.terms])
        stratum = self._strata_of(frame)
        level = self.level if level is None else level
        if not self.solution.finite[self.solution.used].all():
            raise UseError("a coefficient is infinite: survival cannot be predicted from it; fit with penalty='firth'.")
        found = hazard.predict(self.solution, X, stratum, t, level=level)
        return pd.DataFrame(
            {
                "row": np.repeat(frame.index.to_numpy(), t.size),
                "time": np.tile(t, len(frame)),
                "survival": found.survival.ravel(),
                "std_error": found.std_error.ravel(),
                "conf_low": found.low.ravel(),
                "conf_high": found.high.ravel(),
                "conf_level": level,
            }
        )

    def permutation_p(self, term: str | None = None, *, permutations: int = 9999, seed: int = 0) -> PermutationTest:
        """Permutation p of a term: permuted within strata against time, event and the other terms, which stay together.

        It assumes the term independent of the others within a stratum; where censoring depends on the term it is
        conservative, never liberal.

        Parameters
        ----------
        term : str, optional
            The first term where None; a factor's columns move together.
        permutations, seed : int
        """
        name = next(iter(self.blocks)) if term is None else term
        if name not in self.blocks:
            raise UseError(f"the model has no term {name!r}; it has {', '.join(self.blocks)}.")
        if self.rows.cluster is not None:
            raise UseError("rows of one subject cannot be permuted one by one; with clusters use a patient-level bootstrap.")
        others = [t.X for t in self.rows.terms if t.name != name]
        mine = next(t.X for t in self.rows.terms if t.name == name)
        rows = self.rows
        return score_permutation(
            rows.time,
            rows.event,
            mine,
            adjust=np.column_stack(others) if others else None,
            entry=rows.entry,
            stratum=rows.stratum,
            weight=rows.weight,
            ties=self.solution.rs.ties,
            permutations=permutations,
            seed=seed,
        )

    def _columns_of(self, frame: pd.DataFrame, term: Term) -> Floats:
        """The design of new rows for a term, coded by the levels of the fit."""
        parts = [read_coded(frame, part) for part in term.parts]
        X = parts[0]
        for part in parts[1:]:
            X = (X[:, :, None] * part[:, None, :]).reshape(X.shape[0], -1)
        return X[:, list(term.kept)]

    def _strata_of(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        if not self.strata:
            return np.zeros(len(frame), dtype=np.int64)
        labels = stratum_labels(frame, self.strata)
        known = {name: i for i, name in enumerate(self.rows.stratum_names)}
        unknown = [label for label in labels if label not in known]
        if unknown:
            raise UseError(f"stratum {unknown[0]!r} was not in the fit; it has {', '.join(known)}.")
        return np.array([known[label] for label in labels], dtype=np.int64)

    def _unpenalised(self, what: str) -> None:
        if self.penalty is not None:
            raise UseError(f"{what} belongs to the unpenalised model: fit without penalty.")

    # -- looks -----------------------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        head = f"{self.method}\nn = {self.n}, events = {self.n_events}"
        shown = self.table.drop(columns=["conf_level", "wald_statistic", "wald_p_value"])
        if not self.robust:
            shown = shown.drop(columns="robust_std_error")
        body = shown.to_string(index=False, float_format=lambda v: f"{v:.4g}", na_rep="")
        return "\n".join([head, body, *self.notes])

    def _repr_html_(self) -> str:
        from html import escape

        shown = self.table.drop(columns=["conf_level", "wald_statistic", "wald_p_value"])
        if not self.robust:
            shown = shown.drop(columns="robust_std_error")
        body = shown.to_html(index=False, float_format=lambda v: f"{v:.4g}", na_rep="", border=0)
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return (
            f"<p><b>{escape(self.method)}</b><br>n = {self.n}, events = {self.n_events}</p>{body}"
            + (f"<ul>{notes}</ul>" if notes else "")
        )


def cox(
    frame: pd.DataFrame,
    time: str,
    event: str,
    terms: str | Sequence[str],
    *,
    entry: str | None = None,
    strata: str | Sequence[str] = (),
    cluster: str | None = None,
    weights: str | None = None,
    ties: Ties = "efron",
    penalty: str | None = None,
    interval: Interval = "auto",
    level: float = 0.95,
) -> CoxFit:
    """Cox regression on the columns of a frame.

    Parameters
    ----------
    frame : DataFrame
        One row per subject, or one per (entry, time] interval.
    time, event : str
        End of follow-up; 1 for an event, 0 for censored (or booleans).
    terms : str or list of str
        Covariates: numbers, booleans, factors (text or Categorical, reference = first level), products ``a:b``.
    entry : str, optional
        Start of each interval: at risk at T when entry < T <= time.
    strata : str or list of str
        Each combination has its own baseline hazard.
    cluster : str, optional
        Subject of each row: robust errors summed by it.
    weights : str, optional
        Case weights, > 0; errors are then robust.
    ties : {"efron", "breslow"}
    penalty : {None, "firth"}
    interval : {"auto", "wald", "profile"}
        "auto" is the profile likelihood with the t-squared cut-off, robust Wald with clusters or weights.
    level : float

    Returns
    -------
    CoxFit

    Raises
    ------
    UseError
        No events, a constant or collinear covariate, fewer events than parameters, a value that cannot be.

    Examples
    --------
    >>> import pandas as pd
    >>> trial = pd.DataFrame({"weeks": [6, 7, 9, 12, 15, 20, 22, 30], "pfs": [1, 1, 1, 1, 0, 1, 1, 0],
    ...                       "tk1": [9.0, 7.5, 8.0, 5.5, 6.0, 4.0, 6.5, 4.5]})
    >>> fit = cox(trial, "weeks", "pfs", "tk1")
    >>> fit.table[["term", "hazard_ratio", "conf_low", "conf_high", "p_value"]].round(3)
      term  hazard_ratio  conf_low  conf_high  p_value
    0  tk1          2.28      0.89      9.918    0.076
    """
    check_arguments(ties, penalty, interval, level)
    wanted = names(terms)
    if not wanted:
        raise UseError("terms is empty: name at least one covariate.")
    rows = survival_rows(
        frame, time, event, terms=wanted, entry=entry, strata=strata, cluster=cluster, weights=weights
    )
    X = rows.terms[0].X if len(rows.terms) == 1 else np.column_stack([term.X for term in rows.terms])
    labels = tuple(label for term in rows.terms for label in term.columns)
    check_size(X, labels, rows)
    try:
        solution = kernel.cox(
            rows.time, rows.event, X, entry=rows.entry, stratum=rows.stratum, weight=rows.weight, ties=ties
        )
    except ValueError as error:
        raise UseError(str(error)) from None
    notes = list(rows.notes)
    if solution.n_merged:
        notes.append(f"{solution.n_merged} time(s) differed from another by rounding only and were merged (R's timefix).")
    if solution.aliased.any():
        notes += aliased_notes(X, labels, solution.aliased, rows)
    if penalty == "firth":
        from biomarkers.kernels.firth import firth

        solution = firth(solution)
    elif not solution.finite.all():
        notes += infinite_notes(X, labels, solution, rows)
    if not solution.converged:
        notes.append(f"No convergence in {solution.iterations} steps: do not use these numbers.")
    if interval != "wald" and cluster is None and weights is None:
        notes += confirmatory_notes(rows, solution.df)
    # Start-stop rows of one subject are not independent, and nothing here says whose they are without `cluster`.
    robust = penalty is None and (cluster is not None or (weights is not None and entry is None))
    if robust or (weights is not None and penalty is None):
        interval = "wald"
    notes += robust_notes(rows, robust)
    blocks: dict[str, tuple[int, ...]] = {}
    at = 0
    for term in rows.terms:
        blocks[term.name] = tuple(range(at, at + len(term.columns)))
        at += len(term.columns)
    return CoxFit(
        solution=solution,
        rows=rows,
        term_names=labels,
        blocks=blocks,
        interval=interval,
        level=float(level),
        penalty=penalty,
        robust=robust,
        n_dropped=rows.n_dropped,
        notes=tuple(notes),
        strata=names(strata),
        frame_index=frame.index,
    )
