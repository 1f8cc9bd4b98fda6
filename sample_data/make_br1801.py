"""Make the synthetic study ACCRU-BR-1801: 114 invented patients with HER2+ metastatic breast cancer and known truths.

    python sample_data/make_br1801.py --out DIR [--scale N] [--seed S]

Nobody in these files exists. Design and marker distributions follow what has been published about the trial and its
assays; the effects are planted, and `truth.json` says what they are. docs/sample-data.md explains every choice.

Standard library and numpy only. The same seed gives the same bytes on every machine. The package never reads `truth.json`.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from adverse_events import ADVERSE, Complaint, adverse_rows
from deterministic import Row, Streams, bgzf, number, write_json, write_table, write_text
from numpy.typing import NDArray

STUDY = "ACCRU-BR-1801 (synthetic)"
SEED = 18_010_507  # fixed before any result was looked at; never chosen for significance
COHORTS = (("ER+", 64), ("ER-", 50))
ARMS = ("T-DM1", "T-DM1 + abemaciclib")
MEDIAN_WEEKS = {("ER+", 0): 14.5, ("ER+", 1): 27.8, ("ER-", 0): 7.0, ("ER-", 1): 13.7}
READERS = 3
SITES = 8

# Log hazard ratios per unit of the centred marker; the table of planted truths in docs/sample-data.md.
EFFECTS = {
    "liver": math.log(1.50),
    "stil_per_10": math.log(0.95),
    "stil_per_10_x_arm": math.log(0.80),
    "ctc_log2": math.log(1.10),
    "tk1_log2": math.log(1.25),
    "ctdna_log2": math.log(1.08),
    "fcgr3a_f": math.log(1.20),
    "vimentin": 0.0,
    "response": -0.80,
}
CENTRES = {"stil_per_10": 1.2, "ctc_log2": 1.64, "tk1_log2": 8.195, "ctdna_log2": 6.426, "fcgr3a_f": 1.34}

TK1_LOD = 20.0
SUBJECTS = ("subject", "study", "site", "cohort", "arm", "day0_rule", "liver_mets", "er", "age", "sex", "eligible")
OUTCOMES = ("subject", "endpoint", "time", "unit", "event", "event_type", "last_negative_assessment", "clock_origin", "cutoff")
SPECIMENS = (
    "specimen",
    "subject",
    "type",
    "collection_day",
    "visit_label",
    "reason_for_draw",
    "site_of_biopsy",
    "archival_or_fresh",
    "received_h",
    "volume_ml",
    "quality",
    "batch",
)
READS = (
    "specimen",
    "marker",
    "compartment",
    "reader",
    "read_no",
    "value",
    "unit",
    "intensity",
    "evaluable",
    "count",
    "area_mm2",
    "internal_control",
    "method",
    "consensus",
)
TK1 = ("specimen", "marker", "replicate", "assay", "value", "unit", "lod", "lot")
CTC = ("specimen", "marker", "assay", "value", "unit")
CTDNA = ("specimen", "marker", "assay", "assay_version", "value", "unit", "lod", "plasma_ml")
PBMC = ("specimen", "marker", "value", "unit", "parent_gate", "events_acquired", "viability", "panel_version", "batch")
RESPONSE = ("subject", "day", "response", "change_percent", "new_lesion")

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of each subject, before any laboratory, reader or scan has looked. Arrays of shape (n,)."""

    er_positive: NDArray[np.bool_]
    arm: Ints
    liver: Ints
    accrual: Ints
    burden: Floats
    response: Floats
    stil: Floats
    vimentin: Ints
    ctc: Ints
    tk1: Floats
    ctdna: Floats
    f_alleles: Ints
    event_weeks: Floats

    @property
    def n(self) -> int:
        """Number of subjects."""
        return len(self.arm)


@dataclass(frozen=True, slots=True)
class Course:
    """What the trial saw of each subject. Days count from registration; arrays of shape (n,)."""

    pfs_day: Ints
    pfs_event: NDArray[np.bool_]
    death_first: NDArray[np.bool_]
    last_negative: Ints
    os_day: Ints
    os_event: NDArray[np.bool_]
    cutoff: Ints
    week6_day: Ints
    week6_drawn: NDArray[np.bool_]
    progression_day: Ints
    progression_drawn: NDArray[np.bool_]


