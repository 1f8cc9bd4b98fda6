"""Does the generator hold what docs/sample-data.md promises? Regenerate at a large scale and compare, line by line.

    python sample_data/check_truth.py [--scale 400] [--only br1801|stop_her2] [--trial-size 600]

Marginals are read from the files as a user would read them; planted effects are estimated with `biomarkers` from the true
values in `truth.json`. A marginal passes within the stated tolerance (3 % of the number, or its rounding where that is
coarser, widened by Monte-Carlo error at smaller scales); an estimate passes within 4 standard errors of the table's column.
Exit code 1 when any line fails.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import make_br1801
import make_stop_her2
import numpy as np
import pandas as pd
from deterministic import Streams

from biomarkers.models.cox import cox


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison: what was promised, what came out, and how far apart they may be."""

    what: str
    expected: float
    found: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the two agree."""
        return abs(self.found - self.expected) <= self.tolerance

    def __str__(self) -> str:
        ratio = (self.found - self.expected) / self.tolerance * 4
        return f"{'PASS' if self.passed else 'FAIL'}  {self.what:<62} {self.expected:>9.4g} {self.found:>9.4g}  {ratio:>+6.1f}"


HEAD = f"{'':4}  {'':<62} {'promised':>9} {'found':>9}  {'of 4':>6}"


def marginal(what: str, expected: float, found: float, *, rounding: float = 0.0, error: float = 0.0) -> Line:
    """A proportion, mean or quantile: 3 % of the number, at least its rounding, plus 4 standard errors of the simulation."""
    return Line(what, expected, found, max(0.03 * abs(expected), rounding) + 4 * error)


def share(what: str, expected: float, hits: pd.Series | np.ndarray, *, rounding: float = 0.005) -> Line:
    """A proportion with its own Monte-Carlo error."""
    p = float(np.mean(hits))
    return marginal(what, expected, p, rounding=rounding, error=math.sqrt(max(p * (1 - p), 1e-9) / len(hits)))


def quantile(what: str, expected: float, values: pd.Series, at: float = 0.5, *, rounding: float = 0.0) -> Line:
    """A quantile; its error from the order statistics around it."""
    x = np.sort(values.to_numpy(dtype=float))
    half = 4 * math.sqrt(at * (1 - at) / len(x))
    low, high = np.quantile(x, [max(0, at - half), min(1, at + half)])
    return marginal(what, expected, float(np.quantile(x, at)), rounding=rounding, error=float(high - low) / 8)


# ---------------------------------------------------------------- BR-1801
def numbers(column: pd.Series) -> pd.Series:
    """The cells that are plain numbers."""
    return pd.to_numeric(column, errors="coerce")


def icc_2_1(scores: np.ndarray) -> float:
    """ICC(2,1) of complete scores, shape (subjects, readers), from the two-way mean squares."""
    n, k = scores.shape
    grand = scores.mean()
    msr = k * ((scores.mean(axis=1) - grand) ** 2).sum() / (n - 1)
    msc = n * ((scores.mean(axis=0) - grand) ** 2).sum() / (k - 1)
    residual = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0, keepdims=True) + grand
    mse = (residual**2).sum() / ((n - 1) * (k - 1))
    return float((msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n))


def read_br1801(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables as text, and the truth per subject."""
    names = ("subjects", "outcomes", "specimens", "tissue_reads", "blood_tk1", "blood_ctc", "blood_ctdna")
    tables = {name: pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False) for name in names}
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["subjects"]
    tables["truth"] = pd.DataFrame(truth)
    return tables


