"""Synthetic results for tests of figures and report: seeded, every state present, nobody's data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from biomarkers.domain.design import Design
from biomarkers.domain.flow import FLOW
from biomarkers.domain.marker import Marker
from biomarkers.domain.markers import MARKERS
from biomarkers.domain.times import Endpoint, Visit
from biomarkers.plan.beside import Beside
from biomarkers.plan.mrd_dynamics import Dynamics
from biomarkers.plan.patients import Patients
from biomarkers.plan.pictures import Pictures
from biomarkers.trial.opening import Account

HOSTILE = (
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    r"$\frac{1}{0$",
    "\u202edetrever",
    "👩\u200d🔬 emoji 🧬",
    "x" * 200,
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "tab\tnew\nline\x00",
    "العربية",
)


@dataclass(frozen=True)
class FakeResults:
    """The fields that the report reads of `plan.results.Results`."""

    title: str
    design: Design
    plan: dict[str, Any]
    table: pd.DataFrame
    flow: pd.DataFrame
    ledger: pd.DataFrame
    curves: pd.DataFrame
    medians: pd.DataFrame
    values: pd.DataFrame
    availability: pd.DataFrame
    patients: pd.DataFrame
    endpoints: pd.DataFrame
    assays: pd.DataFrame
    problems: pd.DataFrame
    provenance: dict[str, Any] = field(default_factory=dict)
    detectable: pd.DataFrame = field(default_factory=pd.DataFrame)
    specimens: pd.DataFrame = field(default_factory=pd.DataFrame)
    sensitivity: pd.DataFrame = field(default_factory=pd.DataFrame)
    amendments: pd.DataFrame = field(default_factory=pd.DataFrame)
    beside: Beside = field(default_factory=Beside)
    pictures: Pictures = field(default_factory=Pictures)
    mrd: Dynamics = field(default_factory=Dynamics)
    over_time: Patients = field(default_factory=Patients)
    trial: Account = field(default_factory=Account)
    more: dict[str, pd.DataFrame] = field(default_factory=dict)


def curve(time: np.ndarray, event: np.ndarray) -> pd.DataFrame:
    """A Kaplan-Meier table, written out plainly: the expected value of the drawing."""
    rows, survival, total = [], 1.0, 0.0
    for day in np.unique(np.r_[0, time]):
        at_risk = int((time >= day).sum())
        events = int(((time == day) & (event == 1)).sum()) if day > 0 else 0
        censored = int(((time == day) & (event == 0)).sum()) if day > 0 else 0
        if events:
            survival *= 1 - events / at_risk
            total += events / (at_risk * (at_risk - events)) if at_risk > events else math.nan
        low = high = 1.0 if survival == 1 else math.nan
        if 0 < survival < 1:
            half = 1.959964 * math.sqrt(total) / abs(math.log(survival))
            low, high = survival ** math.exp(half), survival ** math.exp(-half)
        rows.append((int(day), survival, low, high, at_risk, events, censored))
    return pd.DataFrame(rows, columns=["time", "survival", "conf_low", "conf_high", "n_risk", "n_event", "n_censor"])


def median_of(table: pd.DataFrame, column: str) -> float:
    """First time at which a column of the curve is at or below one half."""
    reached = table.loc[table[column] <= 0.5, "time"]
    return float(reached.iloc[0]) if len(reached) else math.nan


def design(
    cohorts: tuple[str, ...] = ("ER+", "ER-"),
    markers: dict[str, Marker] | None = None,
    arms: tuple[str, ...] = ("T-DM1", "T-DM1 + abemaciclib"),
) -> Design:
    """A design with one endpoint and two visits."""
    return Design(
        name="Synthetic trial",
        time_zero="registration",
        cohorts=cohorts,
        arms=arms,
        strata=("liver_mets",),
        covariates=("age",),
        endpoints={"pfs": Endpoint("pfs", "Progression-free survival")},
        visits={"baseline": Visit("baseline", 0, (-28, 0)), "week6": Visit("week6", 42, (-7, 7))},
        markers=dict(MARKERS) if markers is None else markers,
        notes=("Synthetic data; nobody's patients.",),
    )


BASE: dict[str, Any] = {
    "analysis": "a",
    "prespecified": True,
    "family": "blood",
    "endpoint": "pfs",
    "cohort": "ER+",
    "marker": "tk1_dul",
    "term": "tk1_dul",
    "contrast": "per doubling",
    "timing": "baseline",
    "model": "cox",
    "method": "likelihood ratio",
    "estimand": "hazard ratio",
    "estimate": 1.31,
    "std_error": 0.08,
    "conf_low": 1.11,
    "conf_high": 1.55,
    "conf_level": 0.95,
    "statistic": 3.1,
    "p_value": 0.0012,
    "p_permutation": math.nan,
    "p_adjusted": 0.0036,
    "n": 62,
    "n_events": 47,
    "n_excluded": 2,
    "detectable": 1.49,
    "finite": True,
    "note": "",
}
COLUMNS = list(BASE)


def row(**given: Any) -> dict[str, Any]:
    """One row of the result table."""
    assert set(given) <= set(BASE), given
    return BASE | given


def fitted(rng: np.random.Generator, events: int, effect: float = 0.0, spread: float = 1.0) -> dict[str, Any]:
    """Estimate, interval and P that agree with one another."""
    error = spread * 2 / math.sqrt(max(events, 1))
    b = effect + error * rng.standard_normal() * 0.7
    z = b / error
    return {
        "estimate": math.exp(b),
        "std_error": error,
        "conf_low": math.exp(b - 1.959964 * error),
        "conf_high": math.exp(b + 1.959964 * error),
        "statistic": z,
        "p_value": math.erfc(abs(z) / math.sqrt(2)),
    }


QUESTIONS = (
    ("stil_pfs", "stil", "tissue", "per 10 points", -0.2, 0.45),
    ("vim_pfs", "vimentin_pct", "tissue", "per 10 points", 0.05, 0.5),
    ("cd8_pfs", "cd8", "tissue", "per doubling", -0.1, 0.5),
    ("ctc_pfs", "ctc", "blood", "per doubling", 0.14, 0.3),
    ("ctc5_pfs", "ctc", "blood", "≥ 5 cells/7.5 mL against < 5", 0.5, 1.0),
    ("tk1_pfs", "tk1_dul", "blood", "per doubling", 0.26, 0.35),
    ("ctdna_pfs", "ctdna_mtm", "blood", "per doubling", 0.13, 0.3),
    ("fcgr3a_pfs", "fcgr3a_158", "germline", "per V allele", 0.0, 1.0),
)
CURVES = {"ctc5_pfs": ("< 5", "≥ 5 cells/7.5 mL"), "fcgr3a_pfs": ("F/F", "V/F", "V/V")}


def results(
    *, cohorts: tuple[str, ...] = ("ER+", "ER-"), n_markers: int | None = None, seed: int = 1801, hostile: bool = False
) -> FakeResults:
    """A whole run: two cohorts and eight questions with every state, or many markers, or hostile names everywhere."""
    rng = np.random.default_rng(seed)
    size = {c: (64, 50, 58, 46, 38, 72)[i % 6] for i, c in enumerate(cohorts)}
    questions: list[tuple[str, str, str, str, float, float]] = list(QUESTIONS)
    markers = dict(MARKERS)
    if n_markers is not None:
        questions = [
            (
                f"q{i:02d}",
                f"m{i:02d}",
                ("tissue", "serum", "cells", "ctDNA", "flow", "germline")[i * 6 // n_markers],
                "per doubling" if i % 3 else "detected against not detected",
                rng.normal(0, 0.12),
                0.5,
            )
            for i in range(n_markers)
        ]
        markers = {
            f"m{i:02d}": Marker(name=f"m{i:02d}", label=f"Marker {i + 1}", kind="continuous", unit="U/mL", scale="log2")
            for i in range(n_markers)
        }
    arms: tuple[str, ...] = ("T-DM1", "T-DM1 + abemaciclib")
    if hostile:
        cohorts = tuple(HOSTILE[:2])
        size = dict.fromkeys(cohorts, 40)
        arms = tuple(HOSTILE[2:4])
        names = [q[1] for q in questions]
        markers = {
            name: MARKERS[name].override({"label": HOSTILE[i % len(HOSTILE)]}) for i, name in enumerate(dict.fromkeys(names))
        }
    d = design(cohorts, markers, arms)
    if hostile:
        d = replace(d, notes=HOSTILE)
    table, flow, ledger, curves, medians, values = [], [], [], [], [], []
    first_use = {q[1]: (q[0], q[1]) for q in reversed(questions)}.values()
    for place, (analysis, marker, family, contrast, effect, spread) in enumerate(questions):
        planned = place % 7 != 2
        base = {
            "analysis": analysis,
            "marker": marker,
            "family": family,
            "contrast": contrast,
            "prespecified": planned,
            "term": marker,
            "p_adjusted": math.nan,
        }
        fits = []
        for c in cohorts:
            n = size[c] - int(rng.integers(0, 9))
            events = int(n * rng.uniform(0.6, 0.85))
            fit = fitted(rng, events, effect, spread)
            note = "flag: hazards are not proportional (P = 0.01)" if (place, c) == (5, cohorts[0]) else ""
            fits.append(
                row(
                    **base
                    | fit
                    | {
                        "cohort": c,
                        "n": n,
                        "n_events": events,
                        "n_excluded": size[c] - n,
                        "note": note,
                        "detectable": math.exp(2.8 * spread * 2 / math.sqrt(events) / 2),
                    }
                )
            )
        pooled_events = sum(f["n_events"] for f in fits)
        pooled = row(
            **base
            | fitted(rng, pooled_events, effect, spread)
            | {"cohort": "all", "n": sum(f["n"] for f in fits), "n_events": pooled_events}
        )
        apart = row(
            **base
            | {
                "cohort": "all",
                "term": "marker:cohort",
                "estimand": "ratio of hazard ratios",
                "n": pooled["n"],
                "n_events": pooled_events,
                "contrast": contrast,
                "p_value": float(rng.uniform(0.02, 0.9)),
                "estimate": 0.83 if len(cohorts) == 2 else math.nan,
                "conf_low": 0.61 if len(cohorts) == 2 else math.nan,
                "conf_high": 1.13 if len(cohorts) == 2 else math.nan,
                "detectable": math.nan,
            }
        )
        ph = row(
            **base
            | {
                "cohort": cohorts[0],
                "estimand": "proportional hazards test",
                "estimate": math.nan,
                "conf_low": math.nan,
                "conf_high": math.nan,
                "p_value": 0.41,
                "n": fits[0]["n"],
                "n_events": fits[0]["n_events"],
                "detectable": math.nan,
            }
        )
        table += [*fits, pooled, apart, ph]
        for f in (*fits, pooled):
            adjusted = min(1.0, f["p_value"] * 4) if planned else math.nan
            f["p_adjusted"] = adjusted
            ledger.append(
                {
                    "analysis": analysis,
                    "cohort": f["cohort"],
                    "term": f["term"],
                    "family": family,
                    "prespecified": planned,
                    "test": "likelihood ratio",
                    "p_value": f["p_value"],
                    "p_adjusted": adjusted,
                    "adjust_method": "holm" if planned else "",
                    "family_size": 4,
                    "plan_sha256": "9f41c2d0" * 8,
                }
            )
        for c in cohorts:
            share = rng.multinomial(size[c], [0.52, 0.48])
            lost = fits[cohorts.index(c)]["n_excluded"]
            for arm, total in zip(arms, share, strict=True):
                left = int(total)
                out = lost // 2 if arm == arms[0] else lost - lost // 2
                for reason, detail, k in (("no_measurement", "qns", out),):
                    left -= k
                    flow.append((analysis, marker, "baseline", c, arm, reason, detail, k, left, int(total)))
                flow.append((analysis, marker, "baseline", c, arm, "included", "", 0, left, int(total)))
            m = markers[marker]
            raw = (
                np.round(2 ** rng.normal(6, 2, size[c] - lost), 1)
                if m.scale != "identity"
                else rng.integers(0, 60, size[c] - lost)
            )
            raw = rng.integers(0, 3, size[c] - lost) if m.kind == "genotype" else raw
            raw = np.where(rng.random(len(raw)) < 0.3, 0, np.round(raw)) if m.name == "ctc" else raw
            for i, v in enumerate(raw):
                limit = m.lod if m.lod is not None else math.nan
                below = bool(v < limit)
                with np.errstate(divide="ignore"):
                    model = float(m.to_model_scale([max(v, limit) if below else v])[0])
                if (analysis, marker) in first_use:
                    values.append(
                        (marker, c, arms[i % 2], limit if below else float(v), model, "below" if below else "measured", limit)
                    )
        groups = CURVES.get(analysis, ("not detected", "detected") if n_markers and place % 10 == 0 else ())
        for c in cohorts:
            for g, name in enumerate(groups):
                n = size[c] // len(groups)
                time = np.ceil(rng.exponential(130 * (1.0 + 0.5 * (len(groups) - g)), n))
                end = np.round(rng.uniform(250, 620, n))
                t = curve(np.minimum(time, end), (time <= end).astype(int))
                curves.append(t.assign(analysis=analysis, cohort=c, group=name, group_order=g))
                medians.append(
                    (
                        analysis,
                        c,
                        name,
                        g,
                        n,
                        int(t["n_event"].sum()),
                        median_of(t, "survival"),
                        median_of(t, "conf_low"),
                        median_of(t, "conf_high"),
                        0.95,
                    )
                )
    if n_markers is None:
        first, second = cohorts[0], cohorts[-1]
        table += [
            row(
                analysis="mrd_pfs",
                marker="mrd",
                family="blood",
                contrast="detected against not detected",
                cohort=first,
                estimate=math.nan,
                conf_low=math.nan,
                conf_high=math.nan,
                p_value=math.nan,
                p_adjusted=math.nan,
                n=20,
                n_events=12,
                finite=True,
                note="descriptive only: 3 events in detected",
                detectable=math.nan,
                term="mrd[detected]",
            ),
            row(
                analysis="mrd_pfs",
                marker="mrd",
                family="blood",
                contrast="detected against not detected",
                cohort=second,
                estimate=math.inf,
                conf_low=1.85,
                conf_high=math.inf,
                p_value=0.02,
                p_adjusted=math.nan,
                n=17,
                n_events=14,
                finite=False,
                note="no event among 2 not detected",
                detectable=math.nan,
                term="mrd[detected]",
            ),
            row(
                analysis="ctc5_week6",
                marker="ctc",
                family="blood on treatment",
                timing="week6",
                contrast="≥ 5 against < 5",
                cohort=first,
                method="refused",
                estimate=math.nan,
                conf_low=math.nan,
                conf_high=math.nan,
                p_value=math.nan,
                p_adjusted=math.nan,
                n=37,
                n_events=26,
                detectable=math.nan,
                note="Asked by: plan.toml, analysis ctc5_week6. Why not: 2 of 37 patients have 5 cells or more, with 1 event. "
                'Instead: feature = "value", per doubling at the landmark',
            ),
        ]
        for c in cohorts:
            for arm, total, gone, late, none in ((arms[0], 34, 14, 1, 2), (arms[1], 30, 7, 0, 3)):
                left = total
                for reason, detail, k in (
                    ("event_at_or_before_landmark", "", gone),
                    ("censored_at_or_before_landmark", "", late),
                    ("no_draw_in_window", "not_collected", none),
                ):
                    left -= k
                    flow.append(
                        (
                            "ctc5_week6",
                            "ctc",
                            "landmark day 49, draw of week6 (days 35 to 49)",
                            c,
                            arm,
                            reason,
                            detail,
                            k,
                            left,
                            total,
                        )
                    )
                flow.append(
                    (
                        "ctc5_week6",
                        "ctc",
                        "landmark day 49, draw of week6 (days 35 to 49)",
                        c,
                        arm,
                        "included",
                        "",
                        0,
                        left,
                        total,
                    )
                )
    frame = pd.DataFrame(table, columns=COLUMNS)
    for column in ("n", "n_events", "n_excluded"):
        frame[column] = frame[column].astype("Int64")
    return FakeResults(
        title="Correlative analysis plan, version 1" if not hostile else HOSTILE[0],
        design=d,
        plan={"title": "Correlative analysis plan, version 1", "sha256": "9f41c2d0" * 8, "version": "1", "n_tests": 16},
        table=frame,
        flow=pd.DataFrame(
            flow, columns=["analysis", "marker", "timing", "cohort", "arm", "reason", "detail", "n_excluded", "n_left", "total"]
        ),
        ledger=pd.DataFrame(ledger),
        curves=pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(),
        medians=pd.DataFrame(
            medians,
            columns=[
                "analysis",
                "cohort",
                "group",
                "group_order",
                "n",
                "n_events",
                "median",
                "conf_low",
                "conf_high",
                "conf_level",
            ],
        ),
        values=pd.DataFrame(values, columns=["marker", "cohort", "arm", "value", "model_value", "status", "lod"]),
        availability=_availability(d, [q[1] for q in questions], size),
        patients=_patients(d, size),
        endpoints=_endpoints(d, size),
        assays=_assays(d, [q[1] for q in questions]),
        problems=_problems(hostile=hostile),
        provenance={
            "inputs": [
                {"file": "subjects.csv", "sha256": "1b7e03" + "a" * 58, "bytes": 5120},
                {"file": "blood_1.csv", "sha256": "77fa18" + "b" * 58, "bytes": 20480},
            ],
            "versions": {"biomarkers": "0.1.0", "numpy": "2.4.0", "pandas": "3.0.0", "python": "3.11"},
            "plan_sha256": "9f41c2d0" * 8,
            "seeds": {"permutation": 0},
            "command": "biomarkers run plan.toml --out out",
            "counts": {"subjects": sum(size.values())},
        },
    )


def _endpoints(d: Design, size: dict[str, int]) -> pd.DataFrame:
    rows = []
    for c in d.cohorts:
        for arm in (*d.arms, ""):
            n = size[c] if arm == "" else size[c] // 2
            rows.append(("pfs", "Progression-free survival", c, arm, n, int(n * 0.72), 525.0, 385.0, 546.0))
    return pd.DataFrame(
        rows, columns=["endpoint", "label", "cohort", "arm", "n", "n_events", "follow_up_median", "conf_low", "conf_high"]
    )


def _availability(d: Design, markers: list[str], size: dict[str, int]) -> pd.DataFrame:
    rows = []
    for marker in dict.fromkeys(markers):
        for c in d.cohorts:
            for arm in d.arms:
                n = size[c] // 2
                rows.append((marker, "baseline", c, arm, n, n - 2, n - 3, 1, "", n - 3))
                rows.append((marker, "baseline", c, arm, n, n - 2, n - 3, 1, "qns", 2))
                rows.append((marker, "baseline", c, arm, n, n - 2, n - 3, 1, "not_evaluable", 1))
    return pd.DataFrame(
        rows, columns=["marker", "visit", "cohort", "arm", "expected", "collected", "evaluable", "below_lod", "reason", "n"]
    )


def _patients(d: Design, size: dict[str, int]) -> pd.DataFrame:
    rows = []
    for c in d.cohorts:
        for arm in (*d.arms, ""):
            n = size[c] if arm == "" else size[c] // 2
            rows.append(("patients", "", c, arm, n, n, "n", float(n)))
            for statistic, value in (("median", 54.0), ("q1", 47.0), ("q3", 63.0), ("missing", 1.0)):
                rows.append(("age", "", c, arm, n - 1, n, statistic, value))
            for level, k in (("yes", n // 2), ("no", n - n // 2 - 1)):
                rows.append(("liver_mets", level, c, arm, k, n, "n", float(k)))
            rows.append(("liver_mets", "missing", c, arm, 1, n, "missing", 1.0))
    return pd.DataFrame(rows, columns=["variable", "level", "cohort", "arm", "n", "n_total", "statistic", "value"])


def _assays(d: Design, markers: list[str]) -> pd.DataFrame:
    rows = []
    for name in dict.fromkeys(markers):
        m = d.markers[name]
        rows.append(
            (
                name,
                m.label,
                m.unit,
                m.matrix,
                m.scale,
                m.effect,
                m.lod_rule,
                m.lod if m.lod is not None else math.nan,
                m.cut.value if m.cut else math.nan,
                m.cut.citation if m.cut else "",
                m.note,
                ", ".join(g.column for g in m.gates),
            )
        )
    return pd.DataFrame(
        rows,
        columns=["marker", "label", "unit", "matrix", "scale", "effect", "lod_rule", "lod", "cut", "citation", "note", "gates"],
    )


def _problems(*, hostile: bool) -> pd.DataFrame:
    rows = [
        (
            "blood_1.csv",
            88,
            "subject",
            "BR-047 ",
            "BR-047 ",
            "warning",
            "subject 'BR-047 ' is not in subjects.csv",
            "remove the space",
            "near_miss",
        ),
        ("blood_1.csv", 91, "value", "BR-050", "<20", "note", "below the limit of detection", "nothing to do", "below_limit"),
    ]
    if hostile:
        rows.append(
            (
                HOSTILE[0],
                3,
                HOSTILE[1],
                HOSTILE[4],
                HOSTILE[6],
                "warning",
                f"value {HOSTILE[6]} is not a number",
                HOSTILE[7],
                "invalid",
            )
        )
    return pd.DataFrame(rows, columns=["file", "line", "column", "subject", "value", "severity", "problem", "remedy", "code"])


REASONS = tuple(FLOW)