def simulate_truth(s: Streams, scale: int) -> Truth:
    """Design, latent variables, true marker values and the true time to progression or death."""
    n_cohort = [n * scale for _, n in COHORTS]
    n = sum(n_cohort)
    er_positive = np.repeat([True, False], n_cohort)
    liver = s.chance("liver", 0.40, n).astype(np.int64)
    arm = _permuted_blocks(s, er_positive, liver)
    burden, response = s.normal("burden", n), s.normal("response", n)

    def lat(name: str, rho: float) -> Floats:
        return rho * burden + math.sqrt(1 - rho**2) * s.normal(name, n)

    stil = 100 * s.beta("stil", 0.375, 2.749, n)
    positive = ~s.chance("vimentin_zero", np.where(er_positive, 0.80, 0.70), n)
    vimentin = np.where(positive, np.maximum(1, np.rint(100 * s.beta("vimentin", 0.8, 2.0, n))), 0).astype(np.int64)
    # Phi(z) <= .55 without evaluating Phi: compare z with the quantile.
    ctc_present = lat("ctc_presence", 0.35) > 0.12566134685507416
    # Both parts share the burden, so positives carry more of it: E[lat | present] = 0.35^2 phi(z) / 0.45. Taking it off
    # keeps 9.5 cells the median of the positives.
    shared = 0.35**2 * 0.39581 / 0.45
    ctc_level = np.maximum(1, np.rint(np.exp(math.log(9.5) + 1.7 * (lat("ctc_level", 0.35) - shared))))
    ctc = np.where(ctc_present, ctc_level, 0).astype(np.int64)
    tk1 = np.exp(5.68 + 1.675 * lat("tk1", 0.45))
    ctdna = np.exp(math.log(86) + 2.98 * lat("ctdna", 0.55))
    f_alleles = np.searchsorted([0.109, 0.551], s.uniform("fcgr3a", n)).astype(np.int64)

    til10 = stil / 10 - CENTRES["stil_per_10"]
    eta = (
        EFFECTS["liver"] * liver
        + (EFFECTS["stil_per_10"] + EFFECTS["stil_per_10_x_arm"] * arm) * til10
        + EFFECTS["ctc_log2"] * (np.log2(ctc + 1) - CENTRES["ctc_log2"])
        + EFFECTS["tk1_log2"] * (np.log2(tk1) - CENTRES["tk1_log2"])
        + EFFECTS["ctdna_log2"] * (np.log2(ctdna) - CENTRES["ctdna_log2"])
        + EFFECTS["fcgr3a_f"] * (f_alleles - CENTRES["fcgr3a_f"])
        + EFFECTS["response"] * response
    )
    medians = np.where(er_positive, np.where(arm == 1, 27.8, 14.5), np.where(arm == 1, 13.7, 7.0))
    event_weeks = s.exponential("event", n) * medians / math.log(2) / np.exp(eta)
    accrual = s.integers("accrual", 0, 52 * 7 - 1, n)
    order = np.lexsort((np.arange(n), accrual))  # subjects are numbered as they come
    return Truth(
        *(
            x[order]
            for x in (
                er_positive,
                arm,
                liver,
                accrual,
                burden,
                response,
                stil,
                vimentin,
                ctc,
                tk1,
                ctdna,
                f_alleles,
                event_weeks,
            )
        )
    )


