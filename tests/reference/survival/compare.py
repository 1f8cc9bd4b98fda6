"""Compare this package with R's answers on random designs, and print the largest differences.

    Rscript random_designs.R 1000 out.json data.csv 2026
    python compare.py out.json data.csv

A difference is measured against max(|value|, its standard error) for coefficients and against |value| otherwise. Where
a coefficient is infinite, only the log-likelihood is compared, and only downwards: R stops short of the supremum.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd

from biomarkers.kernels.concordance import concordance
from biomarkers.kernels.cox import cox
from biomarkers.kernels.hazard import baseline_hazard
from biomarkers.kernels.km import kaplan_meier
from biomarkers.kernels.logrank import logrank
from biomarkers.kernels.residuals import martingale, robust_covariance, robust_score_test, score
from biomarkers.kernels.zph import zph

LIMITS = {
    "loglik": 1e-9, "loglik_infinite": 1e-7, "coef": 1e-9, "se": 1e-9, "robust_se": 1e-9, "score": 1e-9, "wald": 1e-9,
    "robust_score": 1e-9, "zph": 1e-6, "concordance": 1e-9, "martingale_ss": 1e-9, "score_ss": 1e-9, "hazard_sum": 1e-9,
    "km": 1e-9, "median": 1e-9, "logrank": 1e-9,
}  # fmt: skip


def differences(expected: dict[str, object], rows: pd.DataFrame) -> dict[str, float]:
    """Scaled differences of one design, by quantity."""
    p = int(expected["p"])
    X = rows[[f"x{j}" for j in range(1, p + 1)]].to_numpy(float)
    many = int(expected["strata"]) > 1
    stratum = rows["stratum"].to_numpy() if many else None
    entry = rows["entry"].to_numpy() if expected["start_stop"] else None
    robust = bool(expected["robust"])
    weight = rows["weight"].to_numpy() if robust else None
    fit = cox(
        rows["time"], rows["event"], X, entry=entry, stratum=stratum, weight=weight, ties=str(expected["ties"])
    )
    loglik = np.array(expected["loglik"], dtype=float)
    curves = _curves(expected, rows, X[:, 0], entry, stratum)
    if expected["infinite"] or not fit.finite.all():
        # The supremum: R stops short of it, so a higher likelihood than R's is no error.
        return curves | {"loglik_infinite": max(0.0, (loglik[1] - fit.loglik) / abs(loglik[0]))}
    out = curves | {"loglik": _relative(np.array([fit.loglik_null, fit.loglik]), loglik)}
    if fit.aliased.any():
        return out
    se = np.array(expected["se"], dtype=float)
    coef = np.array(expected["coef"], dtype=float)
    out["coef"] = float((np.abs(fit.coef - coef) / np.maximum(np.abs(coef), se)).max())
    out["se"] = _relative(fit.std_error, se)
    out["score"] = _relative(fit.score_test, expected["score"])
    if robust:
        cluster = rows["cluster"].to_numpy()
        out["robust_se"] = _relative(np.sqrt(np.diag(robust_covariance(fit, cluster))), expected["robust_se"])
        out["robust_score"] = _relative(robust_score_test(fit, cluster), expected["robust_score"])
    out["wald"] = _relative(fit.wald_test, expected["wald"])
    if None not in expected["zph"]:
        out["zph"] = _relative(zph(fit, [[j] for j in range(p)]).statistic, expected["zph"], floor=1e-3)
    c = concordance(
        rows["time"], rows["event"], fit.linear_predictor(), entry=entry, stratum=stratum, weight=weight,
        cluster=rows["cluster"] if robust else None,
    )  # fmt: skip
    out["concordance"] = _relative(np.array([c.c, c.std_error]), expected["concordance"], floor=1e-6)
    out["martingale_ss"] = _relative((martingale(fit) ** 2).sum(), expected["martingale_ss"])
    out["score_ss"] = _relative((score(fit) ** 2).sum(axis=0), expected["score_ss"])
    H = baseline_hazard(fit)
    out["hazard_sum"] = _relative(pd.Series(H.hazard).groupby(H.stratum).max().sum(), expected["hazard_sum"])
    return out


def _curves(
    expected: dict[str, object], rows: pd.DataFrame, x: np.ndarray, entry: np.ndarray | None, stratum: np.ndarray | None
) -> dict[str, float]:
    """Kaplan-Meier (sums of survival, error and lower limit; median with its limits) and the log-rank test."""
    km = kaplan_meier(rows["time"], rows["event"], entry=entry)
    alive = km.survival > 0
    sums = [km.survival.sum(), km.std_error[alive].sum(), km.low[alive].sum()]
    theirs = np.array(expected["km"], dtype=float)
    out = {"km": _relative(sums, theirs[:3])}
    # With tiny early risk sets a limit may rise again. We give its first crossing of 1/2; R's quantile() sorts the
    # limit's values first and gives another time there.
    if all((np.diff(limit[alive]) <= 0).all() for limit in (km.low, km.high)):
        out["median"] = _relative(km.quantile(0.5), theirs[3:])
    if expected["logrank"] is not None:
        half = (x > np.median(x)).astype(int)
        found = logrank(rows["time"], rows["event"], half, stratum=stratum, rho=float(expected["rho"]))
        out["logrank"] = _relative(found.chi2, expected["logrank"], floor=1e-6)
    return out


def _relative(value: object, expected: object, *, floor: float = 0.0) -> float:
    a, b = np.atleast_1d(np.asarray(value, dtype=float)), np.atleast_1d(np.asarray(expected, dtype=float))
    gap = np.abs(a - b) / np.maximum(np.abs(b), max(floor, 1e-300))
    return float(np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, gap).max())


def compare(answers: Path, data: Path) -> tuple[dict[str, list[tuple[float, int]]], int]:
    """(difference, design) of every quantity, largest first, and the number of designs R flagged as infinite."""
    found: dict[str, list[tuple[float, int]]] = defaultdict(list)
    with answers.open() as file:
        expected = json.load(file)
    frames = dict(iter(pd.read_csv(data).groupby("design")))
    infinite = 0
    for one in expected:
        infinite += bool(one["infinite"])
        for name, gap in differences(one, frames[one["design"]]).items():
            found[name].append((gap, one["design"]))
    return {name: sorted(gaps, reverse=True) for name, gaps in found.items()}, infinite


def main() -> None:
    """Print the table of agreement."""
    found, infinite = compare(Path(sys.argv[1]), Path(sys.argv[2]))
    print("| quantity | designs | largest difference | in design | limit | over the limit |")
    print("|---|---|---|---|---|---|")
    for name, gaps in found.items():
        over = sum(gap > LIMITS[name] for gap, _ in gaps)
        print(f"| {name} | {len(gaps)} | {gaps[0][0]:.1e} | {gaps[0][1]} | {LIMITS[name]:.0e} | {over} |")
    ours = len(found.get("loglik_infinite", ()))
    print(f"\nThe likelihood is monotone in {ours} designs, of which R flags {infinite}: only its supremum is compared there.")


if __name__ == "__main__":
    main()
