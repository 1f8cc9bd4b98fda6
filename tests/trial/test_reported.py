"""Patient-reported outcomes: scores by rule, changes, areas, and two mixed models, against their references."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

import biomarkers as bm
from biomarkers import trial
from biomarkers.domain.errors import UseError
from biomarkers.trial.outcomes_reported import Rule, Scale

INSTRUMENTS = [("cost", "cost_items", {"COST": "cost"}), ("decision_regret", "drs_items", {"DRS": "drs"}),
               ("iirs", "iirs_items", {"IIRS": "iirs"}), ("gad7", "gad7_items", {"GAD7": "gad7"})]


def answers_of(cases, key, names):
    return pd.DataFrame([case[key] for case in cases], columns=list(names)).assign(subject=range(len(cases)))


def agree(found, scale, expected):
    values = found[found["scale"] == scale].sort_values("subject")["score"].to_numpy()
    wanted = np.array([np.nan if v in (None, "NA") else v for v in expected], dtype=float)
    np.testing.assert_allclose(values, wanted, atol=1e-10, rtol=0, equal_nan=True)


@pytest.mark.parametrize(("name", "key", "scales"), INSTRUMENTS)
def test_scores_are_those_of_the_reference(reference, name, key, scales):
    cases = reference("pro_scoring")
    rule = trial.read_rule(name)
    found = trial.score(answers_of(cases, key, rule.items), rule)
    for scale, column in scales.items():
        agree(found, scale, [case[column] for case in cases])


def test_fact_b_scales_totals_and_its_flag_are_those_of_the_reference(reference):
    cases = reference("pro_scoring")
    found = trial.score(answers_of(cases, "factb_items", trial.read_rule("fact_b").items), "fact_b")
    for scale in ("PWB", "SWB", "EWB", "FWB", "BCS", "FACTG", "FACTB", "TOI"):
        agree(found, scale, [case["factb"][scale] for case in cases])
    total = found[found["scale"] == "FACTG"].sort_values("subject")
    answered = [case["factb"]["answered_80pct_G"] for case in cases]
    assert ((total["n_answered"] > 0.8 * 27).tolist()) == answered
    wanted = [a for a, v in zip(answered, total["score"], strict=True) if not np.isnan(v)]
    assert total.loc[total["score"].notna(), "complete"].tolist() == wanted


def test_qlq_c30_scales_agree_with_proscorer(reference):
    cases = reference("pro_scoring")
    items = answers_of(cases, "pf_items", ["Q1", "Q2", "Q3", "Q4", "Q5"])
    items[["Q29", "Q30"]] = [case["ql_items"] for case in cases]
    found = trial.score(items, "qlq_c30")
    agree(found, "PF", [case["qlq_pf"] for case in cases])
    agree(found, "QL", [case["qlq_ql"] for case in cases])


def test_a_rule_of_ones_own_scores_what_the_package_may_not_ship(reference, tmp_path):
    cases = reference("pro_scoring")
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\ntitle = "Anxiety, seven items"\nversion = "1"\ndirection = "high is worse"\n'
                    'range = [0, 3]\ncitation = "own"\nlicence = "own"\nverified = true\n'
                    '[scales.A]\nitems = ["a1", "a2", "a3", "a4", "a5", "a6", "a7"]\nat_least = 6\n')
    found = trial.score(answers_of(cases, "hads_a_items", [f"a{i}" for i in range(1, 8)]), path)
    agree(found, "A", [case["hads_a"] for case in cases])


def test_totals_and_t_scores_are_taken_as_given():
    found = trial.score(pd.DataFrame({"subject": ["a", "b"], "ANXIETY_T": [56.3, None]}), "promis_anxiety")
    assert found["score"].tolist()[0] == 56.3
    assert found["grade"].tolist() == ["mild", ""]
    assert "not given" in found["note"].iloc[1]


def test_a_rule_from_memory_says_so_in_every_score():
    listed = trial.rules().set_index("name")
    assert not listed.loc[["fact_b", "cost", "decision_regret"], "verified"].any()
    found = trial.score(pd.DataFrame({f"DRS{i}": [3] for i in range(1, 6)}), "decision_regret")
    assert "not verified" in found["note"].iloc[0]
    assert found["score"].iloc[0] == 50


def test_no_rule_file_holds_a_sentence_of_a_questionnaire():
    for name in trial.rules()["name"]:
        rule = trial.read_rule(name)
        assert all(len(item) <= 6 for item in rule.items), "items are numbers, never wordings"
        assert rule.citation
        assert rule.licence


@pytest.mark.parametrize(("change", "words"), [
    ({"GAD3": 4}, "first '4' of subject a (row 1)"),
    ({"GAD3": -1}, "from 0 to 3"),
    ({"GAD3": 1.5}, "whole numbers"),
    ({"GAD3": "often"}, "'often'"),
    ({"version": "2"}, "the answers are version 2"),
])  # fmt: skip
def test_answers_that_cannot_be_are_refused(change, words):
    row = {"subject": "a", **{f"GAD{i}": 1 for i in range(1, 8)}} | change
    with pytest.raises(UseError) as refused:
        trial.score(pd.DataFrame([row]), "gad7")
    assert words in str(refused.value)


def test_two_versions_of_an_instrument_are_not_mixed():
    frame = pd.DataFrame({"subject": ["a", "b"], "version": ["1", "2"], **{f"GAD{i}": 1 for i in range(1, 8)}})
    with pytest.raises(UseError, match="versions 1, 2 are mixed"):
        trial.score(frame, "gad7")
    study = bm.load_example("stop_her2")
    pros = study.pros.copy()
    pros.loc[pros.index[0], "version"] = "2"
    from dataclasses import replace
    with pytest.raises(UseError, match="are mixed"):
        trial.trajectories(replace(study, tables=study.tables | {"pros": pros}))


def test_a_missing_item_column_is_named():
    with pytest.raises(UseError, match="first 'GAD7'"):
        trial.score(pd.DataFrame({f"GAD{i}": [1] for i in range(1, 7)}), "gad7")
    names = {f"GAD{i}": f"q{i}" for i in range(1, 8)}
    mapped = trial.score(pd.DataFrame([dict.fromkeys(names.values(), 1)]), "gad7", columns=names)
    assert mapped["score"].iloc[0] == 7


@pytest.mark.parametrize(("old", "new", "words"), [
    ("at_least = 5", "atleast = 5", "did you mean 'at_least'"),
    ('direction = "high is worse"', 'direction = "up"', "must be one of"),
    ('"GAD7"]', '"GAD7"]\nreverse = ["GAD9"]', "'GAD9' is not among its items"),
    ('licence = "free"\n', "", "needs licence"),
    ('"GAD7"]', '"GAD7"]\ntotal = true', "exactly one of"),
])  # fmt: skip
def test_a_wrong_rule_file_is_answered_with_its_line(tmp_path, old, new, words):
    from importlib import resources

    text = (resources.files("biomarkers.trial") / "rules" / "gad7.toml").read_text()
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UseError) as refused:
        trial.read_rule(path)
    assert "wrong.toml" in str(refused.value)
    assert words in str(refused.value)


def test_an_unknown_rule_names_the_nearest():
    with pytest.raises(UseError, match="did you mean 'fact_b'"):
        trial.read_rule("factb")


NEEDED = [({"more_than": 0.5}, 4), ({"at_least_share": 0.5}, 3), ({"at_least": 5}, 5), ({}, 6)]


@pytest.mark.parametrize(("given", "needed"), NEEDED)
def test_how_many_answers_a_scale_needs(given, needed):
    assert Scale(items=("a", "b", "c", "d", "e", "f"), **given).needed() == needed


def test_a_share_that_is_a_whole_number_of_items_asks_for_no_more():
    twenty, hundred = (tuple(f"q{i}" for i in range(n)) for n in (20, 100))
    assert Scale(items=twenty, at_least_share=0.55).needed() == 11
    assert Scale(items=hundred, more_than=0.29).needed() == 30


@pytest.mark.parametrize("transform", ["sum", "0-100", "100-0"])
def test_reversing_an_item_mirrors_its_answers(transform):
    base = {"name": "x", "title": "x", "version": "1", "direction": "high is better", "range": (1, 5), "citation": "x",
            "licence": "x", "verified": True}
    plain = Rule(**base, scales={"S": Scale(items=("a", "b"), transform=transform)})
    mirrored = Rule(**base, scales={"S": Scale(items=("a", "b"), reverse=("a", "b"), transform=transform)})
    frame = pd.DataFrame({"a": [1, 2, 5], "b": [1, 4, 3]})
    other = 6 - frame
    np.testing.assert_allclose(trial.score(frame, plain)["score"], trial.score(other, mirrored)["score"])


# -- over time -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def longitudinal(reference):
    case = reference("pro_longitudinal")
    frame = pd.DataFrame(case["data"]).rename(columns={"id": "subject", "y": "score"})
    frame["grp"] = pd.Categorical(frame["grp"], ["continue", "stop"])
    return frame, case


def test_areas_are_those_of_the_reference(longitudinal):
    frame, case = longitudinal
    found = trial.standardised_area(frame, time="t").set_index("subject")["area"]
    for subject, area in case["auc_standardised"].items():
        if area is None:
            assert int(subject) not in found.index or np.isnan(found[int(subject)])
        else:
            assert found[int(subject)] == pytest.approx(area, abs=1e-10)


def test_the_repeated_measures_model_is_that_of_nlme(longitudinal):
    frame, case = longitudinal
    base = frame[frame["t"] == 0][["subject", "score"]].rename(columns={"score": "base"})
    later = frame[frame["t"] > 0].merge(base, on="subject")
    later["change"] = later["score"] - later["base"]
    found = trial.mmrm(later, "change", subject="subject", visit="t", group="grp", baseline="base")
    row = found[found["visit"] == 12].iloc[0]
    expected = case["mmrm_month12_diff"]
    assert bool(row["converged"])
    assert row["estimate"] == pytest.approx(expected["est"], abs=1e-4)
    assert row["std_error"] == pytest.approx(expected["se"], abs=1e-4)
    assert found.attrs["loglik"] == pytest.approx(expected["loglik_reml"], abs=1e-4)


def test_without_missing_visits_the_contrast_is_that_of_least_squares():
    generator = np.random.default_rng(3)
    rows = [{"subject": i, "visit": t, "group": i % 2, "score": y}
            for i in range(30) for t, y in enumerate(generator.multivariate_normal([1, 2, 3], np.eye(3) + 1))]
    frame = pd.DataFrame(rows)
    found = trial.mmrm(frame, "score", subject="subject", visit="visit", group="group")
    means = frame.pivot_table(index="visit", columns="group", values="score")
    np.testing.assert_allclose(found["estimate"], means[1] - means[0], atol=1e-8)
    residual = frame["score"] - frame.groupby(["visit", "group"])["score"].transform("mean")
    wide = residual.to_numpy().reshape(30, 3)
    np.testing.assert_allclose(found.attrs["sigma"], wide.T @ wide / 28, atol=1e-4)


def test_the_gradient_of_the_restricted_likelihood_is_exact(longitudinal):
    from biomarkers.kernels import mmrm as kernel

    frame, _ = longitudinal
    visits = sorted(frame["t"].unique())
    when = np.array([visits.index(t) for t in frame["t"]])
    X = np.column_stack([np.eye(5)[when], (frame["grp"] == "stop").to_numpy(dtype=float)])
    who = frame["subject"].to_numpy()
    groups = kernel._patterns(frame["score"].to_numpy(), X, np.unique(who, return_inverse=True)[1], when)
    S = 20 * np.eye(5) + 40
    value, G, _, _ = kernel._evaluate(groups, S, *X.shape)
    for i, j in ((0, 0), (2, 1), (4, 4)):
        step = np.zeros((5, 5))
        step[i, j] = step[j, i] = 1e-4
        up, down = (kernel._evaluate(groups, S + s * step, *X.shape)[0] for s in (1, -1))
        slope = (G * (step > 0)).sum()
        assert (up - down) / 2e-4 == pytest.approx(slope, rel=1e-6)
    assert np.isfinite(value)


def test_growth_by_group_is_that_of_lme4(longitudinal):
    frame, case = longitudinal
    for slopes, key in (("random", "lmm_slope"), ("fixed", "lmm_intercept")):
        found = trial.mixed_model(frame, "score", subject="subject", time="t", group="grp", slopes=slopes)
        expected = case[key]
        np.testing.assert_allclose(found["estimate"], list(expected["fixef"].values()), atol=1e-4, rtol=0)
        assert found.attrs["loglik"] == pytest.approx(expected["loglik_reml"], abs=1e-4)
        np.testing.assert_allclose(found["std_error"], expected["se"], atol=1e-4, rtol=0)
        assert ("singular" in found["note"].iloc[0]) == (slopes == "random")


@pytest.fixture
def satterthwaite():
    table = pd.read_csv(Path(__file__).parent / "reference" / "satterthwaite.csv")
    return {name: part.reset_index(drop=True) for name, part in table.groupby("model")}


def test_degrees_of_freedom_are_those_of_lmertest(longitudinal, satterthwaite):
    frame, _ = longitudinal
    growth = trial.mixed_model(frame, "score", subject="subject", time="t", group="grp", slopes="fixed")
    base = frame[frame["t"] == 0][["subject", "score"]].rename(columns={"score": "base"})
    later = frame[frame["t"] > 0].merge(base, on="subject")
    later["change"] = later["score"] - later["base"]
    repeated = trial.mmrm(later, "change", subject="subject", visit="t", group="grp", baseline="base")
    for found, expected in ((growth, satterthwaite["intercept"]), (repeated, satterthwaite["mmrm"])):
        np.testing.assert_allclose(found["df"], expected["df"], atol=1e-3)
        np.testing.assert_allclose(found["std_error"], expected["std_error"], atol=1e-6)
        np.testing.assert_allclose(found["p_value"], expected["p_value"], rtol=1e-5)


@pytest.mark.parametrize("n", [12, 30])
def test_without_missing_visits_each_visit_has_the_patients_less_the_groups(n):
    generator = np.random.default_rng(n)
    y = generator.multivariate_normal([1, 2, 3], np.eye(3) + 1, size=n)
    frame = pd.DataFrame({"s": np.repeat(np.arange(n), 3), "v": np.tile([0, 1, 2], n), "y": y.ravel()})
    frame["g"] = frame["s"] % 2
    found = trial.mmrm(frame, "y", subject="s", visit="v", group="g")
    np.testing.assert_allclose(found["df"], n - 2, atol=1e-4)
    one, zero = (y[np.arange(n) % 2 == g, 1] for g in (1, 0))
    np.testing.assert_allclose(found["p_value"].iloc[1], ttest_ind(one, zero).pvalue, rtol=1e-5)


def test_at_a_border_the_limits_are_normal_and_say_so(longitudinal):
    frame, _ = longitudinal
    found = trial.mixed_model(frame, "score", subject="subject", time="t", group="grp")
    assert found["df"].isna().all()
    assert "normal limits" in found["note"].iloc[0]
    np.testing.assert_allclose(found["conf_high"] - found["estimate"], 1.959963984540054 * found["std_error"])


def test_change_needs_a_baseline_and_regret_has_none():
    scores = pd.DataFrame({"subject": ["a", "a", "a"], "instrument": ["qol", "qol", "regret"], "day": [-3, 91, 91],
                           "score": [50.0, 44.0, 20.0]})
    found = trial.change_from_baseline(scores, minimal_difference=5).set_index("instrument")
    assert found.loc["qol", "state"] == "worse"
    assert np.isnan(found.loc["regret", "change"])
    assert found.loc["regret", "state"] == ""
    other = trial.change_from_baseline(scores, minimal_difference=5, direction="high is worse").set_index("instrument")
    assert other.loc["qol", "state"] == "improved"


def test_trajectories_print_how_many_are_behind_each_mean():
    study = bm.load_example("stop_her2")
    found = trial.trajectories(study)
    assert list(dict.fromkeys(found["cohort"])) == ["continue", "stop"]
    assert (found["n"] <= found["expected"] + 2).all()
    first = found[(found["instrument"] == "qol") & (found["cohort"] == "stop") & (found["day"] == 0)].iloc[0]
    people = set(study.subjects.loc[study.subjects["cohort"] == "stop", "subject"])
    mine = study.pros[(study.pros["instrument"] == "qol") & study.pros["subject"].isin(people) & (study.pros["day"] <= 0)]
    assert first["mean"] == pytest.approx(mine["score"].astype(float).mean())
    assert found[found["instrument"] == "regret"]["n_change"].eq(0).all()


def test_a_visit_twice_is_refused():
    frame = pd.DataFrame({"s": [1, 1, 2, 2], "v": [0, 0, 0, 1], "g": [0, 0, 1, 1], "y": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(UseError, match="same visit twice"):
        trial.mmrm(frame, "y", subject="s", visit="v", group="g")