def _permuted_blocks(s: Streams, er_positive: NDArray[np.bool_], liver: Ints) -> Ints:
    """Arms in permuted blocks of four within cohort x liver metastases."""
    arm = np.zeros(len(liver), dtype=np.int64)
    blocks = [(0, 0, 1, 1), (0, 1, 0, 1), (0, 1, 1, 0), (1, 0, 0, 1), (1, 0, 1, 0), (1, 1, 0, 0)]
    for er in (True, False):
        for has_liver in (0, 1):
            members = np.flatnonzero((er_positive == er) & (liver == has_liver))
            which = s.integers(f"block/{er}/{has_liver}", 0, 5, (len(members) + 3) // 4)
            arm[members] = np.array([blocks[b] for b in which]).reshape(-1)[: len(members)]
    return arm


def scan_days(s: Streams, n: int) -> Ints:
    """Days of the scans, shape (n, scans): every six weeks, as people come."""
    n_scans = 104 // 6 + 2
    jitter = np.rint(np.clip(3 * s.normal("scan_jitter", n, n_scans), -7, 7)).astype(np.int64)
    return 42 * np.arange(1, n_scans + 1) + jitter


def simulate_course(s: Streams, truth: Truth) -> Course:
    """Scans every six weeks, censoring, and the blood draws a subject lived to see."""
    n = truth.n
    true_day = truth.event_weeks * 7
    cutoff = 104 * 7 - truth.accrual
    lost = np.where(s.chance("lost", 0.05, n), s.integers("lost_day", 1, 60 * 7, n), cutoff)
    censored = np.minimum(cutoff, lost)

    scans = scan_days(s, n)
    death_first = s.chance("death", 0.06, n)
    beyond = 10**6  # later than any cut-off
    seen_at = np.where(scans >= true_day[:, None], scans, beyond).min(axis=1)
    death_day = np.maximum(1, np.ceil(np.minimum(true_day, beyond))).astype(np.int64)
    observed = np.where(death_first, death_day, seen_at)
    pfs_day = np.maximum(1, np.minimum(observed, censored))
    pfs_event = observed <= censored
    # the last scan without progression: before the event, or up to censoring
    last_day = np.where(pfs_event, pfs_day - 1, pfs_day)
    last_negative = np.where(scans <= last_day[:, None], scans, 0).max(axis=1)

    # Assumption, not published: after progression survival is exponential with median 60 weeks, whatever the markers.
    survival_after = np.ceil(s.exponential("after_progression", n) * 60 * 7 / math.log(2)).astype(np.int64)
    dies_on = np.where(death_first, pfs_day, pfs_day + survival_after)
    os_event = pfs_event & (dies_on <= censored)
    os_day = np.where(os_event, dies_on, np.maximum(1, censored))

    week6_day = np.clip(np.rint(42 + 2 * s.normal("week6_day", n)), 38, 49).astype(np.int64)
    week6_drawn = (week6_day <= pfs_day) & s.chance("week6_drawn", 0.92, n)
    progression_day = pfs_day + s.integers("progression_delay", 0, 14, n)
    progression_drawn = pfs_event & ~death_first & s.chance("progression_drawn", 0.80, n) & (progression_day <= os_day)
    progression_drawn &= ~(week6_drawn & (week6_day == progression_day))  # one draw a day: the scheduled one
    return Course(
        pfs_day,
        pfs_event,
        death_first,
        last_negative,
        os_day,
        os_event,
        cutoff,
        week6_day,
        week6_drawn,
        progression_day,
        progression_drawn,
    )


def subject_ids(n: int) -> list[str]:
    """`BR-001` and so on, wide enough for any scale."""
    width = max(3, len(str(n)))
    return [f"BR-{i + 1:0{width}d}" for i in range(n)]


def subjects_table(s: Streams, truth: Truth, ids: list[str]) -> list[Row]:
    """One row per subject."""
    age = np.clip(np.rint(54 + 11 * s.normal("age", truth.n)), 24, 86).astype(int)
    male = s.chance("male", 0.01, truth.n)
    site = s.integers("site", 1, SITES, truth.n)
    return [
        {
            "subject": ids[i],
            "study": "BR-1801-SYN",
            "site": f"Site {site[i]}",
            "cohort": "ER+" if truth.er_positive[i] else "ER-",
            "arm": ARMS[truth.arm[i]],
            "day0_rule": "registration",
            "liver_mets": str(truth.liver[i]),
            "er": "positive" if truth.er_positive[i] else "negative",
            "age": str(age[i]),
            "sex": "M" if male[i] else "F",
            "eligible": "yes",
        }
        for i in range(truth.n)
    ]


def outcomes_table(course: Course, ids: list[str]) -> list[Row]:
    """Two rows per subject: progression-free and overall survival."""
    rows: list[Row] = []
    for i, subject in enumerate(ids):
        kind = "none" if not course.pfs_event[i] else "death" if course.death_first[i] else "progression"
        shared = {"subject": subject, "unit": "days", "clock_origin": "registration", "cutoff": str(course.cutoff[i])}
        rows.append(
            shared
            | {
                "endpoint": "pfs",
                "time": str(course.pfs_day[i]),
                "event": str(int(course.pfs_event[i])),
                "event_type": kind,
                "last_negative_assessment": str(course.last_negative[i]),
            }
        )
        rows.append(
            shared
            | {
                "endpoint": "os",
                "time": str(course.os_day[i]),
                "event": str(int(course.os_event[i])),
                "event_type": "death" if course.os_event[i] else "none",
                "last_negative_assessment": "",
            }
        )
    return rows


def response_table(s: Streams, truth: Truth, course: Course, ids: list[str]) -> list[Row]:
    """One row per scan until progression: the change of the target lesions from baseline, and the response by RECIST 1.1.

    Assumptions, not published: target lesions shrink towards a depth that goes with the latent response and the arm; one in
    five subjects has no measurable lesion; 2 % of scans but the last cannot be evaluated; four in ten progressions are a new
    lesion without growth of the others.
    """
    n = truth.n
    scans = scan_days(s, n)
    rate = 0.32 + 0.28 * truth.response + 0.22 * truth.arm + 0.38 * s.normal("target_depth", n)
    visit = np.arange(1, scans.shape[1] + 1)
    level = 100 * np.exp(-np.maximum(rate, -0.15)[:, None] * (1 - np.exp(-visit / 1.2))) - 100
    change = np.rint(level + 5 * s.normal("target_noise", *scans.shape))
    measurable, clear = ~s.chance("not_measurable", 0.20, n), rate > 1.2
    unseen = s.chance("scan_not_evaluable", 0.02, *scans.shape)
    new_lesion, growth = s.chance("new_lesion", 0.40, n), 1.20 + 0.30 * s.exponential("target_growth", n)
    rows: list[Row] = []
    for i, subject in enumerate(ids):
        nadir, pd_day = 0.0, int(course.pfs_day[i]) if course.pfs_event[i] and not course.death_first[i] else 0
        last = int(course.last_negative[i])
        for k, day in enumerate(scans[i].tolist()):
            if day > last and day != pd_day:
                continue
            row = {"subject": subject, "day": str(day), "new_lesion": "no"}
            if day == pd_day:
                value = (100 + nadir) * growth[i] - 100
                row |= {"response": "PD"}
                if new_lesion[i] or nadir <= -100 or not measurable[i]:
                    row, value = row | {"new_lesion": "yes"}, nadir
            elif unseen[i, k] and day != last:
                rows.append(row | {"response": "NE"})
                continue
            else:
                least = -100.0 if clear[i] and k >= 1 else max(float(change[i, k]), -95.0)
                # before progression no growth by a fifth of the smallest size
                value = -100.0 if nadir <= -100 else min(least, (100 + nadir) * 1.15 - 100)
                row |= {"response": "CR" if value <= -100 else "PR" if value <= -30 else "SD"}
                if not measurable[i] and row["response"] == "PR":
                    row["response"] = "SD"
            nadir = min(nadir, value)
            rows.append(row | {"change_percent": number(value, 0) if measurable[i] else ""})
    return rows


COMPLAINTS = (
    # term; share of subjects on T-DM1 and on the combination; share of those with grade 3 or 4
    Complaint("Alanine aminotransferase increased", (0.22, 0.26), 0.12),
    Complaint("Anaemia", (0.12, 0.30), 0.15),
    Complaint("Back pain", (0.12, 0.12), 0.05, related=False),
    Complaint("Constipation", (0.18, 0.10), 0.00),
    Complaint("Diarrhoea", (0.18, 0.72), 0.14),
    Complaint("Fatigue", (0.35, 0.45), 0.07),
    Complaint("Headache", (0.20, 0.18), 0.02),
    Complaint("Nausea", (0.36, 0.42), 0.03),
    Complaint("Neutrophil count decreased", (0.08, 0.42), 0.48),
    Complaint("Peripheral sensory neuropathy", (0.15, 0.12), 0.08),
    Complaint("Platelet count decreased", (0.28, 0.34), 0.36),
    Complaint("Pneumonitis", (0.01, 0.03), 0.30),
    Complaint("Vomiting", (0.14, 0.22), 0.04),
)
"""Assumption, of the size published for the two drugs; no effect on survival is planted."""


def tissue_tables(s: Streams, truth: Truth, ids: list[str]) -> tuple[list[Row], list[Row]]:
    """The fresh biopsies, and every reader's score of every section."""
    n = truth.n
    day = -s.integers("biopsy_day", 1, 21, n)
    liver_biopsy = (truth.liver == 1) & s.chance("liver_biopsy", 0.6, n)
    other = ("lymph node", "chest wall", "breast", "lung", "skin")
    other_site = s.integers("biopsy_site", 0, len(other) - 1, n)
    # 16 % in all, and the odds are doubled where the biopsy is of a liver metastasis: not missing completely at random
    stil_missing = s.chance("stil_missing", np.where(liver_biopsy, 0.2379, 0.1353), n)
    vimentin_missing = s.chance("vimentin_missing", 0.10, n)
    cells_missing = s.chance("cells_missing", 0.18, n)
    scores = stil_reads(s, truth.stil)
    absent = np.column_stack(
        [np.zeros(n, bool), s.chance("second_read_missing", 0.05, n), s.chance("third_read_missing", 0.15, n)]
    )
    intensity = s.integers("vimentin_intensity", 1, 3, n)
    area = np.round(0.288 * np.exp(0.30 * s.normal("area", n)), 3)
    cd8, foxp3 = cell_counts(s, area)

    specimens: list[Row] = []
    reads: list[Row] = []
    for i, subject in enumerate(ids):
        biopsy = f"{subject}-T"
        specimens.append(
            {
                "specimen": biopsy,
                "subject": subject,
                "type": "biopsy",
                "collection_day": str(day[i]),
                "visit_label": "baseline",
                "reason_for_draw": "scheduled",
                "site_of_biopsy": "liver" if liver_biopsy[i] else other[other_site[i]],
                "archival_or_fresh": "fresh",
                "quality": "ok",
            }
        )
        for reader in range(READERS):
            if not absent[i, reader]:
                reads.append(
                    _read(
                        biopsy, "stil", "stromal", f"R{reader + 1}", "%", "manual", not stil_missing[i], str(scores[i, reader])
                    )
                )
        row = _read(biopsy, "vimentin_pct", "", "R1", "%", "manual", not vimentin_missing[i], str(truth.vimentin[i]))
        if not vimentin_missing[i]:
            row |= {"intensity": str(intensity[i]) if truth.vimentin[i] else "0", "internal_control": "positive"}
        reads.append(row)
        for marker, count in (("cd8", cd8[i]), ("foxp3", foxp3[i])):
            row = _read(
                biopsy, marker, "stromal", "D1", "cells/mm2", "digital", not cells_missing[i], number(count / area[i], 2)
            )
            if not cells_missing[i]:
                row |= {"count": str(count), "area_mm2": number(area[i], 3)}
            reads.append(row)
    return specimens, reads


def _read(
    specimen: str, marker: str, compartment: str, reader: str, unit: str, method: str, evaluable: np.bool_ | bool, value: str
) -> Row:
    return {
        "specimen": specimen,
        "marker": marker,
        "compartment": compartment,
        "reader": reader,
        "read_no": "1",
        "value": value if evaluable else "",
        "unit": unit,
        "evaluable": "yes" if evaluable else "no",
        "method": method,
        "consensus": "no",
    }


def stil_reads(s: Streams, true_stil: Floats) -> Ints:
    """Scores of three readers, shape (n, 3): square-root scale, reader shift and error, rounded as people round.

    At a scale above 1 every block of 114 subjects has a panel of its own, because three readers are too few to average over.
    """
    n = len(true_stil)
    panel = np.arange(n) // sum(n_cohort for _, n_cohort in COHORTS)
    shift = 0.6 * s.normal("stil_reader", int(panel[-1]) + 1, READERS)
    root = np.sqrt(true_stil)[:, None] + shift[panel] + 1.3 * s.normal("stil_error", n, READERS)
    read = np.clip(np.maximum(root, 0) ** 2, 0, 100)
    to_5 = (read >= 2.5) & s.chance("stil_to_5", 0.80, n, READERS)
    to_10 = to_5 & (read >= 7.5) & s.chance("stil_to_10", 0.25, n, READERS)
    traces = s.chance("stil_trace", 0.75, n, READERS)
    whole = np.where(read < 1, traces.astype(float), np.rint(read))
    return np.where(to_10, 10 * np.rint(read / 10), np.where(to_5, 5 * np.rint(read / 5), whole)).astype(np.int64)


def cell_counts(s: Streams, area: Floats) -> tuple[Ints, Ints]:
    """CD8 and FOXP3 cells counted in the area: Poisson around correlated lognormal densities."""
    n = len(area)
    first, second = s.normal("cd8_density", n), s.normal("foxp3_density", n)
    cd8 = np.exp(4.25 + 1.0 * first)
    foxp3 = np.exp(1.9 + 1.6 * (0.65 * first + math.sqrt(1 - 0.65**2) * second))
    counted = s.poisson("cd8_count", cd8 * area)
    counted[s.chance("cd8_structural_zero", 0.04, n)] = 0
    return counted, s.poisson("foxp3_count", foxp3 * area)


@dataclass(frozen=True, slots=True)
class Blood:
    """The blood tables and the tubes they come from."""

    specimens: list[Row]
    tk1: list[Row]
    ctc: list[Row]
    ctdna: list[Row]
    pbmc: list[Row]


TUBES = (("S", "serum"), ("P", "plasma"), ("C", "ctc_tube"), ("M", "pbmc"))


def blood_tables(s: Streams, truth: Truth, course: Course, ids: list[str]) -> Blood:
    """Four tubes at each draw (baseline, week 6, progression) and what each laboratory reported."""
    n = truth.n
    draws = (
        ("0", "baseline", "scheduled", -s.integers("baseline_day", 0, 14, n), ~s.chance("baseline_missing", 0.03, n)),
        ("6", "week6", "scheduled", course.week6_day, course.week6_drawn),
        ("9", "progression", "progression", course.progression_day, course.progression_drawn),
    )
    tk1, ctc, ctdna = serial_values(s, truth)
    lost = {"S": s.chance("tk1_hemolyzed", 0.02, n), "C": s.chance("ctc_clotted", 0.02, n), "P": s.chance("ctdna_qns", 0.02, n)}
    bad = {"S": "hemolyzed", "C": "clotted", "P": "qns"}
    errors, lods = duplicate_errors(s, n, len(draws)), 0.1 * np.exp(0.5 * s.normal("ctdna_lod", n, len(draws)))
    plasma = plasma_volumes(s, "ctdna_plasma", 2.0, n, len(draws))
    hours = s.integers("received_h", 18, 72, n, len(draws))
    cells, events, viability = pbmc_subsets(s, n, len(draws))

    out = Blood([], [], [], [], [])
    for i, subject in enumerate(ids):
        for d, (code, label, reason, days, drawn) in enumerate(draws):
            if not drawn[i]:
                continue
            failed = {tube for tube in lost if d == 0 and lost[tube][i]}
            for tube, kind in TUBES:
                row = {
                    "specimen": f"{subject}-{code}{tube}",
                    "subject": subject,
                    "type": kind,
                    "collection_day": str(days[i]),
                    "visit_label": label,
                    "reason_for_draw": reason,
                    "received_h": str(hours[i, d]),
                    "quality": bad[tube] if tube in failed else "ok",
                }
                if tube == "C":
                    row["volume_ml"] = "7.5"
                if tube == "M":
                    row["batch"] = f"B{i % 4 + 1}"
                out.specimens.append(row)
            base = f"{subject}-{code}"
            for replicate in (1, 2):
                measured = tk1[d][i] * math.exp(errors[i, d, replicate - 1])
                value = "hemolyzed" if "S" in failed else tk1_text(measured)
                out.tk1.append(
                    {
                        "specimen": f"{base}S",
                        "marker": "tk1_dul",
                        "replicate": str(replicate),
                        "assay": "DiviTum RUO",
                        "value": value,
                        "unit": "Du/L",
                        "lod": "20",
                        "lot": "L2301",
                    }
                )
            out.ctc.append(
                {
                    "specimen": f"{base}C",
                    "marker": "ctc",
                    "assay": "CellSearch",
                    "value": "clotted" if "C" in failed else str(ctc[d][i]),
                    "unit": "cells/7.5 mL",
                }
            )
            lod = float(number(lods[i, d], 3))
            level = "QNS" if "P" in failed else "ND" if ctdna[d][i] < lod else significant(ctdna[d][i], 3)
            out.ctdna.append(
                {
                    "specimen": f"{base}P",
                    "marker": "ctdna_mtm",
                    "assay": "tumour-informed",
                    "assay_version": "v1",
                    "value": level,
                    "unit": "MTM/mL",
                    "lod": number(lod, 3),
                    "plasma_ml": number(plasma[i, d], 1),
                }
            )
            for k, (name, parent) in enumerate(PBMC_SUBSETS):
                out.pbmc.append(
                    {
                        "specimen": f"{base}M",
                        "marker": f"pbmc_{name}",
                        "value": number(cells[i, d, k], 1),
                        "unit": f"% of {parent}",
                        "parent_gate": parent,
                        "events_acquired": str(events[i, d]),
                        "viability": str(viability[i, d]),
                        "panel_version": "v1",
                        "batch": f"B{i % 4 + 1}",
                    }
                )
    return out


def serial_values(s: Streams, truth: Truth) -> tuple[tuple[Floats, ...], tuple[Ints, ...], tuple[Floats, ...]]:
    """True TK1, CTC and ctDNA at baseline, week 6 and progression.

    The values at progression are an assumption (a rise from baseline): they are caused by the event and enter no model.
    """
    n, combination = truth.n, truth.arm == 1
    suppressed = np.exp(1.60 + 1.4 * s.normal("tk1_week6_drug", n))
    fell = truth.tk1 * np.exp(-0.2 - 0.45 * truth.response + 0.6 * s.normal("tk1_week6", n))
    tk1 = (truth.tk1, np.where(combination, suppressed, fell), truth.tk1 * np.exp(0.3 + 0.6 * s.normal("tk1_progression", n)))
    few = np.maximum(1, np.rint(np.exp(math.log(2) + 1.0 * s.normal("ctc_week6_level", n))))
    ctc_week6 = np.where(s.chance("ctc_week6_present", 0.22, n), few, 0).astype(np.int64)
    ctc_progression = np.rint(truth.ctc * np.exp(0.2 + 0.8 * s.normal("ctc_progression", n))).astype(np.int64)
    slope = -1 - 1.8 * truth.response + 1.2 * s.normal("ctdna_week6", n) - 0.8 * truth.arm
    ctdna = (truth.ctdna, truth.ctdna * 2.0**slope, truth.ctdna * 2.0 ** (0.5 + 1.2 * s.normal("ctdna_progression", n)))
    return tk1, (truth.ctc, ctc_week6, ctc_progression), ctdna


def duplicate_errors(s: Streams, n: int, draws: int) -> Floats:
    """Log errors of TK1 duplicates, shape (n, draws, 2): CV 8 %; a pair with a CV above 15 % is measured again."""
    errors, turn = 0.08 * s.normal("tk1_duplicate", n, draws, 2), 0
    while True:
        high = np.abs(errors[..., 0] - errors[..., 1]) / math.sqrt(2) > 0.15
        if not high.any():
            return errors
        turn += 1
        errors = np.where(high[..., None], 0.08 * s.normal(f"tk1_duplicate/{turn}", n, draws, 2), errors)


def plasma_volumes(s: Streams, name: str, least: float, *shape: int) -> Floats:
    """Millilitres of plasma: 4, SD 1, not below `least`."""
    return np.maximum(least, np.round(4 + s.normal(name, *shape), 1))


PBMC_SUBSETS = (("cd4", "lymphocytes"), ("cd8", "lymphocytes"), ("nk", "lymphocytes"), ("b", "lymphocytes"), ("treg", "CD4"))


def pbmc_subsets(s: Streams, n: int, draws: int) -> tuple[Floats, Ints, Ints]:
    """Per cent of the named parent, shape (n, draws, 5), events and viability. No effect planted; four batches shifted."""
    centre = np.array([45.0, 30.0, 12.0, 9.0, 6.0]) / 100
    batch = 0.3 * s.normal("pbmc_batch", 4, len(centre))
    person, day = 0.35 * s.normal("pbmc_person", n, 1, len(centre)), 0.15 * s.normal("pbmc_day", n, draws, len(centre))
    logit = np.log(centre / (1 - centre)) + batch[np.arange(n) % 4][:, None, :] + person + day
    share = 100 / (1 + np.exp(-logit))
    total = share[..., :4].sum(axis=-1, keepdims=True)
    share[..., :4] *= np.minimum(1, 98 / total)  # siblings of one parent never exceed it
    events = np.rint(np.exp(9.6 + 0.35 * s.normal("pbmc_events", n, draws))).astype(np.int64)
    viability = np.clip(np.rint(91 + 4 * s.normal("pbmc_viability", n, draws)), 70, 99).astype(np.int64)
    return share, events, viability


def tk1_text(value: float) -> str:
    """Du/L as reported: `<20` below the limit, one decimal below 100, whole numbers above."""
    if round(value, 1) <= TK1_LOD:  # never the bare limit: a '20' in such a column is a '<20' that lost its sign
        return "<20"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def significant(value: float, digits: int) -> str:
    """A number with so many significant digits, without an exponent."""
    decimals = max(0, digits - 1 - math.floor(math.log10(value)))
    return number(round(value, digits - 1 - math.floor(math.log10(value))), decimals)


# Positions: knowledge of the loci is in docs/genotyping.md; forward strand, 1-based.
GENOME = {
    "GRCh38": ("chr1", 248956422, {"FCGR2A-131": 161509955, "FCGR3A-158": 161544752}),
    "GRCh37": ("1", 249250621, {"FCGR2A-131": 161479745, "FCGR3A-158": 161514542}),
}
VCF_FILES = (
    ("germline_1.vcf.gz", "GRCh38"),
    ("germline_2.vcf.gz", "GRCh38"),
    ("germline_3.vcf.gz", "GRCh37"),
    ("germline_4.vcf.gz", "GRCh38"),
)


def genotype_fields(s: Streams, truth: Truth) -> dict[str, list[str]]:
    """GT:AD:DP:GQ of every subject, per locus. ALT counts V alleles at FCGR3A-158 and R alleles at FCGR2A-131."""
    alt = {
        "FCGR3A-158": 2 - truth.f_alleles,
        "FCGR2A-131": s.integers("fcgr2a_a", 0, 1, truth.n) + s.integers("fcgr2a_b", 0, 1, truth.n),
    }
    out = {}
    for locus, copies in alt.items():
        n = truth.n
        depth = np.maximum(12, s.poisson(f"{locus}/depth", np.full(n, 40.0)))
        # a heterozygote's balance: Beta(50, 50) around one half, then binomial by its normal limit, clear of the no-call bounds
        balance = 0.5 + 0.5 * s.normal(f"{locus}/balance", n) * np.sqrt(1 / 101 + 1 / depth)
        het = np.rint(depth * np.clip(balance, 0.25, 0.75)).astype(np.int64)
        stray = s.chance(f"{locus}/stray", 0.10, n).astype(np.int64)
        alt_reads = np.select([copies == 0, copies == 1], [stray, het], depth - stray)
        quality = np.where(s.chance(f"{locus}/low_gq", 0.08, n), s.integers(f"{locus}/gq", 40, 98, n), 99)
        failed = s.chance(f"{locus}/failed", 1 / 40, n)
        gt = ("0/0", "0/1", "1/1")
        out[locus] = [
            "./.:1,1:2:." if failed[i] else f"{gt[copies[i]]}:{depth[i] - alt_reads[i]},{alt_reads[i]}:{depth[i]}:{quality[i]}"
            for i in range(n)
        ]
    return out


def vcf_text(build: str, samples: list[str], fields: dict[str, list[str]]) -> str:
    """A VCF of the two loci; `fields` holds one genotype field per sample and locus."""
    contig, length, positions = GENOME[build]
    bases = {"FCGR2A-131": ("rs1801274", "A", "G"), "FCGR3A-158": ("rs396991", "A", "C")}
    head = [
        "##fileformat=VCFv4.2",
        "##source=synthetic study, invented genotypes",
        f"##reference={build}",
        '##FILTER=<ID=PASS,Description="All filters passed">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads per allele">',
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">',
        '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">',
        f"##contig=<ID={contig},length={length},assembly={build}>",
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]),
    ]
    body = [
        "\t".join([contig, str(positions[locus]), *bases[locus], "900", "PASS", ".", "GT:AD:DP:GQ", *fields[locus]])
        for locus in ("FCGR2A-131", "FCGR3A-158")
    ]
    return "\n".join(head + body) + "\n"


