"""Max-T of a plan: correlated markers share their permutations, and nothing else changes the answer."""

from itertools import permutations as every_order
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain.errors import UseError
from biomarkers.domain.states import SUBGROUP
from biomarkers.kernels.scan import centred, null_model, score_tests, statistics
from biomarkers.models.scan import scan
from biomarkers.plan.family import FamilyTest, MaxTFamilies, family_p
from biomarkers.plan.multiplicity import adjusted, family_of


def a_test(n=40, *, seed=0, cohort="ER+", x=None, subjects=None, strata=True, adjusters=0):
    rng = np.random.default_rng(seed)
    stratum = np.where(np.arange(n) % 5 < 2, "liver", "none") if strata else np.full(n, "")   # a subject has one stratum
    return FamilyTest(
        analysis=f"m{seed}", cohort=cohort, strata=("liver",) if strata else (), stratum=stratum,
        subject=np.array([f"{cohort}{i:03d}" for i in range(n)]) if subjects is None else subjects,
        time=np.ceil(rng.exponential(100, n)), event=rng.random(n) < 0.9, entry=None,
        x=rng.normal(size=(n, 1)) if x is None else x, adjusters=rng.normal(size=(n, adjusters)))


def with_marker(test, x, name):
    return FamilyTest(**{**{f: getattr(test, f) for f in FamilyTest.__dataclass_fields__}, "x": x, "analysis": name})


def test_a_marker_and_its_copy_cost_nothing():
    one = a_test()
    alone = family_p([one], permutations=999, seed=4)
    copies = family_p([one, with_marker(one, 3 * one.x - 7, "copy")], permutations=999, seed=4)
    np.testing.assert_array_equal(copies, [alone[0], alone[0]])


def test_five_subjects_by_hand():
    """All 120 orders of five subjects, counted: the permutation p is the share at least as extreme."""
    time, event = np.array([1.0, 2, 3, 4, 5]), np.array([1, 1, 0, 1, 1], bool)
    x = np.array([5.0, 3, 4, 1, 2.5])
    y = np.array([1.0, 0, 0, 1, 0])
    from biomarkers.kernels.riskset import risk_sets
    null = null_model(risk_sets(time, event), None)

    def best(order):
        M = np.column_stack([x[list(order)], y[list(order)]])[null.rs.order]
        return statistics(*score_tests(null, centred(null.rs, M)))

    T = best(range(5))
    larger = T.argmax()
    exact = np.mean([best(order).max() >= T[larger] - 1e-10 for order in every_order(range(5))])
    base = FamilyTest("x", "all", np.array(list("abcde")), (), np.full(5, ""), time, event, x[:, None], None, np.empty((5, 0)))
    found = family_p([base, with_marker(base, y[:, None], "y")], permutations=19_999, seed=1)
    assert found[larger] == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))


def test_it_agrees_with_the_scan_where_both_can_be_asked():
    rng = np.random.default_rng(5)
    shared = rng.normal(size=60)
    frame = pd.DataFrame({f"m{j}": shared + rng.normal(size=60) for j in range(4)})
    frame = frame.assign(t=np.ceil(rng.exponential(np.exp(-0.5 * frame["m1"]) * 100)), d=1, s=rng.integers(0, 2, 60),
                         z=rng.normal(size=60))
    whole = scan(frame, "t", "d", list(frame)[:4], adjust="z", strata="s", permutations=4999, seed=3)
    who = np.arange(60).astype(str)
    tests = [FamilyTest(m, "all", who, ("s",), frame["s"].to_numpy(str), frame["t"].to_numpy(float), frame["d"].to_numpy(bool),
                        frame[[m]].to_numpy(), None, frame[["z"]].to_numpy()) for m in list(frame)[:4]]
    found = family_p(tests, permutations=4999, seed=9)
    error = np.sqrt(2 * found * (1 - found) / 5000)
    assert (np.abs(found - whole["p_max_t"]) <= 4 * error + 1e-3).all()


