"""A plan asks every kind of question, is compared with the plan it amends, and gives the same bytes whatever the workers."""

import json

import numpy as np
import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain.errors import PlanError, UseError
from biomarkers.plan.amendments import differences
from biomarkers.plan.plan import plan_schema

STUDY = 'title = "t"\npermutations = 99\npower_replicates = 0\n'


def question(**keys) -> str:
    """One question of a plan, as TOML."""
    return "[[analysis]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


KINDS = (
    question(id="added", kind="added_value", marker="ctdna_mtm", standard=["arm", "age"], resamples=5)
    + question(id="progression", kind="progression", marker="tk1_dul")
    + question(id="super", kind="supermodel", marker="ctc", landmarks=[28, 42, 56], window=84, max_age=56)
    + question(id="current", kind="time_dependent", marker="ctc", max_age=90)
)


@pytest.fixture(scope="module")
def study():
    return bm.load_example("br1801")


def read(folder, text, name="plan.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return bm.Plan.read(path)


def test_every_kind_answers_in_the_one_table(tmp_path, study):
    results = read(tmp_path, STUDY + KINDS).run(study)
    assert results.table["analysis"].unique().tolist() == ["added", "progression", "super", "current"]
    assert results.table["prespecified"].all()
    assert set(results.more) == {"added: added_value", "super: by_landmark", "current: audit"}
    tested = results.table["p_value"].notna().sum()
    assert len(results.ledger) == tested > 10
    lag = results.ledger[results.ledger["family"].str.endswith(": sensitivity")]
    assert lag["analysis"].unique().tolist() == ["current"]


def test_mrd_is_a_question_of_a_plan(tmp_path):
    text = STUDY + '[[analysis]]\nid = "mrd"\nkind = "mrd"\nmarker = "mrd"\nat = "week18"\nmax_age = 120\n'
    results = read(tmp_path, text).run(bm.load_example("stop_her2"))
    assert set(results.pictures.states["group"]) == {"not detected", "detected"}
    assert {"mrd: status", "mrd: lead_times", "mrd: rates", "mrd: competing"} == set(results.more)
    assert results.table["analysis"].unique().tolist() == ["mrd"]


@pytest.mark.parametrize(("entry", "words"), [
    ('kind = "supermodel"\nmarker = "ctc"\nwindow = 84', "needs landmarks, max_age"),
    ('kind = "added_value"\nmarker = "ctc"\nstandard = ["arm"]\nlag = 3', "'lag' is not a key of kind = 'added_value'"),
    ('marker = "ctc"\nlandmarks = [28]', "'landmarks' is a key of kind = 'supermodel'; name the kind"),
    ('kind = "progression"\nmarker = "ctc"\nfeature = "change"', "'feature' is not a key of kind = 'progression'"),
    ('kind = "progression"\nmarker = "ctc"\nsensitivity = true', "sensitivity = true is for associations"),
    ('kind = "progression"\nmarker = "ctc"\nadjust = ["arm"]', "'adjust' is not a key of kind = 'progression'"),
    ('kind = "supermodel"\nmarker = "ctc"\nlandmarks = [28]\nwindow = 84\nmax_age = 56\ninteraction = "arm"',
     "'interaction' is not a key of kind = 'supermodel'"),
    ('kind = "mrd"\nmarker = "mrd"\noverride = ["chosen_cohorts"]', "'override' is not a key of kind = 'mrd'"),
    ('kind = "mrd"\nmarker = "mrd"\nat = { day = 62, visit = "week6" }', "takes a visit by its name, or { day = ..., since"),
    ('kind = "response"\nmarker = "ctc"\nat = { day = 42, since = 21 }', "'at' is not a key of kind = 'response'"),
    ('kind = "response"\nmarker = "ctc"\nmethod = "profile"', "'method' is not a key of kind = 'response'"),
    ('kind = "screen"\nmarker = "ctc"', "name them with markers = [...]"),
    ('kind = "screen"\nmarkers = ["ctc"]\nstrata = []', "folds keep cohort and strata"),
    ('kind = "screen"', "needs markers"),
    ('markers = ["ctc"]', "'markers' is a key of kind = 'screen'; name the kind"),
    ('endpoint = "pfs"', "marker: this key is required"),
])
def test_a_key_of_another_kind_is_a_fault_with_its_line(entry, words, tmp_path):
    with pytest.raises(PlanError, match=r"plan\.toml:5: analysis 'x'") as error:
        read(tmp_path, f'{STUDY}[[analysis]]\nid = "x"\n{entry}\n')
    assert words in str(error.value)


ONE = '[[analysis]]\nid = "til"\nmarker = "stil"\n'


def test_an_amendment_is_compared_and_its_rows_say_so(tmp_path, study):
    read(tmp_path, f"{STUDY}{ONE}[[analysis]]\nid = \"ctc\"\nmarker = \"ctc\"\n", "v1.toml")
    added = 'cut = 20\n[[analysis]]\nid = "cd8"\nmarker = "cd8"\n'
    second = read(tmp_path, f'{STUDY}version = 2\namends = "v1.toml"\n{ONE}{added}')
    results = second.run(study)
    changes = results.amendments
    assert changes[["change", "analysis", "key"]].to_numpy().tolist() == [
        ["changed", "", "version"], ["removed", "ctc", ""], ["changed", "til", "cut"], ["added", "cd8", ""]]
    notes = results.table.groupby("analysis")["note"].first()
    assert "amended in version 2 (cut: none, now 20)" in notes["til"]
    assert "amended in version 2 (added)" in notes["cd8"]
    assert differences(second, second).empty


@pytest.mark.parametrize(("amends", "version", "words"), [
    ("plan.toml", 2, "the plan names itself"), ("absent.toml", 2, r"absent\.toml: no such file"),
    ("v1.toml", 1, "both are version 1")])
def test_an_amendment_that_cannot_be_compared_is_a_fault(amends, version, words, tmp_path):
    read(tmp_path, STUDY + ONE, "v1.toml")
    with pytest.raises(PlanError, match=words):
        read(tmp_path, f'{STUDY}version = {version}\namends = "{amends}"\n{ONE}')


def test_the_schema_for_editors_names_every_key():
    schema = plan_schema()
    entry = schema["$defs"]["AnalysisEntry"]["properties"]
    assert {"marker", "kind", "claim", "sensitivity", "cut", "override"} <= set(entry)
    assert {"multiplicity", "amends", "power_replicates"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False


@pytest.fixture(scope="module")
def parallel(tmp_path_factory, study):
    text = (STUDY.replace("power_replicates = 0", "power_replicates = 20") + 'multiplicity = "maxt"\n' + ONE
            + "sensitivity = true\n" + '[[analysis]]\nid = "cd8"\nmarker = "cd8"\ninteraction = "arm"\n')
    plan = read(tmp_path_factory.mktemp("jobs"), text)
    return plan.run(study, jobs=1), plan.run(study, jobs=2)


@pytest.mark.parametrize("name", ["table", "flow", "ledger", "detectable", "specimens", "sensitivity"])
def test_any_number_of_workers_gives_the_same_bytes(name, parallel):
    one, two = (getattr(r, name) for r in parallel)
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert one.to_csv() == two.to_csv()
    assert len(one)


def test_the_specification_curve_starts_with_the_plan_and_labels_the_rest(parallel):
    curve = parallel[0].sensitivity
    planned = parallel[0].table.query("analysis == 'til' and estimand == 'hazard ratio'").set_index("cohort")["estimate"]
    first = curve[curve["primary"]].set_index("cohort")["estimate"]
    pd.testing.assert_series_equal(first, planned.loc[first.index], check_names=False)
    rest = curve[~curve["primary"]]
    assert rest["note"].str.startswith(("sensitivity, not adjusted", "descriptive", "not asked")).all()
    assert {"scale", "cut", "adjustment", "leave one site out", "without a specimen"} <= set(rest["dimension"])
    ledger = parallel[0].ledger
    assert set(ledger.loc[ledger["prespecified"], "analysis"]) == {"til", "cd8"}
    assert not ledger["analysis"].isin(curve["specification"]).any()


def test_detectable_hazard_ratios_stand_beside_their_rows(parallel):
    results = parallel[0]
    key = ["analysis", "cohort", "term", "contrast"]      # a ratio within an arm has a line of its own
    d, t = results.detectable.set_index(key), results.table.set_index(key)
    same = t[t["estimand"] == "hazard ratio"]["detectable"]
    pd.testing.assert_series_equal(d.loc[same.index, "formula"], same, check_names=False, rtol=1e-6)
    interaction = d[d["estimand"] == "ratio of hazard ratios"]
    assert (interaction["formula"] > d[d["estimand"] == "hazard ratio"]["formula"].max() * 0.9).any()
    assert d["power_at_formula"].dropna().between(0.2, 1).all()      # 20 replicates


def test_what_a_notebook_asked_is_counted_beside_the_plan(parallel, study):
    results = parallel[0]
    asked = bm.associate(study, "vimentin_pct", permutations=0)
    both = results.including(asked)
    assert len(both.table) == len(results.table) + len(asked.table)
    mine = both.ledger[both.ledger["analysis"] == "vimentin_pct_baseline_pfs"]
    assert len(mine) == asked.table["p_value"].notna().sum()
    assert not mine["prespecified"].any()
    pd.testing.assert_frame_equal(both.ledger.iloc[: len(results.ledger)], results.ledger)
    with pytest.raises(UseError, match="among the results already"):
        results.including(bm.Analysis(marker="stil", prespecified=True, permutations=0).run(study))


def test_chosen_cohorts_are_compared_in_words_that_say_so():
    table = bm.associate(bm.load_example("stop_her2"), "mrd", permutations=0).table
    row = table[table["term"] == "marker:cohort"].iloc[0]
    assert "patients chose their cohort" in row["note"]


@pytest.mark.parametrize(("entry", "given", "term"), [
    ('by = false\ninteraction = "cohort"', {"by": None, "interaction": "cohort"}, "marker:cohort"),
    ('by = false\nadjust = ["cohort"]', {"by": None, "adjust": ("cohort",)}, "mrd[detected]"),
])
def test_chosen_cohorts_are_compared_under_a_written_override_that_every_row_carries(entry, given, term, tmp_path):
    stop = bm.load_example("stop_her2")
    text = f'{STUDY}[[analysis]]\nid = "x"\nmarker = "mrd"\n{entry}\noverride = ["chosen_cohorts"]\n'
    planned = read(tmp_path, text).run(stop).table
    asked = bm.Analysis(marker="mrd", permutations=0, override=("chosen_cohorts",), **given).run(stop).table
    for table in (planned[planned["analysis"] == "x"], asked):
        assert term in set(table["term"])
        assert table["note"].str.contains("flag: override chosen_cohorts").all()
        assert table["note"].str.contains("not an effect of the choice").all()


def test_an_override_of_the_gate_for_groups_is_said_in_the_difference_too():
    stop = bm.load_example("stop_her2")
    table = bm.Analysis(marker="mrd", permutations=0, override=("events_per_group",)).run(stop).table
    row = table[table["term"] == "marker:cohort"].iloc[0]
    assert np.isfinite(row["p_value"])
    assert "override events_per_group" in row["note"]


def test_a_screen_of_a_plan_is_exploratory_and_its_one_p_is_counted(tmp_path, study):
    pytest.importorskip("sksurv", reason="screening needs scikit-survival, absent by default on Python 3.13 and later")
    text = (f'{STUDY}[[analysis]]\nid = "s"\nkind = "screen"\nmarkers = ["ctc", "tk1_dul", "stil"]\n'
            'models = ["standard", "elastic net"]\nstandard = ["arm"]\nrepeats = 1\npermutations = 4\n')
    plan = read(tmp_path, text)
    results = plan.run(study)
    rows = results.table
    assert rows["estimand"].str.split(" at ").str[0].unique().tolist() == ["concordance", "Uno's concordance", "AUC"]
    assert rows["term"].unique().tolist() == ["standard", "elastic net"]
    assert not rows["prespecified"].any()
    assert rows["note"].str.startswith("exploratory: a screen predicts").all()
    assert len(results.ledger) == rows["p_value"].notna().sum() == 1
    assert results.ledger["p_adjusted"].isna().all()
    assert set(results.more) == {"s: screen", "s: chosen"}
    assert set(results.assays["marker"]) == {"ctc", "tk1_dul", "stil"}
    pd.testing.assert_frame_equal(plan.run(study, jobs=2).table, rows)


def test_pictures_of_a_run_are_those_of_its_models(tmp_path, study):
    text = (
        STUDY
        + question(id="tk1", marker="tk1_dul")
        + question(id="gene", marker="fcgr3a_158")
        + question(id="added", kind="added_value", marker="ctdna_mtm", standard=["arm", "liver_mets"], resamples=2)
        + question(id="now", kind="time_dependent", marker="ctc", max_age=84, cut=1)
        + question(id="too few above", kind="time_dependent", marker="ctc", max_age=84)
    )
    pictures = read(tmp_path, text).run(study).pictures
    asked = bm.associate(study, "tk1_dul", permutations=0)
    curve = pictures.splines[pictures.splines["part"] == "curve"]
    assert set(curve["analysis"]) == {"tk1"}, "a genotype has no spline"
    for cohort, part in curve.groupby("cohort"):
        row = asked.table[(asked.table["cohort"] == cohort) & (asked.table["estimand"] == "linearity test")].iloc[0]
        assert part["p_linearity"].iloc[0] == pytest.approx(row["p_value"], rel=1e-6)
    events = pictures.splines[pictures.splines["part"] == "event"]
    np.testing.assert_allclose(np.log2(events["value"].astype(float)), events["x"].astype(float), rtol=1e-9)
    assert set(pictures.residuals["analysis"]) == {"tk1", "gene"}
    assert set(pictures.calibration["model"]) == {"standard variables", "with ctDNA"}
    assert set(pictures.states["group"]) == {"< 1 cells/7.5 mL", "≥ 1 cells/7.5 mL"}
    assert set(pictures.states["analysis"]) == {"now"}, "two patients at or above 5 make no curve"
    assert (pictures.states["time"] >= 49).all(), "from the end of the first visit on treatment"


def test_a_dask_cluster_gives_the_same_numbers(tmp_path, study):
    import distributed

    text = STUDY + "".join(f'[[analysis]]\nid = "{m}"\nmarker = "{m}"\n' for m in ("ctc", "stil", "fcgr3a_158"))
    plan = read(tmp_path, text)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        there = plan.run(study, dask=cluster.scheduler_address)
    pd.testing.assert_frame_equal(there.table, plan.run(study).table, check_exact=True)


def test_no_dask_scheduler_is_an_error_of_use(tmp_path, study):
    plan = read(tmp_path, STUDY + '[[analysis]]\nid = "a"\nmarker = "ctc"\n')
    with pytest.raises(UseError, match="no Dask scheduler answers"):
        plan.run(study, dask="tcp://127.0.0.1:9")