def germline_specimens(ids: list[str]) -> list[Row]:
    """One germline sample per subject, drawn at registration."""
    return [
        {
            "specimen": f"{subject}-G",
            "subject": subject,
            "type": "germline",
            "collection_day": "0",
            "visit_label": "baseline",
            "reason_for_draw": "scheduled",
            "quality": "ok",
        }
        for subject in ids
    ]


def truth_json(s: Streams, truth: Truth, scale: int, ids: list[str]) -> dict[str, object]:
    """What was planted, per subject and as parameters."""
    return {
        "note": "SYNTHETIC. Truths planted by make_br1801.py; the package never reads this file.",
        "study": STUDY,
        "seed": s.seed,
        "scale": scale,
        "log_hazard_ratios": {k: round(v, 6) for k, v in EFFECTS.items()},
        "centres": CENTRES,
        "median_weeks": {f"{cohort} {ARMS[arm]}": m for (cohort, arm), m in MEDIAN_WEEKS.items()},
        "subjects": {
            "subject": ids,
            "burden": [round(float(x), 4) for x in truth.burden],
            "response": [round(float(x), 4) for x in truth.response],
            "event_weeks": [round(float(x), 3) for x in truth.event_weeks],
            "stil": [round(float(x), 3) for x in truth.stil],
            "vimentin": [int(x) for x in truth.vimentin],
            "ctc": [int(x) for x in truth.ctc],
            "tk1": [float(f"{x:.5g}") for x in truth.tk1],
            "ctdna": [float(f"{x:.5g}") for x in truth.ctdna],
            "f_alleles": [int(x) for x in truth.f_alleles],
        },
    }


