"""Example tables of the figures of single patients: seeded, with every kind of mark, in the cohorts and arms of a design."""

from __future__ import annotations

import numpy as np
import pandas as pd

from biomarkers.domain.markers import MARKERS
from biomarkers.figures.specification import COLUMNS

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
            change = np.log2(value / start) if k and bound != "both below" else (0.0 if status != "missing" else np.nan)
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


def genotypes(results):
    """Curves by genotype in each cohort, those without a call among them."""
    from biomarkers.models.curves import curves_by

    rng = np.random.default_rng(11)
    frame = people(results.design, 40)
    frame["class"] = rng.choice(["F/F", "V/F", "V/V", "no call"], len(frame), p=[0.4, 0.4, 0.1, 0.1])
    curves, _ = curves_by(frame, "class", ["F/F", "V/F", "V/V", "no call"], "cohort", results.design.cohorts, 0.95, "g")
    return curves.assign(called=curves["group"] != "no call")


def balance(results):
    """Samples of three genotypes, one sunk heterozygote, two without a call, one without reads."""
    rng = np.random.default_rng(13)
    alleles = rng.choice(3, 40)
    share = np.where(alleles == 1, rng.normal(0.5, 0.06, 40), np.abs(alleles / 2 - np.abs(rng.normal(0, 0.01, 40))))
    call = np.array(["F/F", "V/F", "V/V"])[alleles]
    table = pd.DataFrame({"dp": rng.integers(20, 60, 40).astype(float), "v_fraction": share, "call": call, "reason": "OK"})
    hard = results.design.cohorts[0]
    more = pd.DataFrame({"dp": [30.0, 6.0, 45.0, np.nan], "v_fraction": [0.28, 0.5, 0.15, np.nan],
                         "call": ["V/F", "", "", ""], "reason": ["OK", "LOW_DP", hard, "NO_GT"]})
    return pd.concat([table, more], ignore_index=True)


def flow(results):
    """A flow at a landmark, with every fate."""
    rows = []
    for place, cohort in enumerate(results.design.cohorts):
        left = total = 30 + 10 * place
        for reason, n in (("event_at_or_before_landmark", 7), ("censored_at_or_before_landmark", 1), ("no_draw_in_window", 3),
                          ("failed_qc", 2), ("missing_covariate", 1)):
            left -= n
            rows.append((cohort, reason, "", n, left, total))
        rows.append((cohort, "included", "", 0, left, total))
    return pd.DataFrame(rows, columns=["cohort", "reason", "detail", "n_excluded", "n_left", "total"])


def states(results):
    """Shares of three states that add up to one at every time."""
    rows = []
    for place, cohort in enumerate(results.design.cohorts):
        for time in range(0, 365, 28):
            gone = 1 - np.exp(-time / (200 + 50 * place))
            for state, share in (("negative", (1 - gone) * 0.8), ("positive", (1 - gone) * 0.2), (f"off: {cohort}", gone)):
                rows.append((cohort, float(time), state, share, max(share - 0.1, 0), min(share + 0.1, 1), 33))
    return pd.DataFrame(rows, columns=["cohort", "time", "state", "probability", "conf_low", "conf_high", "n"])


def specifications(results):
    """A prespecified row, an alternative of each kind, and one that could not be asked."""
    strange = results.design.cohorts[0]
    rows = [("as planned", "as planned", True, 1.5, 1.1, 2.0, ""), ("scale", strange, False, 1.3, 0.9, 1.9, "sensitivity"),
            (f"cut {strange}", "5", False, np.nan, np.nan, np.nan, f"not asked: {strange}")]
    whole = [(d, s, p, "all", e, lo, hi, 100, 80, note) for d, s, p, e, lo, hi, note in rows]
    return pd.DataFrame(whole, columns=list(COLUMNS))


TABLES = {"trajectories": trajectories, "swimmer": lanes, "waterfall": best, "spider": trajectories,
          "genotype_outcome": genotypes, "allele_balance": balance, "losses": flow, "state_occupation": states,
          "specification_curve": specifications}
DRAWN = {"trajectories": {"marker": CTDNA}, "waterfall": {"marker": CTDNA}, "spider": {"marker": CTDNA},
         "allele_balance": {"calls": ("F/F", "V/F", "V/V")}}


def example(name, results):
    """The rows of the first cohort, and the arguments with which they are drawn."""
    table = TABLES[name](results)
    if "cohort" in table and name != "specification_curve":
        table = table[table["cohort"] == results.design.cohorts[0]]
    return table, DRAWN.get(name, {})


def whole(name, results):
    """The table of the composed figure and its arguments."""
    design = results.design
    more = {"spider": {"panels": design.cohorts, "groups": design.arms}, "genotype_outcome": {"cohorts": design.cohorts},
            "allele_balance": {}, "specification_curve": {}}.get(name, {"by": "cohort", "groups": design.cohorts})
    return TABLES[name](results), {**DRAWN.get(name, {}), **more}
