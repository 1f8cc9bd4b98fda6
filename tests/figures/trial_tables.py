"""Example tables of the trial's own figures, in the cohorts and arms of a design, with every kind of mark."""

from __future__ import annotations

import numpy as np
import pandas as pd

from biomarkers.trial.twostage import TwoStage, two_stage_path

GRADES = {"Diarrhoea": (9, 5, 2, 1, 0), "Neutrophil count decreased <b>": (0, 2, 4, 1, 1), "Fatigue": (4, 0, 0, 0, 0),
          "any": (10, 7, 5, 2, 1)}  # fmt: skip


def consort(results):
    """Two exits in the first arm, none in the others."""
    rows = []
    for cohort in results.design.cohorts:
        for place, arm in enumerate(results.design.arms or ("",)):
            shared = {"endpoint": "pfs", "cohort": cohort, "arm": arm, "total": 30}
            gone = [("not_in_cohort", f"not eligible {arm}", 3), ("not_evaluable", "not evaluable for pfs", 1)]
            gone = [] if place else gone
            rows += [shared | {"reason": r, "detail": d, "n_excluded": n, "n_left": pd.NA, "n_events": pd.NA}
                     for r, d, n in gone]
            left = 30 - sum(n for *_, n in gone)
            rows.append(shared | {"reason": "included", "detail": "", "n_excluded": 0, "n_left": left, "n_events": 19 + place})
    return pd.DataFrame(rows).astype({"n_left": "Int64", "n_events": "Int64"})


def toxicity(results):
    """Terms of every grade; one term has nobody in the first arm."""
    rows = []
    for cohort in results.design.cohorts:
        for place, arm in enumerate(results.design.arms or ("all",)):
            for term, counts in GRADES.items():
                mine = (0,) * 5 if place == 0 and term.startswith("Neutro") else counts
                grades = {f"grade_{g}": n for g, n in enumerate(mine, start=1)}
                rows.append({"cohort": cohort, "term": term, "arm": arm, "n_treated": 30, **grades, "any_grade": sum(mine),
                             "n_severe": sum(mine[2:])})
    return pd.DataFrame(rows)


def paths(results):
    """One cohort goes on, the others stop at the look."""
    rule = TwoStage(3, 8, 9, 16)
    seen = ([1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1], [0, 1, 0, 0, 1, 0, 0, 1])
    parts = [two_stage_path(rule, seen[min(place, 1)]).assign(cohort=cohort, n1=rule.n1, r1=rule.r1, n=rule.n, r=rule.r)
             for place, cohort in enumerate(results.design.cohorts)]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def reported(results):
    """Two instruments, the second without a minimal difference or a baseline; the last mean rests on one patient."""
    rng = np.random.default_rng(5)
    rows = []
    for instrument, first in (("qol", 0), ("regret <i>", 91)):
        for cohort in results.design.cohorts:
            for arm in results.design.arms or ("",):
                for day in (d for d in (0, 91, 182, 365, 548, 730) if d >= first):
                    mean, half = 60 + rng.normal(0, 4), rng.uniform(3, 8)
                    alone = day == 730
                    rows.append({"instrument": instrument, "label": f"Score: {instrument}", "direction": "high is better",
                                 "cohort": cohort, "arm": arm, "day": day, "n": 1 if alone else 24, "expected": 26,
                                 "mean": mean, "conf_low": np.nan if alone else mean - half,
                                 "conf_high": np.nan if alone else mean + half,
                                 "minimal_difference": 5.0 if first == 0 else np.nan})  # fmt: skip
    return pd.DataFrame(rows)


TABLES = {"consort": consort, "toxicity": toxicity, "two_stage_path": paths, "pro_trajectories": reported}


def example(name, results):
    """The rows of one panel, and the arguments the drawing needs."""
    table, first = TABLES[name](results), results.design.cohorts[0]
    part = table[table["cohort"] == first]
    if name == "pro_trajectories":
        part = part[part["instrument"] == "qol"]
    return part, {} if name == "two_stage_path" else {"arms": results.design.arms}


def whole(name, results):
    """The table of the whole figure, and its arguments."""
    more = {} if name == "two_stage_path" else {"arms": results.design.arms}
    return TABLES[name](results), {"cohorts": results.design.cohorts} | more