STUDY_TOML = """\
# SYNTHETIC data: nobody in this study exists. Made by sample_data/make_br1801.py.
name = "ACCRU-BR-1801 (synthetic)"
time_zero = "registration"
cohorts = ["ER+", "ER-"]
arms = ["T-DM1", "T-DM1 + abemaciclib"]
strata = ["liver_mets"]
covariates = ["er", "age"]
drug_effect = { tk1_dul = ["T-DM1 + abemaciclib"] }

[endpoints.pfs]
label = "Progression-free survival"
[endpoints.os]
label = "Overall survival"

[visits.baseline]
day = 0
window = [-28, 0]
[visits.week6]
day = 42
window = [-7, 7]

[trial]                                      # the trial's own endpoints: what its protocol states
alpha = 0.10                                 # one-sided
times = { pfs = [84, 168], os = [365] }      # days at which survival is given
benefit_days = 168
[trial.cohorts."ER+"]
n = 64
events = 58
[trial.cohorts."ER-"]
n = 50
events = 48

[markers.ctdna_mtm]
ND = "not_detected"                          # as this laboratory means it; undeclared, every ND would be refused

[tables]
subjects = "subjects.csv"
outcomes = "outcomes.csv"
specimens = "specimens.csv"
tissue_reads = "tissue_reads.csv"
blood = "blood_*.csv"
genotypes = { path = "vcf/*.vcf.gz", format = "vcf", locus = "FCGR3A-158" }
response = "response.csv"
adverse_events = "adverse_events.csv"
"""

