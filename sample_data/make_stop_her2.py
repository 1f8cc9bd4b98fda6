"""Make the synthetic study STOP-HER2: 82 invented exceptional responders who continue or stop anti-HER2 therapy.

    python sample_data/make_stop_her2.py --out DIR [--scale N] [--seed S]

Nobody in these files exists. The cohort is chosen by the patient, so a contrast of the cohorts is no effect. The MRD assay,
the draw schedule and the patient-reported instruments of the trial are not public: all of that is an assumption, written
down in docs/sample-data.md.

Standard library and numpy only. The same seed gives the same bytes on every machine. The package never reads `truth.json`.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from adverse_events import ADVERSE, Complaint, adverse_rows
from deterministic import Row, Streams, number, write_json, write_table, write_text
from numpy.typing import NDArray

STUDY = "STOP-HER2 (synthetic)"
SEED = 62_020_507  # fixed before any result was looked at; never chosen for significance
COHORTS = (("continue", 30), ("stop", 52))
YEAR = 365.25

# Rates per year of the three-state process: MRD negative, MRD positive, progressed (or dead).
RATES = {
    "negative_to_positive": 0.28,
    "positive_to_negative": 0.80,
    "negative_to_progression": 0.09,
    "positive_to_progression": 1.7,
    "restart": 0.05,
    "drop_out": 0.03,
}
STOP_FACTOR = {"negative_to_positive": 1.5, "negative_to_progression": 1.8, "positive_to_progression": 1.3}
OLIGO_FACTOR = {"negative_to_progression": 2.0, "positive_to_progression": 1.3}
THRESHOLD_PPM, LOD95_PPM = 1.67, 3.45
DRAW_DAYS = (0, *range(42, 42 + 84 * 9, 84))

SUBJECTS = ("subject", "study", "site", "cohort", "day0_rule", "prior_oligo", "er", "age", "sex", "eligible")
OUTCOMES = ("subject", "endpoint", "time", "unit", "event", "event_type", "last_negative_assessment", "clock_origin", "cutoff")
THERAPY = ("subject", "episode", "drug", "start", "stop", "restart", "reason", "clinical_benefit")
SPECIMENS = ("specimen", "subject", "type", "collection_day", "visit_label", "reason_for_draw", "received_h", "quality")
MRD = ("specimen", "marker", "assay", "assay_version", "call", "call_reason", "level", "unit", "lod", "plasma_ml", "n_variants")
PROS = ("subject", "instrument", "day", "score", "version")

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Truth:
    """The state of each subject over time, in years from registration.

    `jumps` holds the times at which the MRD state changes, shape (n, steps), infinite where there are no more; the state
    before the first jump is `positive_at_0`. `progression` and `restart` are infinite where they never come.
    """

    stop: Bools
    oligo: Bools
    positive_at_0: Bools
    jumps: Floats
    progression: Floats
    restart: Floats

    @property
    def n(self) -> int:
        """Number of subjects."""
        return len(self.stop)

    def positive(self, years: Floats) -> Bools:
        """The true MRD state at some times, shape (n, draws); after progression it stays what it was."""
        return self.positive_at_0[:, None] ^ ((self.jumps[:, :, None] <= years[:, None, :]).sum(axis=1) % 2 == 1)


@dataclass(frozen=True, slots=True)
class Course:
    """What the trial saw; days from registration."""

    pfs_day: Ints
    kind: NDArray[np.str_]
    last_negative: Ints
    os_day: Ints
    os_event: Bools
    cutoff: Ints


def simulate_truth(s: Streams, scale: int) -> Truth:
    """Run the process of every subject, jump by jump, until progression, restart or year 5."""
    sizes = [n * scale for _, n in COHORTS]
    n = sum(sizes)
    stop = np.repeat([False, True], sizes)
    oligo = s.chance("oligo", np.where(stop, 0.15, 0.30), n)

    def rate(name: str) -> Floats:
        return RATES[name] * np.where(stop, STOP_FACTOR.get(name, 1.0), 1.0) * np.where(oligo, OLIGO_FACTOR.get(name, 1.0), 1.0)

    change = {False: rate("negative_to_positive"), True: rate("positive_to_negative")}
    progress = {False: rate("negative_to_progression"), True: rate("positive_to_progression")}
    restarts = np.where(stop, RATES["restart"], 0.0)
    positive_at_0 = s.chance("positive_at_0", 0.10, n)

    steps = 60
    waits, picks = s.exponential("waits", n, steps), s.uniform("picks", n, steps)
    jumps = np.full((n, steps), np.inf)
    progression, restart = np.full(n, np.inf), np.full(n, np.inf)
    now, positive, going = np.zeros(n), positive_at_0.copy(), np.ones(n, dtype=bool)
    for step in range(steps):
        leave = np.where(positive, change[True], change[False])
        fail = np.where(positive, progress[True], progress[False])
        total = leave + fail + restarts
        now = now + waits[:, step] / total
        pick = picks[:, step] * total
        fails, back = going & (pick < fail), going & (pick >= fail) & (pick < fail + restarts)
        moves = going & ~fails & ~back & (now < 5)
        progression[fails], restart[back] = now[fails], now[back]
        jumps[moves, step] = now[moves]
        positive = positive ^ moves
        going = moves
    if going.any():
        raise AssertionError("a subject needs more than 60 jumps in five years")
    order = np.argsort(s.uniform("registration_order", n), kind="stable")  # subjects are numbered as they come
    return Truth(*(x[order] for x in (stop, oligo, positive_at_0, jumps, progression, restart)))


def simulate_course(s: Streams, truth: Truth) -> Course:
    """Scans every twelve weeks, follow-up of two to four years, drop-out, and death."""
    n = truth.n
    cutoff = np.floor(YEAR * (2 + 2 * s.uniform("follow_up", n))).astype(np.int64)
    dropped = np.ceil(YEAR * s.exponential("drop_out", n) / RATES["drop_out"])
    censored = np.minimum(cutoff, dropped).astype(np.int64)
    beyond = 10**6
    true_day = np.minimum(truth.progression * YEAR, beyond)
    jitter = np.rint(np.clip(5 * s.normal("scan_jitter", n, 20), -14, 14)).astype(np.int64)
    scans = 84 * np.arange(1, 21) + jitter
    death_first = s.chance("death", 0.03, n)
    seen_at = np.where(scans >= true_day[:, None], scans, beyond).min(axis=1)
    event_day = np.where(death_first, np.maximum(1, np.ceil(true_day)), seen_at).astype(np.int64)
    restart_day = np.maximum(1, np.ceil(np.minimum(truth.restart * YEAR, beyond))).astype(np.int64)
    pfs_day = np.maximum(1, np.minimum(np.minimum(event_day, restart_day), censored))
    kind = np.select(
        [(event_day <= censored) & (event_day < beyond), (restart_day <= censored) & (restart_day < beyond)],
        [np.where(death_first, "death", "progression"), "restart"],
        "none",
    )
    last_day = np.where((kind == "progression") | (kind == "death"), pfs_day - 1, pfs_day)
    last_negative = np.where(scans <= last_day[:, None], scans, 0).max(axis=1)
    # Assumption, not published: after progression survival is exponential with median four years, whatever else.
    survival_after = np.ceil(s.exponential("after_progression", n) * 4 * YEAR / math.log(2)).astype(np.int64)
    dies_on = np.where(kind == "death", pfs_day, np.where(kind == "progression", pfs_day + survival_after, beyond))
    os_event = dies_on <= censored
    return Course(pfs_day, kind, last_negative, np.where(os_event, dies_on, np.maximum(1, censored)), os_event, cutoff)


def subject_ids(n: int) -> list[str]:
    """`SH-01` and so on, wide enough for any scale."""
    width = max(2, len(str(n)))
    return [f"SH-{i + 1:0{width}d}" for i in range(n)]


def subjects_table(s: Streams, truth: Truth, ids: list[str]) -> list[Row]:
    """One row per subject."""
    n = truth.n
    age = np.clip(np.rint(58 + 11 * s.normal("age", n)), 28, 88).astype(int)
    er, site = s.chance("er", 0.6, n), s.integers("site", 1, 10, n)
    return [
        {
            "subject": ids[i],
            "study": "STOP-HER2-SYN",
            "site": f"Site {site[i]}",
            "cohort": "stop" if truth.stop[i] else "continue",
            "day0_rule": "registration",
            "prior_oligo": str(int(truth.oligo[i])),
            "er": "positive" if er[i] else "negative",
            "age": str(age[i]),
            "sex": "F",
            "eligible": "yes",
        }
        for i in range(n)
    ]


def outcomes_table(course: Course, ids: list[str]) -> list[Row]:
    """Progression-free survival, with restart without progression as an event type of its own, and overall survival."""
    rows: list[Row] = []
    for i, subject in enumerate(ids):
        shared = {"subject": subject, "unit": "days", "clock_origin": "registration", "cutoff": str(course.cutoff[i])}
        event = course.kind[i] in ("progression", "death")
        rows.append(
            shared
            | {"endpoint": "pfs", "time": str(course.pfs_day[i]), "event": str(int(event)), "event_type": str(course.kind[i])}
            | {"last_negative_assessment": str(course.last_negative[i])}
        )
        rows.append(
            shared
            | {"endpoint": "os", "time": str(course.os_day[i]), "event": str(int(course.os_event[i]))}
            | {"event_type": "death" if course.os_event[i] else "none", "last_negative_assessment": ""}
        )
    return rows


def therapy_table(s: Streams, truth: Truth, course: Course, ids: list[str]) -> list[Row]:
    """When each subject stopped and restarted, why, and whether the restart after progression brought clinical benefit."""
    n = truth.n
    start = -np.rint(YEAR * (3 + 4 * s.uniform("therapy_years", n))).astype(np.int64)
    delay, benefit = s.integers("restart_delay", 7, 28, n), s.chance("clinical_benefit", 0.60, n)
    rows: list[Row] = []
    for i, subject in enumerate(ids):
        row = {"subject": subject, "episode": "1", "drug": "trastuzumab + pertuzumab", "start": str(start[i])}
        day, kind = int(course.pfs_day[i]), course.kind[i]
        if truth.stop[i]:
            row |= {"stop": "0", "reason": "patient choice"}
            again = day + int(delay[i])
            if kind == "restart":
                row |= {"restart": str(day), "reason": "restart without progression"}
            elif kind == "progression" and again < course.os_day[i]:
                row |= {
                    "restart": str(again),
                    "reason": "restart after progression",
                    "clinical_benefit": "yes" if benefit[i] else "no",
                }
        elif kind == "progression":
            row |= {"stop": str(day), "reason": "progression"}
        else:
            row |= {"reason": "ongoing"}
        rows.append(row)
    return rows


def mrd_tables(s: Streams, truth: Truth, course: Course, ids: list[str]) -> tuple[list[Row], list[Row]]:
    """Plasma tubes on the schedule and at progression, and one MRD call each."""
    n, visits = truth.n, len(DRAW_DAYS)
    jitter = np.clip(np.rint(6 * s.normal("draw_jitter", n, visits)), -21, 35).astype(np.int64)
    jitter[:, 0] = -np.abs(jitter[:, 0])  # a baseline tube is never drawn after time zero
    days = np.array(DRAW_DAYS) + jitter
    drawn = ~s.chance("draw_missed", 0.05, n, visits) & (days <= course.pfs_day[:, None])
    last = course.pfs_day + s.integers("progression_delay", 0, 14, n)
    at_progression = (course.kind == "progression") & s.chance("progression_drawn", 0.80, n) & (last <= course.os_day)
    at_progression &= ~(drawn & (days == last[:, None])).any(axis=1)  # one draw a day: the scheduled one
    days, drawn = np.column_stack([days, last]), np.column_stack([drawn, at_progression])

    state = truth.positive(days / YEAR)
    # Assumption: at progression the assay finds disease in six of ten subjects whose last state was negative.
    state[:, -1] |= s.chance("progression_positive", 0.60, n)
    level = np.exp(math.log(20) + 1.6 * s.normal("level", n, visits + 1))
    false = ~state & s.chance("false_positive", 0.005, n, visits + 1)
    level = np.where(false, 1.7 + 2.3 * s.uniform("false_level", n, visits + 1), level)
    detected = (state & (level >= THRESHOLD_PPM)) | false
    fate = s.uniform("fate", n, visits + 1)
    call = np.select(
        [fate < 0.02, fate < 0.03, fate < 0.04, detected], ["qns", "indeterminate", "failed", "detected"], "not_detected"
    )
    why = {"qns": "plasma below the minimum", "indeterminate": "signal at the threshold", "failed": "library failed"}
    plasma = np.maximum(1.0, np.round(4 + s.normal("plasma", n, visits + 1), 1))
    variants, hours = s.integers("variants", 900, 1800, n), s.integers("received_h", 18, 72, n, visits + 1)

    specimens: list[Row] = []
    calls: list[Row] = []
    for i, subject in enumerate(ids):
        for v in range(visits + 1):
            if not drawn[i, v]:
                continue
            scheduled = v < visits
            name = f"{subject}-{'D' + str(v) if scheduled else 'X'}"
            label = ("baseline" if v == 0 else f"week{DRAW_DAYS[v] // 7}") if scheduled else "progression"
            specimens.append(
                {
                    "specimen": name,
                    "subject": subject,
                    "type": "plasma",
                    "collection_day": str(days[i, v]),
                    "visit_label": label,
                }
                | {
                    "reason_for_draw": "scheduled" if scheduled else "progression",
                    "received_h": str(hours[i, v]),
                    "quality": "ok",
                }
            )
            result = str(call[i, v])
            calls.append(
                {"specimen": name, "marker": "mrd", "assay": "tumour-informed WGS", "assay_version": "v1", "unit": "ppm"}
                | {
                    "level": number(max(level[i, v], THRESHOLD_PPM), 2) if result == "detected" else "",
                    "lod": number(LOD95_PPM, 2),
                }
                | {"call": result, "call_reason": why.get(result, ""), "plasma_ml": number(plasma[i, v], 1)}
                | {"n_variants": str(variants[i])}
            )
    return specimens, calls


INSTRUMENTS = (("qol", 68.0, 14.0), ("distress", 34.0, 16.0), ("regret", 18.0, 14.0))


def pros_table(s: Streams, truth: Truth, course: Course, ids: list[str]) -> list[Row]:
    """Three invented instruments, 0 to 100; regret has no baseline; nothing is filled in after progression."""
    n, months = truth.n, (0, 3, 6, 12, 18, 24)
    rows: list[Row] = []
    days = np.rint(np.array(months) * YEAR / 12 + 4 * s.normal("pro_day", n, len(months))).astype(np.int64)
    days[:, 0] = -np.minimum(np.abs(days[:, 0]), 7)
    for instrument, mean, sd in INSTRUMENTS:
        level, slope = sd * s.normal(f"{instrument}/level", n, 1), 4 * s.normal(f"{instrument}/slope", n, 1)
        noise = 7 * s.normal(f"{instrument}/noise", n, len(months))
        score = np.rint(np.clip(mean + level + slope * np.array(months) / 12 + noise, 0, 100)).astype(int)
        missing = s.chance(f"{instrument}/missing", 0.08, n, len(months))
        first = 1 if instrument == "regret" else 0
        rows += [
            {"subject": ids[i], "instrument": instrument, "day": str(days[i, m]), "score": str(score[i, m]), "version": "1"}
            for i in range(n)
            for m in range(first, len(months))
            if not missing[i, m] and days[i, m] <= course.pfs_day[i]
        ]
    return sorted(rows, key=lambda row: (row["subject"], row["instrument"], int(row["day"])))


COMPLAINTS = (
    # term; share of subjects who continue and who stop; share of those with grade 3 or 4
    Complaint("Arthralgia", (0.20, 0.18), 0.03, related=False),
    Complaint("Diarrhoea", (0.27, 0.08), 0.06),
    Complaint("Ejection fraction decreased", (0.07, 0.03), 0.25),
    Complaint("Fatigue", (0.30, 0.20), 0.03),
    Complaint("Infusion related reaction", (0.07, 0.00), 0.10),
    Complaint("Rash", (0.13, 0.04), 0.02),
)
"""Assumption. Who stops is no longer exposed, so a contrast of the cohorts says nothing about the drugs."""


def truth_json(s: Streams, truth: Truth, scale: int, ids: list[str]) -> dict[str, object]:
    """What was planted, per subject and as parameters; times in years, null where something never comes."""

    def years(x: float) -> float | None:
        return round(float(x), 4) if math.isfinite(x) else None

    return {
        "note": "SYNTHETIC. Truths planted by make_stop_her2.py; the package never reads this file.",
        "study": STUDY,
        "seed": s.seed,
        "scale": scale,
        "rates_per_year": RATES,
        "factors_stop": STOP_FACTOR,
        "factors_prior_oligo": OLIGO_FACTOR,
        "subjects": {
            "subject": ids,
            "positive_at_0": [int(x) for x in truth.positive_at_0],
            "progression": [years(x) for x in truth.progression],
            "restart": [years(x) for x in truth.restart],
            "jumps": [[years(x) for x in row[np.isfinite(row)]] for row in truth.jumps],
        },
    }


STUDY_TOML = """\
# SYNTHETIC data: nobody in this study exists. Made by sample_data/make_stop_her2.py.
name = "STOP-HER2 (synthetic)"
time_zero = "registration"
cohorts = ["continue", "stop"]
cohort_assignment = "chosen"
covariates = ["prior_oligo", "er", "age"]