def test_order_of_tests_and_of_rows_changes_nothing():
    tests = [a_test(seed=s, adjusters=1) for s in range(3)]
    forth = family_p(tests, permutations=499, seed=2)
    np.testing.assert_array_equal(family_p(tests[::-1], permutations=499, seed=2)[::-1], forth)
    shuffled = []
    for t in tests:
        order = np.random.default_rng(1).permutation(t.subject.size)
        rows = {f: getattr(t, f)[order] for f in ("subject", "stratum", "time", "event", "x", "adjusters")}
        shuffled.append(FamilyTest(t.analysis, t.cohort, strata=t.strata, entry=None, **rows))
    np.testing.assert_array_equal(family_p(shuffled, permutations=499, seed=2), forth)


def test_a_marker_of_two_terms_is_tested_jointly_and_a_repeated_term_adds_nothing():
    one = a_test()
    doubled = with_marker(one, np.column_stack([one.x, -2 * one.x]), "twice")
    alone = family_p([one], permutations=999, seed=4)
    assert family_p([doubled], permutations=999, seed=4) == pytest.approx(alone, abs=2e-3)
    rng = np.random.default_rng(9)
    two = with_marker(one, np.column_stack([one.x, rng.normal(size=40)]), "two")
    p = family_p([one, two], permutations=999, seed=4)
    assert (p >= alone[0] - 1e-12)[0]


def test_missing_markers_and_other_cohorts_may_stand_in_one_family():
    whole = a_test(seed=1)
    part = np.arange(40) % 3 > 0
    some = FamilyTest(**{f: (getattr(whole, f)[part] if isinstance(getattr(whole, f), np.ndarray) else getattr(whole, f))
                         for f in FamilyTest.__dataclass_fields__})
    p = family_p([whole, some, a_test(seed=2, cohort="ER-"), a_test(seed=3, strata=False)], permutations=499)
    assert ((p > 0) & (p <= 1)).all()


def test_a_joint_test_sends_the_family_back_to_holm_and_says_so():
    rows = pd.DataFrame({"analysis": ["a", "b"], "cohort": ["ER+", "ER+"], "estimand": ["hazard ratio"] * 2,
                         "note": ["", ""], "p_value": [0.01, 0.04]})
    p, how = MaxTFamilies.of([], permutations=99, seed=0)(rows)
    assert p.tolist() == [0.02, 0.04]
    assert how.startswith("holm (a: nothing to permute")


def test_a_level_with_a_comma_is_in_the_family_and_a_row_of_one_arm_is_beside_it():
    rows = pd.DataFrame({"family": "tissue", "estimand": "hazard ratio", "cohort": "ER+",
                         "contrast": ["ductal, in situ against lobular", "per doubling, in T-DM1"], "note": ["", SUBGROUP]})
    assert [family_of(row) for _, row in rows.iterrows()] == ["tissue", "tissue: subgroups"]


def test_a_table_alone_cannot_be_adjusted_by_max_t():
    study = bm.load_example("br1801")
    table = bm.Analysis(marker="stil", permutations=0, prespecified=True).run(study).table
    with pytest.raises(UseError, match="needs the data behind the rows"):
        adjusted(table, "maxt")


PLAN = """
title = "max-T"
multiplicity = "{method}"
permutations = 499
[[analysis]]
id = "cd4"
marker = "pbmc_cd4"
family = "PBMC"
[[analysis]]
id = "cd8"
marker = "pbmc_cd8"
family = "PBMC"
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    study = bm.load_example("br1801")
    out = {}
    for method in ("maxt", "holm"):
        path = Path(tmp_path_factory.mktemp(method)) / "plan.toml"
        path.write_text(PLAN.format(method=method), encoding="utf-8")
        out[method] = bm.Plan.read(path).run(study)
    return out


def test_a_plan_asks_for_max_t_by_one_word(runs):
    ledger = runs["maxt"].ledger
    assert set(ledger.loc[ledger["family"] == "PBMC", "adjust_method"]) == {"max-T, B = 499"}
    assert ledger.loc[ledger["family"] == "PBMC: checks", "adjust_method"].str.startswith("holm").all()
    family = runs["maxt"].table.query("family == 'PBMC' and estimand == 'hazard ratio' and cohort != 'all'")
    assert (family["p_adjusted"] >= family["p_permutation"] - 0.1).all()
    assert len(ledger[ledger["family"] == "PBMC"]) == 4


def test_only_the_adjusted_p_depends_on_the_method(runs):
    a, b = (runs[m].table.drop(columns="p_adjusted") for m in ("maxt", "holm"))
    pd.testing.assert_frame_equal(a, b)
