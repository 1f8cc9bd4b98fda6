"""Example tables of the figures of single patients: seeded, with every kind of mark, in the cohorts and arms of a design."""

from __future__ import annotations

import numpy as np
import pandas as pd

from biomarkers.domain.markers import MARKERS

CTDNA = MARKERS["ctdna_mtm"]


def people(design, n=9):
    """Patients with cohort and arm, and how their follow-up ended."""
    rng = np.random.default_rng(7)
    arms = design.arms or ("",)
    rows = [(f"P{i:02d}", cohort, arms[i % len(arms)]) for cohort in design.cohorts for i in range(n)]
    frame = pd.DataFrame(rows, columns=["subject", "cohort", "arm"])
    frame["subject"] = frame["subject"] + frame["cohort"].astype(str)
    frame["time"] = np.ceil(rng.exponential(120, len(frame)) + 20)
    frame["event"] = (rng.random(len(frame)) < 0.7).astype(int)
    return frame.assign(event_type=np.where(frame["event"] == 1, "progression", ""))


def trajectories(results):
    """Draws at baseline, six weeks and progression; some below the limit, one subject without any."""
    rng = np.random.default_rng(3)
    rows = []
    for place, person in enumerate(people(results.design).to_dict("records")):
        start = 2.0 ** rng.normal(6, 3)
        days = [(-5.0, "scheduled"), (42.0, "scheduled")] if person["time"] > 42 else [(0.0, "scheduled")]
        days += [(person["time"] + 3, "progression")] if person["event"] else []
        if place == 4:
            days = [(np.nan, "none")]
        for k, (day, role) in enumerate(days):
            value = start * 2.0 ** rng.normal(-2 * k, 1)
            status = "missing" if np.isnan(day) else "below" if value < 2.0 or place == 5 else "measured"
            value = np.nan if status == "missing" else 2.0 if status == "below" else value
            bound = "both below" if k and place == 5 else "at most" if k and status == "below" else ""
            change = np.log2(value / start) if k else (0.0 if status != "missing" else np.nan)
            rows.append({**person, "day": day, "role": role, "value": value, "model_value": np.log2(value), "status": status,
                         "lod": 2.0, "baseline": k == 0 and status != "missing", "change": change, "bound": bound})
    return pd.DataFrame(rows)


def best(results):
    """One change per patient; one known only as a bound, one not known."""
    table = trajectories(results)
    last = table[table["role"] != "progression"].drop_duplicates("subject", keep="last")
    return last[["subject", "cohort", "arm", "change", "bound"]].reset_index(drop=True)


def lanes(results):
    """Bars, every end, every call, a call at progression and a restart."""
    rng = np.random.default_rng(5)
    rows = []
    for place, person in enumerate(people(results.design).to_dict("records")):
        keys = {k: person[k] for k in ("subject", "cohort", "arm")}
        end = "progression" if person["event"] else "ongoing"
        end = "death" if place == 3 else "restart" if place == 6 else "event" if place == 7 else end
        marks = [(person["time"], "followed", False), (person["time"], end, False)]
        calls = ("detected", "not detected", "no call")
        marks += [(float(day), calls[int(rng.integers(3))], False) for day in (-3, 42, 84) if day < person["time"]]
        marks += [(person["time"] + 4, "detected", True)] if person["event"] else []
        rows += [{**keys, "day": day, "mark": mark, "late": late} for day, mark, late in marks]
    return pd.DataFrame(rows)


TABLES = {"trajectories": trajectories, "swimmer": lanes, "waterfall": best, "spider": trajectories}
DRAWN = {"trajectories": {"marker": CTDNA}, "waterfall": {"marker": CTDNA}, "spider": {"marker": CTDNA}}


def example(name, results):
    """The rows of the first cohort, and the arguments with which they are drawn."""
    table = TABLES[name](results)
    if "cohort" in table:
        table = table[table["cohort"] == results.design.cohorts[0]]
    return table, DRAWN.get(name, {})


def whole(name, results):
    """The table of the composed figure and its arguments."""
    design = results.design
    more = {"spider": {"panels": design.cohorts, "groups": design.arms}}.get(
        name, {"by": "cohort", "groups": design.cohorts})
    return TABLES[name](results), {**DRAWN.get(name, {}), **more}