PLAN_TOML = (Path(__file__).parent / "br1801" / "plan.toml").read_text(encoding="utf-8")
"""The plan is written by hand, not drawn: it goes along as it stands."""


README = """\
# SYNTHETIC study: BR-1801-like

**Nobody in these files exists.** 114 invented patients (64 ER+, 50 ER-), each cohort randomised 1:1 to T-DM1 with or without
abemaciclib, with the markers, the missing tubes and the scan schedule of such a trial, and effects that were planted.

| file | holds |
|---|---|
| `study.toml` | where the tables are and what they mean |
| `plan.toml` | the prespecified analyses: baseline, by arm, week 6 from its landmark, over time, response, at progression |
| `subjects.csv`, `outcomes.csv` | who, and progression-free and overall survival in days from registration |
| `specimens.csv` | every biopsy and tube, with its day |
| `tissue_reads.csv` | stromal TIL by three readers, vimentin, CD8 and FOXP3 counts |
| `blood_*.csv` | thymidine kinase 1 in duplicate, CTC, ctDNA, PBMC subsets |
| `response.csv`, `adverse_events.csv` | every scan with its RECIST response, and graded adverse events |
| `vcf/` | germline genotypes at FCGR3A-158 and FCGR2A-131: three files on GRCh38, one on GRCh37 |
| `truth.json` | what was planted; no analysis may read it |

Rebuild, byte for byte: `python sample_data/make_br1801.py --out DIR`. Every parameter and assumption: `docs/sample-data.md`.
"""


