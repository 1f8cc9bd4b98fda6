"""Simon's two-stage designs: which exist, what an outcome means under one, and where a running trial stands.

The design is asked of the exact binomial distribution (`kernels.simon`), so that its error rates are those it has, not those it
was asked for. Inference after the trial knows that it could have stopped: the plain proportion x/n does not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from biomarkers.domain import limits
from biomarkers.domain.errors import UseError
from biomarkers.kernels import simon as kernel
from biomarkers.kernels.binomial import clopper_pearson


class TwoStage(kernel.TwoStage):
    """A two-stage design: stop after n1 with at most r1 successes, reject the null share with more than r in n.

    Examples
    --------
    >>> round(TwoStage(r1=11, n1=20, r=23, n=40).p_reject(0.5), 4)
    0.0987
    """

    def __post_init__(self) -> None:
        for name in ("r1", "n1", "r", "n"):
            limits.count(getattr(self, name), name)
        try:
            kernel.TwoStage.__post_init__(self)
        except ValueError as error:
            raise UseError(str(error)) from None


def simon(p0: float, p1: float, *, alpha: float, beta: float, n_max: int = 100) -> pd.DataFrame:
    """Simon's designs: optimal, minimax, the admissible ones between, and the best for every other n.

    Parameters
    ----------
    p0, p1 : float
        Share of successes under the null hypothesis and under the alternative, p0 < p1.
    alpha, beta : float
        Type I error (one-sided) and 1 - power.
    n_max : int
        Largest number of patients searched.

    Returns
    -------
    DataFrame
        One row per n that has a design: ``kind, r1, n1, r, n, expected_n, p_stop, alpha, power, expected_n1, p_stop1,
        q_low, q_high``. `kind` is "minimax", "optimal", "admissible" or ""; the designs of a kind come first. `expected_n` and
        `p_stop` hold under p0, `expected_n1` and `p_stop1` under p1; a design is the best of all for weights q on n with
        q_low <= q <= q_high.

    Examples
    --------
    >>> found = simon(0.50, 0.68, alpha=0.10, beta=0.20)
    >>> found.loc[found["kind"] != "", ["kind", "r1", "n1", "r", "n", "expected_n", "alpha", "power"]].round(3)
             kind  r1  n1   r   n  expected_n  alpha  power
    0     minimax  16  28  21  36      29.380  0.100  0.809
    1  admissible   7  15  22  37      26.000  0.087  0.802
    2  admissible   8  16  23  39      25.242  0.087  0.803
    3     optimal  11  20  23  40      25.034  0.099  0.802
    """
    p0, p1 = limits.share(p0, "p0"), limits.share(p1, "p1")
    if p0 >= p1:
        raise UseError(f"p0 = {p0:g} and p1 = {p1:g}: the alternative must be the larger share")
    alpha = limits.one_sided(alpha)
    if not 0 < beta < 1 - alpha:
        raise UseError(f"beta = {beta!r} is 1 - power and must lie between 0 and 1 - alpha = {1 - alpha:g}, such as 0.20")
    n_max = limits.count(n_max, "n_max", least=2)
    found = kernel.search(p0, p1, alpha=alpha, beta=beta, n_max=n_max)
    if not len(found.designs):
        raise UseError(f"no two-stage design with n <= {n_max} has alpha <= {alpha:g} and power >= {1 - beta:g}; raise n_max")
    corners, weights = kernel.hull(found.designs[:, 3], found.expected_n)
    rows = []
    for i, (r1, n1, r, n) in enumerate(found.designs.tolist()):
        design = kernel.TwoStage(r1, n1, r, n)
        rows.append(
            {
                "kind": "", "r1": r1, "n1": n1, "r": r, "n": n, "expected_n": found.expected_n[i], "p_stop": found.p_stop[i],
                "alpha": design.p_reject(p0), "power": design.p_reject(p1), "expected_n1": design.expected_n(p1),
                "p_stop1": design.p_stop(p1), "q_low": np.nan, "q_high": np.nan,
            }
        )
    for place, i in enumerate(corners.tolist()):
        rows[i] |= {"kind": "admissible", "q_high": weights[place], "q_low": weights[place + 1]}
    rows[int(corners[0])]["kind"] = "minimax"
    # One design may be both; optimal is what such a design is called.
    rows[int(corners[-1])]["kind"] = "optimal"
    table = pd.DataFrame(rows)
    table.attrs |= {"p0": p0, "p1": p1, "alpha": alpha, "beta": beta, "n_max": n_max}
    order = np.lexsort((table["n"], table["kind"] == ""))
    return table.iloc[order].reset_index(drop=True)


def single_stage(p0: float, p1: float, *, alpha: float, beta: float, n_max: int = 500) -> pd.DataFrame:
    """The smallest one-stage test: one row ``r, n, alpha, power``; it rejects with more than r of n.

    Examples
    --------
    >>> single_stage(0.50, 0.68, alpha=0.10, beta=0.20).round(4)
        r   n   alpha   power
    0  22  37  0.0939  0.8265
    """
    p0, p1 = limits.share(p0, "p0"), limits.share(p1, "p1")
    found = kernel.single_stage(p0, p1, alpha=limits.one_sided(alpha), beta=limits.share(beta, "beta"), n_max=n_max)
    if p0 >= p1 or found is None:
        raise UseError(f"no one-stage test of p0 = {p0:g} against p1 = {p1:g} with n <= {n_max} holds both error rates")
    n, r, a, power = found
    return pd.DataFrame({"r": [r], "n": [n], "alpha": [a], "power": [power]})


def two_stage_inference(
    design: kernel.TwoStage, responses: int, *, level: float = 0.90, p0: float | None = None
) -> pd.DataFrame:
    """Estimate, p-value and interval after a two-stage trial, whichever stage it ended in.

    Parameters
    ----------
    design : TwoStage
    responses : int
        Successes in all: at most r1 means that the trial stopped after stage 1.
    level : float
        Of the intervals; 0.90 goes with a one-sided test of 0.05 at either end.
    p0 : float, optional
        The null share; without it there is no p-value.

    Returns
    -------
    DataFrame
        One row: ``responses, n, stage, reject, naive, naive_low, naive_high, estimate, conf_low, conf_high, exact_low,
        exact_high, conf_level, p_value, method``. `estimate` is the unbiased one (UMVUE); `naive` is x/n with
        Clopper and Pearson's interval: both ignore the look. `conf_low` and `conf_high` are Koyama and Chen's as in clinfun,
        which cover less than the level for some shares (0.825 at 0.90); `exact_low` and `exact_high` cover at least the
        level for all.

    Examples
    --------
    >>> found = two_stage_inference(TwoStage(11, 20, 23, 40), 25, p0=0.5)
    >>> found[["naive", "estimate", "conf_low", "conf_high", "exact_high", "p_value"]].round(4)
       naive  estimate  conf_low  conf_high  exact_high  p_value
    0  0.625    0.6593    0.4907     0.7536      0.7649   0.0629
    """
    level = limits.confidence(level)
    p_value = float("nan") if p0 is None else design.tail(responses, limits.share(p0, "p0"))
    stopped = responses <= design.r1
    n = design.n1 if stopped else design.n
    x, n = limits.successes(responses, n, "successes", f"patients in {'stage 1' if stopped else 'both stages'}")
    low, high = kernel.koyama_chen(design, x, level=level)
    exact_low, exact_high = kernel.guaranteed(design, x, level=level)
    naive_low, naive_high = clopper_pearson(x, n, level=level)
    return pd.DataFrame(
        {
            "responses": [x], "n": [n], "stage": [1 if stopped else 2], "reject": [x > design.r],
            "naive": [x / n], "naive_low": [naive_low], "naive_high": [naive_high],
            "estimate": [kernel.umvue(design, x)], "conf_low": [low], "conf_high": [high],
            "exact_low": [exact_low], "exact_high": [exact_high], "conf_level": [level], "p_value": [p_value],
            "method": ["UMVUE (Jung-Kim), interval and p by the order of outcomes (Koyama-Chen)"],
        }
    )  # fmt: skip


def state_after(design: kernel.TwoStage, successes: int, patients: int) -> str:
    """What is certain after some patients: "running", at the look "continue" or "stop", "reject" or "not rejected"."""
    if patients == design.n1 and successes <= design.r1:
        return "stop"
    if patients >= design.n1 and successes > design.r:
        return "reject"
    if patients > design.n1 and successes + design.n - patients <= design.r:
        return "not rejected"
    return "continue" if patients == design.n1 else "running"


def two_stage_path(design: kernel.TwoStage, outcomes: list[int] | np.ndarray) -> pd.DataFrame:
    """The path of a trial through its design, patient by patient, for a figure.

    Parameters
    ----------
    design : TwoStage
    outcomes : (k,) int
        1 = success, in the order of entry.

    Returns
    -------
    DataFrame
        ``patient, successes, stage, stop_at_most, reject_more_than, state``; see `state_after`.

    Examples
    --------
    >>> two_stage_path(TwoStage(0, 2, 1, 4), [0, 1, 1, 0])[["patient", "successes", "state"]]
       patient  successes     state
    0        1          0   running
    1        2          1  continue
    2        3          2    reject
    3        4          2    reject
    """
    seen = np.asarray(outcomes, dtype=int)
    if seen.size > design.n or not np.isin(seen, (0, 1)).all():
        raise UseError(f"outcomes must hold at most n = {design.n} values, each 0 or 1")
    total = np.cumsum(seen)
    states = [state_after(design, x, patient) for patient, x in enumerate(total.tolist(), 1)]
    if "stop" in states[:-1]:
        raise UseError(f"{seen.size} outcomes, but the design stopped after {design.n1} with {total[design.n1 - 1]} successes")
    return pd.DataFrame(
        {
            "patient": np.arange(1, seen.size + 1), "successes": total,
            "stage": np.where(np.arange(1, seen.size + 1) <= design.n1, 1, 2), "stop_at_most": design.r1,
            "reject_more_than": design.r, "state": states,
        }
    )  # fmt: skip