def br1801_frame(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per subject: design, true markers on their model scale, the latent and the observed clock."""
    frame = tables["subjects"].merge(tables["truth"], on="subject")
    pfs = tables["outcomes"].query("endpoint == 'pfs'")[["subject", "time", "event", "event_type"]]
    frame = frame.merge(pfs, on="subject").astype({"time": float, "event": int, "liver_mets": int})
    draws = tables["specimens"].query("visit_label == 'week6' and type == 'serum'")[["subject", "collection_day"]]
    frame = frame.merge(draws, on="subject", how="left")
    frame["week6_day"] = numbers(frame["collection_day"])
    return frame.assign(
        combination=(frame["arm"] == make_br1801.ARMS[1]).astype(int),
        til10=frame["stil"] / 10 - make_br1801.CENTRES["stil_per_10"],
        vim10=frame["vimentin"] / 10,
        ctc2=np.log2(frame["ctc"] + 1),
        tk12=np.log2(frame["tk1"]),
        ctdna2=np.log2(frame["ctdna"]),
        f=frame["f_alleles"],
        always=1,
        latent=frame["event_weeks"],
    ).assign(til10_arm=lambda d: d["til10"] * d["combination"], vim10_arm=lambda d: d["vim10"] * d["combination"])


def br1801_marginals(tables: dict[str, pd.DataFrame], frame: pd.DataFrame) -> Iterator[Line]:
    """Section 2.2 of the specification: what the laboratories report."""
    stil = frame["stil"]
    yield marginal("true sTIL, mean", 12, stil.mean(), rounding=0.5, error=stil.std() / math.sqrt(len(stil)))
    yield quantile("true sTIL, median", 5, stil, rounding=0.5)
    yield marginal("true sTIL, SD", 16, stil.std(), rounding=0.5, error=16 / math.sqrt(len(stil)))
    yield share("true sTIL above 20 %", 0.22, stil > 20)
    yield from read_lines(tables)
    vim = frame["vimentin"]
    positive = vim[vim > 0]
    yield quantile("vimentin where positive, median", 23, positive, rounding=0.5)
    yield marginal(
        "vimentin where positive, mean", 28.5, positive.mean(), rounding=0.05, error=positive.std() / math.sqrt(len(positive))
    )
    yield share("vimentin zero, ER+", 0.80, vim[frame["cohort"] == "ER+"] == 0)
    yield share("vimentin zero, ER-", 0.70, vim[frame["cohort"] == "ER-"] == 0)
    yield from cell_lines(tables)
    yield from blood_lines(tables, frame)


def read_lines(tables: dict[str, pd.DataFrame]) -> Iterator[Line]:
    """Readers: agreement and the way people round."""
    reads = tables["tissue_reads"]
    stil = reads[reads["marker"] == "stil"]
    panel = pd.Series(pd.factorize(tables["subjects"]["subject"])[0] // 114, index=tables["subjects"]["subject"] + "-T")
    value = numbers(stil["value"])
    for what, promised, hits in (
        ("multiples of 5", 0.58, value % 5 == 0),
        ("multiples of 10", 0.31, value % 10 == 0),
        ("zero", 0.06, value == 0),
    ):
        hits = hits[value.notna()]
        by_panel = hits.groupby(stil["specimen"].map(panel)).mean()
        # how a panel rounds is a property of three people: the promise came from one panel, so one panel's spread is allowed
        spread = float(by_panel.std(ddof=1)) if len(by_panel) > 1 else 0.05
        yield Line(f"sTIL reads, {what} (SD over panels {spread:.3f})", promised, float(hits.mean()), 2 * spread)
    yield share("sTIL not evaluable", 0.16, stil[stil["reader"] == "R1"]["evaluable"] == "no")
    n = tables["subjects"]["subject"].nunique()
    yield marginal("sTIL second reads", 0.95, (stil["reader"] == "R2").sum() / n, error=math.sqrt(0.05 * 0.95 / n))
    yield marginal("sTIL third reads", 0.85, (stil["reader"] == "R3").sum() / n, error=math.sqrt(0.15 * 0.85 / n))
    wide = stil.assign(value=numbers(stil["value"])).pivot_table(index="specimen", columns="reader", values="value")
    panels = wide.dropna().groupby(panel.reindex(wide.dropna().index))
    iccs = np.array([icc_2_1(block.to_numpy()) for _, block in panels])
    yield marginal(
        "sTIL ICC(2,1), mean over panels of three readers",
        0.71,
        float(iccs.mean()),
        rounding=0.005,
        error=0.07 / math.sqrt(len(iccs)),
    )
    if len(iccs) >= 20:
        yield marginal(
            "sTIL ICC(2,1), SD over panels", 0.07, float(iccs.std(ddof=1)), rounding=0.01, error=0.07 / math.sqrt(2 * len(iccs))
        )


def cell_lines(tables: dict[str, pd.DataFrame]) -> Iterator[Line]:
    """CD8 and FOXP3: counts over area."""
    reads = tables["tissue_reads"]
    cells = reads[reads["marker"].isin(["cd8", "foxp3"]) & (reads["evaluable"] == "yes")]
    wide = cells.assign(value=numbers(cells["value"])).pivot_table(index="specimen", columns="marker", values="value")
    area = numbers(cells["area_mm2"])
    yield quantile("counted area, mm2, median", 0.288, area, rounding=0.0005)
    yield quantile("CD8/mm2, lower quartile", 31, wide["cd8"], 0.25, rounding=0.5)
    yield quantile("CD8/mm2, median", 66, wide["cd8"], rounding=0.5)
    yield quantile("CD8/mm2, upper quartile", 134, wide["cd8"], 0.75, rounding=0.5)
    yield share("CD8 zero", 0.046, wide["cd8"] == 0, rounding=0.0005)
    yield quantile("FOXP3/mm2, median", 6.5, wide["foxp3"], rounding=0.05)
    yield quantile("FOXP3/mm2, upper quartile", 20, wide["foxp3"], 0.75, rounding=0.5)
    yield share("FOXP3 zero", 0.28, wide["foxp3"] == 0)
    r = np.corrcoef(np.log2(wide + 1).to_numpy().T)[0, 1]
    yield marginal("correlation of log2(x + 1)", 0.42, float(r), rounding=0.005, error=(1 - r**2) / math.sqrt(len(wide)))
    yield share("CD8/FOXP3 not evaluable", 0.18, reads[reads["marker"] == "cd8"]["evaluable"] == "no")


def blood_lines(tables: dict[str, pd.DataFrame], frame: pd.DataFrame) -> Iterator[Line]:
    """CTC, TK1, ctDNA and the genotype."""
    tubes = tables["specimens"][["specimen", "subject", "visit_label", "collection_day"]]
    by_subject = frame.set_index("subject")

    def at(name: str, visit: str) -> pd.DataFrame:
        rows = tables[name].merge(tubes, on="specimen")
        rows = rows[rows["visit_label"] == visit].set_index("subject")
        return rows.join(by_subject[["time", "combination"]])

    def landmark(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[(rows["time"] > 49) & (numbers(rows["collection_day"]) < rows["time"])]

    ctc = numbers(at("blood_ctc", "baseline")["value"]).dropna()
    yield share("CTC at baseline, 1 or more", 0.45, ctc >= 1)
    yield share("CTC at baseline, 5 or more", 0.30, ctc >= 5)
    yield quantile("CTC at baseline, 99th centile of positives", 490, ctc[ctc > 0], 0.99, rounding=5)
    ctc6 = numbers(at("blood_ctc", "week6")["value"]).dropna()
    yield share("CTC at week 6, 5 or more", 0.046, ctc6 >= 5, rounding=0.0005)

    tk1 = frame["tk1"]
    yield quantile("TK1 at baseline, true, median", 292, tk1, rounding=0.5)
    yield share("TK1 at baseline below 20", 0.054, tk1 < 20, rounding=0.0005)
    yield share("TK1 at baseline 200 or more", 0.59, tk1 >= 200)
    yield share("TK1 at baseline 250 or more", 0.54, tk1 >= 250)
    reported = at("blood_tk1", "baseline")
    yield share(
        "TK1 at baseline reported as <20",
        0.054,
        reported.loc[reported["value"] != "hemolyzed", "value"] == "<20",
        rounding=0.003,
    )
    week6 = at("blood_tk1", "week6")
    kept = landmark(week6)
    yield share("TK1 at week 6, T-DM1, detected at the landmark", 0.86, kept.loc[kept["combination"] == 0, "value"] != "<20")
    yield share("TK1 at week 6, combination, below 20", 0.84, week6.loc[week6["combination"] == 1, "value"] == "<20")

    base, on = at("blood_ctdna", "baseline"), at("blood_ctdna", "week6")
    yield quantile("ctDNA at baseline, true, median", 86, frame["ctdna"], rounding=0.5)
    yield quantile("ctDNA, limit of detection, median", 0.1, numbers(base["lod"]), rounding=0.0005)
    undetected = (base["value"] == "ND").mean() * 114
    yield Line(
        "ctDNA at baseline not detected, per 114 (1 to 2)",
        1.5,
        undetected,
        0.5 + 4 * math.sqrt(1.5 * 114 / len(base)) * math.sqrt(114 / 114),
    )
    both = landmark(on).join(base["value"].rename("before"), how="inner")
    before, after = numbers(both["before"]), numbers(both["value"]).where(both["value"] != "ND", 0.0)
    yield share("ctDNA fall of half or more at the landmark", 0.67, (after <= before / 2)[before.notna() & after.notna()])
    yield Line(
        "ctDNA at week 6 not detected, % (4 to 6)",
        5,
        100 * (on["value"] == "ND").mean(),
        1 + 400 * math.sqrt(0.05 * 0.95 / len(on)),
    )
    for copies, p in enumerate((0.109, 0.442, 0.449)):
        yield share(f"FCGR3A, {copies} F alleles", p, frame["f_alleles"] == copies, rounding=0.0005)


def km_median(time: np.ndarray, event: np.ndarray) -> float:
    """The first day on which the Kaplan-Meier estimate is at most one half."""
    days, index = np.unique(time, return_inverse=True)
    deaths = np.bincount(index, weights=event)
    at_risk = len(time) - np.concatenate([[0], np.cumsum(np.bincount(index))[:-1]])
    survival = np.cumprod(1 - deaths / at_risk)
    return float(days[np.argmax(survival <= 0.5)])


OBSERVED = {
    ("ER+", 0): (87, 0.79, 0.63, 0.58),
    ("ER+", 1): (168, 0.86, 0.75, 0.69),
    ("ER-", 0): (47, 0.69, 0.47, 0.43),
    ("ER-", 1): (86, 0.78, 0.62, 0.57),
}


def br1801_course(frame: pd.DataFrame) -> Iterator[Line]:
    """Section 2.3: what the trial observes."""
    for (cohort, arm), (median, past_42, past_49, kept) in OBSERVED.items():
        rows = frame[(frame["cohort"] == cohort) & (frame["combination"] == arm)]
        name = f"{cohort} {make_br1801.ARMS[arm]}"
        time = rows["time"].to_numpy()
        # scans come in waves of a week, so the median moves in jumps at small scales
        found = km_median(time, rows["event"].to_numpy())
        yield marginal(f"{name}: median PFS, days", median, found, rounding=1.5, error=0.6 * median / math.sqrt(len(rows)))
        yield share(f"{name}: PFS beyond day 42", past_42, time > 42)
        yield share(f"{name}: PFS beyond day 49", past_49, time > 49)
        yield share(f"{name}: in the day-49 landmark set", kept, (time > 49) & (rows["week6_day"] < rows["time"]))


def br1801_truths(frame: pd.DataFrame) -> Iterator[Line]:
    """Section 2.5: the planted effects, on the latent clock with all terms and on the observed clock one at a time."""
    strata = ("cohort", "liver_mets")
    terms = ["combination", "til10", "til10_arm", "ctc2", "tk12", "ctdna2", "f", "vim10", "vim10_arm", "response"]
    # SE of the specification's own simulation at scale 400 is .001 to .011; the estimate's own SE stands for it
    for term, hr, what in (
        ("combination", 0.519, "arm"),
        ("til10", 0.950, "sTIL per 10 %, T-DM1"),
        ("til10_arm", 0.797, "sTIL x arm, per 10 %"),
        ("ctc2", 1.102, "CTC per doubling of x + 1"),
        ("tk12", 1.247, "TK1 per doubling"),
        ("ctdna2", 1.080, "ctDNA per doubling"),
        ("f", 1.208, "FCGR3A per F allele"),
    ):
        yield both_errors(f"latent clock, all terms: {what}", hr, frame, terms, term, "latent", "always", strata)
    main = [t for t in terms if t != "vim10_arm"]
    yield both_errors(
        "latent clock, all terms: vimentin per 10 % (null)", 0.999, frame, main, "vim10", "latent", "always", strata
    )
    yield both_errors(
        "latent clock, all terms: vimentin x arm (null)", 1.001, frame, terms, "vim10_arm", "latent", "always", strata
    )
    for term, hr, what in (
        ("til10", 0.907, "sTIL per 10 %"),
        ("ctc2", 1.104, "CTC per doubling of x + 1"),
        ("tk12", 1.197, "TK1 per doubling"),
        ("ctdna2", 1.078, "ctDNA per doubling"),
        ("f", 1.122, "FCGR3A per F allele"),
        ("vim10", 0.998, "vimentin per 10 % (null)"),
    ):
        yield both_errors(f"observed clock, with arm: {what}", hr, frame, [term, "combination"], term, "time", "event", strata)
    for term, hr in (("til10_arm", 0.866), ("til10", 0.971)):
        yield both_errors(
            f"observed clock: sTIL and sTIL x arm: {term}",
            hr,
            frame,
            ["til10", "combination", "til10_arm"],
            term,
            "time",
            "event",
            strata,
        )
    yield both_errors(
        "observed clock: vimentin x arm (null)",
        1.008,
        frame,
        ["vim10", "combination", "vim10_arm"],
        "vim10_arm",
        "time",
        "event",
        strata,
    )
    yield both_errors("observed clock: arm", 0.666, frame, ["combination"], "combination", "time", "event", strata)
    for cohort, hr in (("ER+", 0.657), ("ER-", 0.676)):
        yield both_errors(
            f"observed clock: arm in {cohort}",
            hr,
            frame[frame["cohort"] == cohort],
            ["combination"],
            "combination",
            "time",
            "event",
            ("liver_mets",),
        )
    for term, hr, what in (
        ("til10", 0.959, "sTIL per 10 %"),
        ("ctc2", 1.083, "CTC"),
        ("tk12", 1.209, "TK1"),
        ("ctdna2", 1.068, "ctDNA"),
        ("f", 1.178, "FCGR3A"),
        ("combination", 0.558, "arm"),
    ):
        yield both_errors(f"observed clock, all terms: {what}", hr, frame, terms, term, "time", "event", strata)


def both_errors(
    what: str, hr: float, frame: pd.DataFrame, terms: list[str], term: str, time: str, event: str, strata: tuple[str, ...]
) -> Line:
    """An estimate against a number that was itself estimated at scale 400 with the same design."""
    row = _fit(frame, terms, time, event, strata).loc[term]
    theirs = float(row["std_error"]) * math.sqrt(len(frame) / 45_600)
    return estimate_line(what, hr, float(row["coef"]), math.hypot(float(row["std_error"]), theirs))


def estimate_line(what: str, hr: float, coef: float, std_error: float) -> Line:
    """Compare on the log scale, show hazard ratios; half a unit of the last printed digit is allowed besides."""
    tolerance = 4 * std_error + 0.0005 / hr
    return Line(what, hr, math.exp(coef), hr * math.expm1(tolerance))


_FITS: dict[tuple[object, ...], pd.DataFrame] = {}


def _fit(frame: pd.DataFrame, terms: list[str], time: str, event: str, strata: tuple[str, ...]) -> pd.DataFrame:
    key = (len(frame), tuple(terms), time, event, strata)
    if key not in _FITS:
        _FITS[key] = cox(frame, time, event, terms, strata=strata, interval="wald").table.set_index("term")
    return _FITS[key]


def check_br1801(scale: int) -> Iterator[tuple[str, list[Line]]]:
    """All lines of the BR-1801 study, section by section."""
    with tempfile.TemporaryDirectory() as folder:
        make_br1801.make(Path(folder), scale=scale)
        tables = read_br1801(Path(folder))
    frame = br1801_frame(tables)
    yield "BR-1801, what the laboratories report", list(br1801_marginals(tables, frame))
    yield "BR-1801, what the trial observes", list(br1801_course(frame))
    yield "BR-1801, planted effects", list(br1801_truths(frame))


def br1801_trial_size(seeds: int) -> None:
    """Counts at trial size over many seeds: mean and 5th to 95th centile, beside the specification's."""
    rows = []
    for seed in range(1, seeds + 1):
        s = Streams("BR-1801", seed)
        truth = make_br1801.simulate_truth(s, 1)
        course = make_br1801.simulate_course(s, truth)
        kept = course.week6_drawn & (course.week6_day < course.pfs_day) & (course.pfs_day > 49)
        er, event = truth.er_positive, course.pfs_event
        row = {
            "events, all": event.sum(),
            "events, ER+": (event & er).sum(),
            "events, ER-": (event & ~er).sum(),
            "week-6 tube on the event day": (course.week6_drawn & event & (course.week6_day == course.pfs_day)).sum(),
            "without a week-6 tube": (~course.week6_drawn).sum(),
            "landmark set, all": kept.sum(),
        }
        for name, cohort in (("ER+", er), ("ER-", ~er)):
            for arm in (0, 1):
                cell = kept & cohort & (truth.arm == arm)
                row[f"landmark set, {name} {make_br1801.ARMS[arm]}"] = cell.sum()
                row[f"its events, {name} {make_br1801.ARMS[arm]}"] = (cell & event).sum()
        for name, cohort in (("ER+", er), ("ER-", ~er)):
            row[f"V/V, {name}"] = (cohort & (truth.f_alleles == 0)).sum()
        rows.append(row)
    promised = {
        "events, all": "98 (92-104)",
        "events, ER+": "52 (47-57)",
        "events, ER-": "46 (42-49)",
        "week-6 tube on the event day": "4 (1-7)",
        "without a week-6 tube": "27 (20-35)",
        "landmark set, all": "66 (57-74)",
        "landmark set, ER+ T-DM1": "19",
        "landmark set, ER+ T-DM1 + abemaciclib": "22",
        "landmark set, ER- T-DM1": "11",
        "landmark set, ER- T-DM1 + abemaciclib": "14",
        "its events, ER+ T-DM1": "15",
        "its events, ER+ T-DM1 + abemaciclib": "15",
        "its events, ER- T-DM1": "10",
        "its events, ER- T-DM1 + abemaciclib": "12",
        "V/V, ER+": "7.2 (3-11)",
        "V/V, ER-": "5.5 (2-9)",
    }
    print_trial_size("BR-1801", pd.DataFrame(rows), promised)


# ---------------------------------------------------------------- STOP-HER2
EVALUABLE = ("detected", "not_detected")


def stop_frame(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Subjects with their PFS, and draws with their call; draws on or after the event are marked."""
    tables = {
        name: pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in ("subjects", "outcomes", "specimens", "mrd")
    }
    pfs = tables["outcomes"].query("endpoint == 'pfs'")[["subject", "time", "event", "event_type", "last_negative_assessment"]]
    subjects = tables["subjects"][["subject", "cohort", "prior_oligo"]].merge(pfs, on="subject")
    subjects = subjects.astype({"time": int, "event": int, "prior_oligo": int, "last_negative_assessment": int})
    draws = tables["mrd"].merge(
        tables["specimens"][["specimen", "subject", "collection_day", "reason_for_draw"]], on="specimen"
    )
    draws = draws.merge(subjects, on="subject")
    draws["day"] = draws["collection_day"].astype(int)
    draws["evaluable"], draws["positive"] = draws["call"].isin(EVALUABLE), draws["call"] == "detected"
    scheduled = draws["reason_for_draw"] == "scheduled"
    return subjects, draws[scheduled].sort_values(["subject", "day"]).assign(before=lambda d: d["day"] < d["time"])


def stop_lines(subjects: pd.DataFrame, draws: pd.DataFrame) -> Iterator[Line]:
    """Section 3.2 of the specification, per cohort."""
    promised = {"stop": (0.68, 0.10, 0.14, 0.24, 0.57, 123), "continue": (0.76, 0.11, 0.12, 0.27, 0.57, 128)}
    usable = draws[draws["evaluable"] & draws["before"]]
    for cohort, (pfs, base, prevalence, reversion, found, lead) in promised.items():
        rows, calls = subjects[subjects["cohort"] == cohort], usable[usable["cohort"] == cohort]
        yield marginal(
            f"{cohort}: 1-year PFS, restart censored",
            pfs,
            km_at(rows["time"], rows["event"], 365),
            rounding=0.015,
            error=math.sqrt(pfs * (1 - pfs) / len(rows)),
        )
        first = calls[calls["day"] <= 0]
        # the specification's figures are from 3000 subjects per cohort: its own error counts as well
        yield two_sample(f"{cohort}: baseline MRD detected, of evaluable", base, first["positive"], 3000)
        yield two_sample(f"{cohort}: detected, of evaluable draws before the event", prevalence, calls["positive"], 3000)
        following = calls.assign(after=calls.groupby("subject")["positive"].shift(-1)).dropna(subset="after")
        yield two_sample(
            f"{cohort}: positive, then negative at the next draw",
            reversion,
            ~following.loc[following["positive"], "after"].astype(bool),
            1200,
        )
        progressed = rows.loc[rows["event"] == 1, "subject"]
        ever = calls[calls["positive"]].groupby("subject")["day"].min().reindex(progressed)
        yield two_sample(f"{cohort}: relapses detected before the event", found, ever.notna(), 1500)
        ahead = (rows.set_index("subject")["time"].reindex(progressed) - ever).dropna()
        yield quantile(f"{cohort}: lead time where detected, days, median", lead, ahead, rounding=0.04 * lead)


def two_sample(what: str, expected: float, hits: pd.Series, theirs: int) -> Line:
    """A proportion against one that was itself simulated on `theirs` draws; half of its last digit is allowed besides."""
    p = float(hits.astype(bool).mean())
    return Line(what, expected, p, 0.005 + 4 * math.sqrt(p * (1 - p) * (1 / len(hits) + 1 / theirs)))


def km_at(time: pd.Series, event: pd.Series, day: int) -> float:
    """The Kaplan-Meier estimate at a day."""
    days = np.sort(time[(event == 1) & (time <= day)].unique())
    return float(np.prod([1 - ((time == d) & (event == 1)).sum() / (time >= d).sum() for d in days]))


def stop_truths(subjects: pd.DataFrame, draws: pd.DataFrame, scale: int) -> Iterator[Line]:
    """Section 3.3, baseline rows; the standard errors stated there are those of scale 60."""
    first = draws[draws["evaluable"] & (draws["day"] <= 0)].drop_duplicates("subject").set_index("subject")["positive"]
    frame = subjects.assign(positive=subjects["subject"].map(first), stop=(subjects["cohort"] == "stop").astype(int))
    known = frame.dropna(subset="positive").astype({"positive": int})
    at_60 = math.sqrt(scale / 60)
    row = _fit(known, ["positive"], "time", "event", ("cohort",)).loc["positive"]
    yield estimate_line("baseline MRD detected, strata cohort", 3.02, float(row["coef"]), 0.058 * math.hypot(1, 1 / at_60))
    for terms, hr, what in ((["stop"], 1.56, "crude"), (["stop", "prior_oligo"], 1.65, "beside oligo-progression")):
        row = _fit(frame, terms, "time", "event", ()).loc["stop"]
        own = float(row["std_error"])
        yield estimate_line(
            f"stop against continue, {what} (never an effect)", hr, float(row["coef"]), math.hypot(own, own * at_60)
        )


def check_stop_her2(scale: int) -> Iterator[tuple[str, list[Line]]]:
    """All lines of the STOP-HER2 study that a baseline analysis can test."""
    with tempfile.TemporaryDirectory() as folder:
        make_stop_her2.make(Path(folder), scale=scale)
        subjects, draws = stop_frame(Path(folder))
    yield "STOP-HER2, what the trial observes", list(stop_lines(subjects, draws))
    yield "STOP-HER2, planted effects on the baseline", list(stop_truths(subjects, draws, scale))


def stop_trial_size(seeds: int) -> None:
    """Counts at trial size over many seeds."""
    rows = []
    for seed in range(1, seeds + 1):
        with tempfile.TemporaryDirectory() as folder:
            make_stop_her2.make(Path(folder), seed=seed)
            subjects, draws = stop_frame(Path(folder))
        row = {}
        for cohort in ("stop", "continue"):
            mine, calls = subjects[subjects["cohort"] == cohort], draws[draws["cohort"] == cohort]
            usable = calls[calls["evaluable"] & calls["before"]]
            row |= {
                f"{cohort}: progressions": mine["event"].sum(),
                f"{cohort}: restarts": (mine["event_type"] == "restart").sum(),
                f"{cohort}: draws": len(calls),
                f"{cohort}: non-evaluable": (~calls["evaluable"]).sum(),
                f"{cohort}: baseline detected": (usable["positive"] & (usable["day"] <= 0)).sum(),
                f"{cohort}: ever detected": usable.loc[usable["positive"], "subject"].nunique(),
            }
        rows.append(row)
    promised = {
        "stop: progressions": "34 (27-38)",
        "stop: restarts": "4.5 (1-8)",
        "stop: draws": "334",
        "stop: non-evaluable": "13",
        "stop: baseline detected": "4.5 (1-8)",
        "stop: ever detected": "23",
        "continue: progressions": "16 (11-21)",
        "continue: restarts": "0",
        "continue: draws": "223",
        "continue: non-evaluable": "9",
        "continue: baseline detected": "2.8 (0-5)",
        "continue: ever detected": "12",
    }
    print_trial_size("STOP-HER2", pd.DataFrame(rows), promised)


def print_trial_size(study: str, table: pd.DataFrame, promised: dict[str, str]) -> None:
    """Mean (5th-95th centile) over seeds, beside what was promised."""
    print(f"\n{study} at trial size, {len(table)} seeds: mean (5th-95th centile)")
    for name in table:
        low, high = np.quantile(table[name], [0.05, 0.95])
        print(
            f"  {name:<46} promised {promised.get(str(name), ''):>12}   found {table[name].mean():6.1f} ({low:.0f}-{high:.0f})"
        )


def main() -> None:
    """Print every comparison; exit 1 when one fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=int, default=400)
    parser.add_argument("--only", choices=("br1801", "stop_her2"))
    parser.add_argument("--trial-size", type=int, default=0, metavar="SEEDS", help="also print counts over so many seeds")
    given = parser.parse_args()
    studies = {"br1801": (check_br1801, br1801_trial_size), "stop_her2": (check_stop_her2, stop_trial_size)}
    chosen = [studies[given.only]] if given.only else list(studies.values())
    failed = total = 0
    for check, _ in chosen:
        for title, lines in check(given.scale):
            print(f"\n{title} (scale {given.scale})\n{HEAD}")
            for line in lines:
                print(line)
                total, failed = total + 1, failed + (not line.passed)
    print(f"\n{total - failed} of {total} lines pass")
    if given.trial_size:
        for _, trial_size in chosen:
            trial_size(given.trial_size)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