[endpoints.pfs]
label = "Progression-free survival"
[endpoints.os]
label = "Overall survival"

[visits.baseline]
day = 0
window = [-28, 0]
{visits}
[trial]                                      # the trial's own endpoints, cohort by cohort
alpha = 0.10                                 # one-sided
times = { pfs = [365, 1096], os = [1096] }
[trial.cohorts.continue]
n = 30
day = 365
[trial.cohorts.stop]
n = 52
day = 365
null = 0.50
alternative = 0.68
two_stage = { r1 = 11, n1 = 20, r = 23, n = 40 }   # Simon's optimal design: the published abstract states no boundary
[trial.instruments.qol]
label = "Quality of life (invented)"
minimal_difference = 10
[trial.instruments.distress]
label = "Distress (invented)"
direction = "high is worse"
minimal_difference = 8
[trial.instruments.regret]
label = "Decision regret (invented)"
direction = "high is worse"

[tables]
subjects = "subjects.csv"
outcomes = "outcomes.csv"
specimens = "specimens.csv"
blood = "mrd.csv"
therapy = "therapy.csv"
pros = "pros.csv"
adverse_events = "adverse_events.csv"
"""


def study_toml() -> str:
    """What the tables mean; every draw of the schedule is a visit of 21 days before to 20 after."""
    visit = "[visits.week{}]\nday = {}\nwindow = [-21, 20]\n"
    return STUDY_TOML.replace("{visits}\n", "".join(visit.format(day // 7, day) for day in DRAW_DAYS[1:]) + "\n")


PLAN_TOML = (Path(__file__).parent / "stop_her2" / "plan.toml").read_text(encoding="utf-8")
"""The plan is written by hand, not drawn: it goes along as it stands."""

README = """\
# SYNTHETIC study: STOP-HER2-like

