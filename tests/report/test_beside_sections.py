"""Prediction, calibration, change from baseline, reads behind the calls, curves by current state: each where it has rows."""

from dataclasses import replace

import pandas as pd
import pytest

import biomarkers as bm
from biomarkers import tables
from biomarkers.figures.tokens import cohort_mark
from biomarkers.models.calibration import CALIBRATION
from biomarkers.models.over_time import trajectories
from biomarkers.models.results_table import result_row, result_table
from biomarkers.models.simon_makuch import state_curves
from biomarkers.plan.analysis import Analysis
from biomarkers.plan.patients import BALANCE, Patients, patients_over_time
from biomarkers.plan.pictures import Pictures
from biomarkers.report import accounts, associations, over_time, prediction, variables
from biomarkers.report.blocks import Numbering
from biomarkers.report.blocks import Pictures as Abreast
from biomarkers.report.drawings import Gallery
from biomarkers.report.residual_disease import WHOSE
from biomarkers.report.view import View, slugs


def view_of(result, cohort=None):
    lines = tuple(tables.lines(result.table, result.design))
    every = View(result, None, lines, {})
    return View(result, cohort, lines, slugs(every.cohorts))


def shown(section):
    """Every figure of a section, with those that stand beside each other."""
    found = []
    for block in section.blocks if section else ():
        found += block.items if isinstance(block, Abreast) else [block] if block.kind == "picture" else []
    return found


def answered(two, rows):
    return result_table([*two.table.to_dict("records"), *rows])


# -- answers that are no hazard ratio -------------------------------------------------------------------------------------


def test_an_odds_ratio_of_response_is_an_answer_and_no_check_of_a_model(two):
    given = {"cohort": "ER+", "analysis": "r", "family": "response", "endpoint": "response", "marker": "stil", "term": "stil",
             "timing": "baseline", "prespecified": True, "conf_level": 0.95, "n": 58, "n_events": 19}  # fmt: skip
    rows = [
        result_row(contrast="per 10 points", model="logistic", method="profile", estimand="odds ratio", estimate=1.02,
                   conf_low=0.70, conf_high=1.44, p_value=0.93, p_adjusted=0.95, **given),
        result_row(contrast="progression minus baseline", model="paired", method="sign flips",
                   estimand="mean change to progression", estimate=-0.42, conf_low=-0.72, conf_high=-0.13, p_value=0.01,
                   p_adjusted=0.06, **{**given, "endpoint": "pfs"}),
    ]  # fmt: skip
    view = view_of(replace(two, table=answered(two, rows)), "ER+")
    blocks = associations.answers_section(view, Numbering()).blocks
    assert [block.kind for block in blocks] == ["table", "words", "table", "words"]
    odds, change = (block.grid for block in blocks if block.kind == "table")
    assert "more responders" in odds.caption
    assert [c.text for c in odds.rows[0].cells] == ["58", "19", "1.02\u00a0(0.70–1.44)", "0.93", "0.95", "■\u00a0Prespecified"]
    assert change.rows[0].cells[2].text == "−0.42\u00a0(−0.72 to −0.13)"
    checks = associations.assumptions_section(view, Numbering(), Gallery(), "x")
    heads = [head for block in checks.blocks if block.kind == "table" for head in block.grid.head]
    assert heads
    assert not any("dds ratio" in head or "change" in head for head in heads)
    assert associations.answers_section(view_of(two, "ER+"), Numbering()) is None


def test_the_ledger_tells_a_test_beside_the_plan_in_the_reader_s_words(two):
    added = two.ledger.iloc[[0]].assign(analysis="stil with standard variables", cohort="ER+", term="stil", prespecified=False,
                                        adjust_method="none")  # fmt: skip
    result = replace(two, ledger=pd.concat([two.ledger, added], ignore_index=True))
    grid = accounts.ledger_section(view_of(result, "ER+"), Numbering()).blocks[0].grid
    label = two.design.markers["stil"].label
    assert label != "stil"
    assert f"{label} with standard variables" in [row.head for row in grid.rows]


