"""Checks of the numbers: by hand on a few rows, against R's numbers that ship with the package, and by published values."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from biomarkers.qualify.check import Finding, close, holds, same

if TYPE_CHECKING:
    import pandas as pd

# Therneau's hand-worked set: out of order, two deaths tied at 6, a censoring tied with a death at 1.
TIME, EVENT, X = (9.0, 1, 1, 6, 6, 8), (1, 1, 0, 1, 1, 0), (0.0, 1, 1, 1, 0, 0)


def _frame(**columns: object) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns)


@lru_cache(maxsize=1)
def _reference() -> tuple[pd.DataFrame, dict[tuple[str, str], float], str]:
    """The frame that R read, what R said of it, and which R."""
    import pandas as pd

    folder = resources.files("biomarkers.qualify") / "reference"
    frame = pd.read_csv(str(folder / "frame.csv"))
    lines = list(csv.reader((folder / "expected.csv").read_text(encoding="utf-8").splitlines()))
    origin = next(", ".join(line[1:-1]) for line in lines if line[0] == "origin")
    return frame, {(line[0], line[1]): float(line[2]) for line in lines[1:] if line[0] != "origin"}, origin


def r_version() -> str:
    """The R and the survival package that made the reference."""
    return _reference()[2]


_WORDS = {
    "coef": "coefficient",
    "std_error": "standard error",
    "robust_std_error": "robust standard error",
    "score": "score statistic",
    "loglik": "log-likelihood",
    "null": "at 0",
    "fitted": "at the maximum",
    "conf_low": "lower limit",
    "conf_high": "upper limit",
    "chi2": "chi-squared",
    "rho1": "rho 1",
    "p_value": "P",
    "GLOBAL": "all terms",
    "holm": "Holm",
    "bh": "Benjamini-Hochberg",
    "by": "Benjamini-Yekutieli",
}


def in_words(quantity: str) -> str:
    """A quantity of the reference as a reader is told it.

    Examples
    --------
    >>> in_words("std_error:marker"), in_words("conf_low:0:60"), in_words("holm:2"), in_words("loglik:null")
    ('standard error of marker', 'lower limit, arm 0, day 60', 'Holm, P 2', 'log-likelihood at 0')
    """
    name, *rest = quantity.split(":")
    said = _WORDS.get(name, name)
    if name in ("survival", "conf_low", "conf_high", "median") and rest:
        return ", ".join([said, *(f"{what} {place}" for what, place in zip(("arm", "day"), rest, strict=False))])
    if name in ("holm", "bh", "by"):
        return f"{said}, P {rest[0]}"
    links = dict.fromkeys(("coef", "std_error", "robust_std_error", "statistic", "p_value"), " of ") | {"loglik": " "}
    return links.get(name, ", ").join([said, *(_WORDS.get(word, word) for word in rest)])


def _from_r(check: str, observed: dict[str, float], *, tolerance: float = 1e-8) -> Iterator[Finding]:
    """Every number R gave for this check, beside ours; a number R gave and we did not is a failure."""
    for (name, quantity), expected in _reference()[1].items():
        if name == check:
            yield close(in_words(quantity), expected, observed.get(quantity, math.nan), tolerance=tolerance)


def cox_by_hand(_: Path) -> Iterator[Finding]:
    """Efron's maximum is the root of r^3 - 23 r - 30, Breslow's is (3 + sqrt 33) / 2, and the likelihood stands written out."""
    import biomarkers as bm

    frame = _frame(time=TIME, event=EVENT, x=X)
    roots = np.roots([1, 0, -23, -30])
    r = float(roots[(abs(roots.imag) < 1e-9) & (roots.real > 0)].real[0])
    efron = bm.cox(frame, "time", "event", "x")
    yield close("log hazard ratio, Efron", math.log(r), efron.table["coef"].iloc[0], tolerance=1e-10)
    loglik = 2 * math.log(r) - math.log(3 * r + 3) - math.log(r + 3) - math.log((r + 5) / 2)
    yield close("log-likelihood, Efron", loglik, efron.loglik[1], tolerance=1e-12)
    information = r / (r + 1) ** 2 + 3 * r / (r + 3) ** 2 + 5 * r / (r + 5) ** 2
    yield close("standard error, Efron", information**-0.5, efron.table["std_error"].iloc[0], tolerance=1e-9)
    breslow = bm.cox(frame, "time", "event", "x", ties="breslow")
    yield close("log hazard ratio, Breslow", math.log((3 + math.sqrt(33)) / 2), breslow.table["coef"].iloc[0], tolerance=1e-10)
    yield close("log-likelihood at 0", -math.log(6) - math.log(4) - math.log(3), efron.loglik[0], tolerance=1e-12)


def cox_like_r(_: Path) -> Iterator[Finding]:
    """coxph by Efron and Breslow with strata, by late entry, and with clusters."""
    import biomarkers as bm

    frame = _reference()[0]
    late = frame[frame["entry"] < frame["time"]]
    fits = {
        "cox_efron": bm.cox(frame, "time", "event", ["marker", "arm"], strata="stratum"),
        "cox_breslow": bm.cox(frame, "time", "event", ["marker", "arm"], strata="stratum", ties="breslow"),
        "cox_late_entry": bm.cox(late, "time", "event", ["marker", "arm"], entry="entry"),
        "cox_robust": bm.cox(frame, "time", "event", "marker", cluster="site"),
    }
    for name, fit in fits.items():
        ours = {f"{column}:{row['term']}": row[column] for _, row in fit.table.iterrows()
                for column in ("coef", "std_error", "robust_std_error")}
        score = fit.tests.set_index("test")["statistic"].get("score", math.nan)
        ours |= {"loglik:null": fit.loglik[0], "loglik:fitted": fit.loglik[1], "score": float(score)}
        for finding in _from_r(name, ours):
            yield Finding(f"{name.removeprefix('cox_').replace('_', ' ').capitalize()}: {finding.what}", finding.expected,
                          finding.observed, finding.passed, finding.tolerance)
    yield from _from_r("concordance", {"concordance": fits["cox_efron"].concordance.c})


def proportional_hazards_like_r(_: Path) -> Iterator[Finding]:
    """cox.zph with the Kaplan-Meier transform."""
    import biomarkers as bm

    table = bm.cox(_reference()[0], "time", "event", ["marker", "arm"], strata="stratum").zph(transform="km")
    ours = {f"{column}:{row['term'].replace('global', 'GLOBAL')}": row[column] for _, row in table.iterrows()
            for column in ("statistic", "p_value")}
    yield from _from_r("zph", ours, tolerance=1e-6)


def infinite_estimates(_: Path) -> Iterator[Finding]:
    """A marker that orders the outcome has no finite maximum; its lower limit is that of the profile likelihood."""
    import biomarkers as bm

    frame = _frame(time=np.arange(1.0, 13), event=[1] * 12, x=[1.0] * 6 + [0.0] * 6)
    row = bm.cox(frame, "time", "event", "x").table.iloc[0]
    yield same("finite", False, bool(row["finite"]))
    yield holds("no finite hazard ratio", not math.isfinite(row["hazard_ratio"]), f"{row['hazard_ratio']:g}")
    low = row["conf_low"]
    yield holds("a finite lower limit above 1", math.isfinite(low) and low > 1, f"{low:.4g}")


def curves_by_hand(_: Path) -> Iterator[Finding]:
    """The product limit written out: 5/6 after one death of six, times 2/4 after two of four, times 0 after the last."""
    import biomarkers as bm

    curve = bm.kaplan_meier(_frame(time=TIME, event=EVENT), "time", "event")
    for at, expected in ((1, 5 / 6), (6, 5 / 6 * 2 / 4), (8, 5 / 6 * 2 / 4), (9, 0.0)):
        yield close(f"survival at {at}", expected, curve.at([at])["survival"].iloc[0], tolerance=1e-14)
    yield close("median", 6.0, curve.median["median"].iloc[0], tolerance=0)


def curves_like_r(_: Path) -> Iterator[Finding]:
    """survfit with log-log limits, and its medians."""
    import biomarkers as bm

    curve = bm.kaplan_meier(_reference()[0], "time", "event", by="arm")
    ours = {f"{column}:{row['arm']:g}:{row['time']:g}": row[column] for _, row in curve.at([60, 180, 300]).iterrows()
            for column in ("survival", "conf_low", "conf_high")}
    ours |= {f"median:{row['arm']:g}": row["median"] for _, row in curve.median.iterrows()}
    yield from _from_r("kaplan_meier", ours)


def logrank_like_r(_: Path) -> Iterator[Finding]:
    """survdiff: plain, stratified, and with the weights of Fleming and Harrington."""
    import biomarkers as bm

    frame = _reference()[0]
    yield from _from_r("logrank", {
        "chi2": bm.logrank(frame, "time", "event", "arm").chi2,
        "chi2:stratified": bm.logrank(frame, "time", "event", "arm", strata="stratum").chi2,
        "chi2:rho1": bm.logrank(frame, "time", "event", "arm", rho=1).chi2,
    })


def adjustment_like_r(_: Path) -> Iterator[Finding]:
    """p.adjust on five P-values."""
    from biomarkers.kernels.adjust import adjust

    p = np.array([0.001, 0.011, 0.02, 0.04, 0.3])
    ours = {f"{method}:{i}": value for method in ("holm", "bh", "by") for i, value in enumerate(adjust(p, method), start=1)}
    yield from _from_r("adjust", ours)


def proportions(_: Path) -> Iterator[Finding]:
    """binom.test; and 1 - (alpha/2)^(1/n), the limit when nothing was seen."""
    from biomarkers.kernels.binomial import clopper_pearson

    low, high = clopper_pearson(7, 23)
    yield from _from_r("binomial", {"conf_low": low, "conf_high": high})
    yield close("upper limit of 0 in 20", 1 - 0.025 ** (1 / 20), clopper_pearson(0, 20)[1], tolerance=1e-12)


def hardy_weinberg_by_hand(_: Path) -> Iterator[Finding]:
    """Four alleles of each kind in four subjects: 0, 2 or 4 heterozygotes with probabilities 6/70, 48/70 and 16/70."""
    import biomarkers as bm

    for heterozygotes, expected in ((0, 6 / 70), (4, 22 / 70), (2, 1.0)):
        homozygotes = (4 - heterozygotes) // 2
        found = bm.hardy_weinberg(homozygotes, heterozygotes, homozygotes)
        yield close(f"exact P, {heterozygotes} of 4 heterozygous", expected, found.p_value, tolerance=1e-12)
    yield close("inbreeding coefficient without heterozygotes", 1.0, bm.hardy_weinberg(2, 0, 2).f, tolerance=1e-12)


def simon_as_published(_: Path) -> Iterator[Finding]:
    """Simon 1989, p0 = 0.1, p1 = 0.3, alpha = 0.05, beta = 0.2: optimal 1/10 and 5/29, minimax 1/15 and 5/25."""
    import biomarkers as bm

    table = bm.trial.simon(0.1, 0.3, alpha=0.05, beta=0.2, n_max=40)
    for name, expected in (("optimal", "1/10, 5/29"), ("minimax", "1/15, 5/25")):
        row = table[table["kind"] == name].iloc[0]
        yield same(f"{name}: r1/n1, r/n", expected, "{r1}/{n1}, {r}/{n}".format(**row))
    z = 1.959963984540054 + 0.8416212335729143
    yield close("events for a hazard ratio of 0.5, one-sided 2.5 % (Schoenfeld)", 4 * z**2 / math.log(0.5) ** 2,
                bm.trial.events_required(0.5, alpha=0.025, power=0.8), tolerance=1e-9)


def permutations(_: Path) -> Iterator[Finding]:
    """One stream per seed."""
    import biomarkers as bm

    frame = _reference()[0]
    one, again, other = (bm.scan(frame, "time", "event", ["marker", "arm"], permutations=199, seed=seed) for seed in (7, 7, 8))
    yield holds("the same seed gives the same table", one.equals(again))
    column = next(c for c in one.columns if c.startswith("p_") and not one[c].equals(other[c]))
    yield holds("another seed gives another stream", column, f"{column} differs")
    yield holds("a permutation P is a count over 200", np.allclose((one[column] * 200) % 1, 0, atol=1e-9))


def landmark_sees_nothing_later(_: Path) -> Iterator[Finding]:
    """Four subjects: one gone before the landmark, one drawn only after it, one drawn before it, one whose event is on it."""
    import biomarkers as bm

    subjects = _frame(subject=["a", "b", "c", "d"], time=[30.0, 90.0, 90.0, 42.0], event=[1, 1, 0, 1])
    draws = _frame(subject=["a", "b", "c", "c", "d"], day=[21.0, 43.0, 41.0, 60.0, 41.0], value=[1.0, 2.0, 3.0, 99.0, 4.0])
    found = bm.landmark_set(subjects, draws, day=42, max_age=math.inf)
    rows = found.rows.set_index("subject")
    yield same("in the analysis", "c", ", ".join(sorted(rows.index)))
    yield close("the value of the draw before the landmark", 3.0, rows["value"].get("c", math.nan), tolerance=0)
    yield same("everybody is counted", 4, int(found.flow["n_excluded"].sum()) + len(rows))