**Nobody in these files exists.** 82 invented patients without progression on three or more years of anti-HER2 therapy: 30 who
continue and 52 who stop, by their own choice. A contrast of the two cohorts is therefore no effect.

| file | holds |
|---|---|
| `study.toml` | where the tables are and what they mean |
| `plan.toml` | MRD at baseline and from two landmarks against progression-free and overall survival, per cohort |
| `subjects.csv` | who, and in which cohort |
| `outcomes.csv` | endpoints in days from registration; restart without progression is an event type of its own |
| `therapy.csv` | start, stop and restart of therapy, and clinical benefit of a restart after progression |
| `specimens.csv`, `mrd.csv` | every plasma tube with its day, and its MRD call and level |
| `pros.csv` | three invented patient-reported instruments |
| `adverse_events.csv` | graded adverse events |
| `truth.json` | what was planted; no analysis may read it |

Rebuild, byte for byte: `python sample_data/make_stop_her2.py --out DIR`. Every parameter and assumption: `docs/sample-data.md`.
"""


def make(out: Path, *, scale: int = 1, seed: int = SEED) -> None:
    """Write the whole study into a folder."""
    s = Streams("STOP-HER2", seed)
    truth = simulate_truth(s, scale)
    course = simulate_course(s, truth)
    ids = subject_ids(truth.n)
    specimens, calls = mrd_tables(s, truth, course, ids)
    write_table(out / "subjects.csv", subjects_table(s, truth, ids), SUBJECTS)
    write_table(out / "outcomes.csv", outcomes_table(course, ids), OUTCOMES)
    write_table(out / "therapy.csv", therapy_table(s, truth, course, ids), THERAPY)
    write_table(out / "specimens.csv", specimens, SPECIMENS)
    write_table(out / "mrd.csv", calls, MRD)
    write_table(out / "pros.csv", pros_table(s, truth, course, ids), PROS)
    events = adverse_rows(s, COMPLAINTS, truth.stop.astype(np.int64), course.pfs_day, ids)
    write_table(out / "adverse_events.csv", events, ADVERSE)
    write_text(out / "study.toml", study_toml())
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