# -- prediction -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def screened(two):
    given = {"cohort": "all", "analysis": "s", "family": "screen", "endpoint": "pfs", "marker": "2 markers",
             "timing": "baseline", "prespecified": False, "conf_level": 0.95, "n": 114, "n_events": 70,
             "estimand": "concordance", "note": "exploratory: a screen predicts; nested cross-validation"}  # fmt: skip
    rows = [
        result_row(term="standard", contrast="standard variables alone", model="standard", method="nested cross-validation",
                   estimate=0.58, conf_low=0.51, conf_high=0.65, **given),
        result_row(term="elastic net", contrast="2 markers beside the standard variables", model="elastic net",
                   method="nested cross-validation", estimate=0.62, conf_low=0.55, conf_high=0.69, p_permutation=0.04,
                   p_value=0.04, **given),
    ]  # fmt: skip
    chosen = pd.DataFrame({"marker": ["stil", "ctc"], "share": [0.0, 0.72]})
    more = {"s: screen": pd.DataFrame({"model": ["standard"]}), "s: chosen": chosen}
    return replace(two, table=answered(two, rows), more=more)


def test_a_screen_is_stamped_exploratory_and_shows_the_standard_model_beside_it(screened):
    section = prediction.prediction_section(view_of(screened), Numbering())
    first, chosen = (b.grid for b in section.blocks if b.kind == "table")
    assert first.caption.startswith("□\xa0Exploratory")
    said = [[c.text for c in row.cells] for row in first.rows if row.cells]
    assert [row[3] for row in said] == ["0.58\xa0(0.51–0.65)", "0.62\xa0(0.55–0.69)"]
    assert [row[4] for row in said] == ["–", "0.04"]
    assert [(row.head, row.cells[0].text) for row in chosen.rows] == [("CTC", "72%")]


def test_a_screen_is_no_check_of_a_model_and_stands_where_all_patients_are(screened, two):
    view = view_of(screened)
    assert not any(x.analysis == "s" for x in view.others)
    assert prediction.prediction_section(view_of(screened, view.cohorts[0]), Numbering()) is None
    assert prediction.prediction_section(view_of(two), Numbering()) is None


# -- calibration ----------------------------------------------------------------------------------------------------------


def test_calibration_stands_with_the_standard_variables_of_its_cohort(two):
    cohorts = view_of(two).cohorts
    rows = [
        ("added", cohorts[0], "ctc", model, k, 180.0, 15, 7, x, x - 0.05, x + 0.05, x, 0.1, 0.9, 0.95, "5-fold")
        for model in ("standard variables", "with CTC")
        for k, x in enumerate((0.2, 0.4, 0.6, 0.8), start=1)
    ]
    table = pd.DataFrame(rows, columns=list(CALIBRATION))
    result = replace(two, pictures=Pictures(calibration=table))
    gallery = Gallery()
    made = {c: variables.multivariable_section(view_of(result, c), Numbering(), gallery, "x") for c in (None, *cohorts)}
    assert [len(shown(made[c])) for c in (None, *cohorts)] == [0, 1, 0]
    assert list(gallery.files) == ["x-calibration-added.svg"]
    assert "cannot prove one right" in shown(made[cohorts[0]])[0].caption


# -- over time ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study():
    return bm.load_example("br1801")


def test_changes_are_drawn_for_markers_whose_change_is_analysed(two, study):
    cohort = study.design.cohorts[0]
    tables_of = {m: trajectories(study, m) for m in ("ctc", "tk1_dul")}
    row = result_row(analysis="c", cohort=cohort, endpoint="pfs", marker="ctc", term="ctc[change]", estimand="hazard ratio",
                     family="blood", prespecified=True, timing="landmark day 49", contrast="per doubling")  # fmt: skip
    result = replace(two, design=study.design, table=answered(two, [row]), over_time=Patients(trajectories=tables_of))
    gallery = Gallery()
    section = over_time.over_time_section(view_of(result, cohort), Numbering(), gallery, "x")
    assert sorted(gallery.files) == ["x-spider-ctc.svg", "x-trajectories-ctc.svg", "x-trajectories-tk1-dul.svg"]
    assert shown(section)[-1].caption.startswith("CTC, change from each patient’s own baseline: ")