def make(out: Path, *, scale: int = 1, seed: int = SEED) -> None:
    """Write the whole study into a folder."""
    s = Streams("BR-1801", seed)
    truth = simulate_truth(s, scale)
    course = simulate_course(s, truth)
    ids = subject_ids(truth.n)
    biopsies, reads = tissue_tables(s, truth, ids)
    blood = blood_tables(s, truth, course, ids)
    specimens = sorted(biopsies + germline_specimens(ids) + blood.specimens, key=lambda row: (row["subject"], row["specimen"]))
    write_table(out / "subjects.csv", subjects_table(s, truth, ids), SUBJECTS)
    write_table(out / "outcomes.csv", outcomes_table(course, ids), OUTCOMES)
    write_table(out / "specimens.csv", specimens, SPECIMENS)
    write_table(out / "tissue_reads.csv", reads, READS)
    write_table(out / "blood_tk1.csv", blood.tk1, TK1)
    write_table(out / "blood_ctc.csv", blood.ctc, CTC)
    write_table(out / "blood_ctdna.csv", blood.ctdna, CTDNA)
    write_table(out / "blood_pbmc.csv", blood.pbmc, PBMC)
    write_table(out / "response.csv", response_table(s, truth, course, ids), RESPONSE)
    followed = np.minimum(course.pfs_day + 28, course.os_day)
    write_table(out / "adverse_events.csv", adverse_rows(s, COMPLAINTS, truth.arm, followed, ids), ADVERSE)
    fields = genotype_fields(s, truth)
    for k, (name, build) in enumerate(VCF_FILES):
        mine = range(k, truth.n, len(VCF_FILES))
        text = vcf_text(build, [ids[i] for i in mine], {locus: [column[i] for i in mine] for locus, column in fields.items()})
        path = out / "vcf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bgzf(text.encode()))
    write_text(out / "study.toml", STUDY_TOML)
    write_text(out / "plan.toml", PLAN_TOML)
    write_text(out / "README.md", README)
    write_json(out / "truth.json", truth_json(s, truth, scale, ids), indent=None)


def main() -> None:
    """Read the command line and write the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--scale", type=int, default=1, help="multiplies every cohort (1 = trial size)")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    make(given.out, scale=given.scale, seed=given.seed)


if __name__ == "__main__":
    main()
