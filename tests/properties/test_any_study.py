"""Whatever a study holds, each question has an answer or a refusal in words: no crash, no interval without its estimate.

The studies are drawn to be awkward: one patient or a hundred, cohorts of nobody, all events or none, a marker that is constant
or nearly always missing, strata with one level, times in days or with half of them tied.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import biomarkers as bm

DESIGN = """name = "any"
cohorts = [{cohorts}]
{arms}strata = ["liver"]
[visits.baseline]
day = 0
window = [-28, 0]
[visits.week6]
day = 42
window = [-7, 7]
[tables.subjects]
path = "people.csv"
[tables.blood]
path = "blood.csv"
[endpoints.pfs]
time = "t"
event = "e"
event_is = 1
[markers.stil]
column = "til"
[markers.fcgr3a_158]
column = "g"
"""

QUESTIONS = (
    ("stil", {}),
    ("stil", {"interaction": "arm"}),
    ("stil", {"cut": 10}),
    ("stil", {"by": None, "strata": (), "adjust": ()}),
    ("fcgr3a_158", {}),
    ("tk1_dua", {}),
    ("ctc", {"at": "week6"}),
    ("ctc", {"at": "week6", "feature": "change"}),
    ("ctc", {"at": "week6", "feature": "cleared"}),
    ("tk1_dua", {"at": "week6", "feature": "ratio"}),
    ("tk1_dua", {"at": bm.Landmark(day=49, since=14)}),
)


def any_study(folder, seed: int):
    rng = np.random.default_rng(seed)
    n, k = int(rng.choice([1, 2, 4, 8, 20, 60, 120])), int(rng.integers(1, 5))
    cohorts = [f"C{j}" for j in range(k)]
    share = rng.dirichlet(np.ones(k) * rng.choice([0.3, 2]))
    liver = rng.choice([0, 0.02, 0.4])
    people = pd.DataFrame({
        "subject": [f"P{i}" for i in range(n)],
        "cohort": rng.choice(cohorts, n, p=share),
        "liver": rng.choice(["yes", "no"], n, p=[liver, 1 - liver]),
        "arm": rng.choice(["A", "B"], n) if rng.random() < 0.5 else "A",
        "t": np.ceil(rng.exponential(300, n) / rng.choice([1, 30, 300])).astype(int) + 1,
        "e": (rng.random(n) < rng.random() * 1.2).astype(int),
        "g": rng.choice(["V/V", "V/F", "F/F", ""], n, p=rng.dirichlet(np.ones(4) * 0.7)),
    })  # fmt: skip
    til = np.full(n, 10.0) if rng.random() < 0.15 else rng.gamma(1, 12, n).clip(0, 99).round()
    seen = rng.random(n) >= rng.choice([0, 0.3, 0.95])
    people["til"] = [f"{v:.0f}" if ok else "" for v, ok in zip(til, seen, strict=True)]
    blood = [
        (subject, int(day), *cell)
        for subject, t in zip(people["subject"], people["t"], strict=True)
        for day in (-3, 42, 84, 126)
        if rng.random() < 0.8 and day < t
        for v in [rng.lognormal(3, 1.3)]
        for cell in (
            ("tk1_dua", "<20" if v < 20 else f"{v:.1f}", "DuA"),
            ("ctc", str(rng.poisson(rng.choice([0.02, 3]))), "cells/7.5 mL"),
        )
    ]
    people.to_csv(folder / "people.csv", index=False)
    pd.DataFrame(blood, columns=["subject", "day", "marker", "value", "unit"]).to_csv(folder / "blood.csv", index=False)
    named = ", ".join(f'"{c}"' for c in cohorts)
    arms = 'arms = ["A", "B"]\n' if rng.random() < 0.7 else ""
    (folder / "study.toml").write_text(DESIGN.format(cohorts=named, arms=arms), encoding="utf-8")
    return bm.read_study(folder / "study.toml", strict=False)


def judge(table: pd.DataFrame) -> None:
    ratios = table[(table["estimand"] == "hazard ratio") & table["estimate"].notna()]
    inside = (ratios["conf_low"] <= ratios["estimate"] * 1.0001) & (ratios["estimate"] <= ratios["conf_high"] * 1.0001)
    assert inside.all()
    p = table["p_value"].dropna()
    assert p.between(0, 1).all()
    assert (table["n_events"] <= table["n"]).all()
    silent = table[table["estimate"].isna() & table["p_value"].isna() & (table["estimand"] == "hazard ratio")]
    finite_limit = np.isfinite(silent["conf_low"]) | np.isfinite(silent["conf_high"])
    assert (finite_limit | silent["note"].ne("")).all()      # a row without a number says why


def ask_everything(folder, seed: int) -> int:
    study = any_study(folder, seed)
    assert repr(study)
    answered = 0
    asked = [lambda m=m, k=k: bm.associate(study, m, permutations=99, **k) for m, k in QUESTIONS]
    asked += [
        lambda: bm.supermodel(study, "tk1_dua", landmarks=[28, 56, 84], window=120, max_age=60),
        lambda: bm.time_dependent(study, "ctc", max_age=60),
    ]
    for ask in asked:
        refusal = ""
        try:
            found = ask()
        except (bm.UseError, bm.Refused) as no:
            refusal = str(no)
        assert "_marker" not in refusal      # a refusal speaks of the user's words, not of ours
        if refusal:
            continue
        judge(found.table)
        assert repr(found)
        assert found._repr_html_()
        assert "_marker" not in " ".join(found.table["note"].astype(str))
        answered += 1
    return answered


@pytest.mark.parametrize("seed", [3, 7, 11, 28, 41])
def test_any_study_gets_an_answer_or_a_refusal_in_words(tmp_path, seed):
    assert ask_everything(tmp_path, seed) > 0


@pytest.mark.slow
def test_three_hundred_studies_get_an_answer_or_a_refusal_in_words(tmp_path):
    answered = 0
    for seed in range(1000, 1300):
        folder = tmp_path / str(seed)
        folder.mkdir()
        answered += ask_everything(folder, seed)
    print(f"{answered} answers of {300 * (len(QUESTIONS) + 2)} questions over 300 studies, no crash")
    assert answered > 3000