def test_a_cohort_without_arms_keeps_its_own_colour_and_name(two, study):
    rows = [("a", 100, "followed", False), ("a", 0, "detected", False)]
    lane = pd.DataFrame(rows, columns=["subject", "day", "mark", "late"])
    cohorts = study.design.cohorts
    over = Patients(
        trajectories={"ctc": trajectories(study, "ctc").assign(arm="")},
        lanes={"mrd": pd.concat([lane.assign(cohort=c, arm="") for c in cohorts])},
    )
    result = replace(two, design=study.design, patients=two.patients.assign(arm=""), over_time=over)
    hues = [cohort_mark(place).colour.lower().encode() for place in range(len(cohorts))]
    for place, cohort in enumerate(cohorts):
        gallery = Gallery()
        over_time.over_time_section(view_of(result, cohort), Numbering(), gallery, "x")
        for name in ("x-trajectories-ctc.svg", "x-swimmer-mrd.svg"):
            drawn = gallery.files[name]
            assert [hue in drawn for hue in hues] == [other == place for other in range(len(cohorts))], (name, cohort)


def test_a_page_keeps_three_trajectories_and_says_how_many_are_files(two, study):
    table = trajectories(study, "ctc")
    over = Patients(trajectories=dict.fromkeys(["ctc", "a", "b", "c", "d"], table))
    result = replace(two, design=study.design, over_time=over)
    gallery = Gallery()
    section = over_time.over_time_section(view_of(result, study.design.cohorts[0]), Numbering(), gallery, "x")
    assert len(shown(section)) == over_time.MOST_WIDE == 3
    assert len(gallery.files) == 5
    assert section.blocks[-1].pieces[0].text.startswith("2 further figures")


def test_curves_by_current_state_of_a_number_say_what_they_are(two):
    cohort = view_of(two).cohorts[0]
    frame = pd.DataFrame({"start": [0, 0, 0, 20, 0], "stop": [30, 40, 20, 50, 60], "last": [30, 40, 50, 50, 60],
                          "d": [1, 1, 0, 1, 0], "on": ["no", "no", "no", "yes", "yes"]})  # fmt: skip
    steps = state_curves(frame, "stop", "d", "on", entry="start", until="last", cohort=cohort)
    asked = two.table["analysis"].iloc[0]
    result = replace(two, pictures=Pictures(states=steps.assign(analysis=asked)))
    section = over_time.over_time_section(view_of(result, cohort), Numbering(), Gallery(), "x")
    assert [p.caption.endswith(WHOSE) for p in shown(section)][-1]


# -- reads ----------------------------------------------------------------------------------------------------------------


def test_the_reads_behind_the_calls_carry_no_name(study):
    found = patients_over_time(study, [Analysis(marker="fcgr3a_158", permutations=0)]).balance["fcgr3a_158"]
    assert tuple(found) == BALANCE
    ratio = study.genotypes["ad_alt"].astype(float) / (study.genotypes["ad_alt"] + study.genotypes["ad_ref"]).astype(float)
    assert sorted(found["v_fraction"].dropna()) == pytest.approx(sorted(ratio.dropna()))


def test_allele_balance_is_drawn_where_the_calls_tell_their_reads(two, study):
    cohort = view_of(two).cohorts[0]
    reads = pd.DataFrame({"locus": "FCGR3A-158", "cohort": cohort, "arm": "", "dp": [30, 40, 50], "v_fraction": [0.0, 0.5, 1.0],
                          "call": ["F/F", "V/F", ""], "reason": ["OK", "OK", "LOW_GQ"]})  # fmt: skip
    for table, n in ((reads, 1), (reads.assign(v_fraction=float("nan")), 0)):
        result = replace(two, over_time=Patients(balance={"fcgr3a_158": table}))
        section = over_time.genotype_section(view_of(result, cohort), Numbering(), Gallery(), "x")
        pictures = [p for p in shown(section) if "the reads behind the calls" in p.caption]
        assert len(pictures) == n
        assert all("3 samples, 1 of them without a call" in p.caption for p in pictures)
