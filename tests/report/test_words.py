"""Results as plain sentences: on the card, under their tables and in results.md."""

import html
import math
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.design import Design
from biomarkers.domain.markers import MARKERS
from biomarkers.domain.numbers import NBSP
from biomarkers.domain.states import SUBGROUP
from biomarkers.domain.times import Endpoint
from biomarkers.report import report_files
from biomarkers.report.methods import fitted_models
from biomarkers.report.words import markdown, sentence

DESIGN = Design(
    name="t",
    cohorts=("ER+", "ER-"),
    endpoints={"pfs": Endpoint("pfs", "Progression-free survival"), "response": Endpoint("response", "Response")},
    markers=MARKERS,
)
ROW = {
    "analysis": "a", "prespecified": True, "family": "blood", "endpoint": "pfs", "cohort": "ER+", "marker": "tk1_dul",
    "term": "tk1_dul", "contrast": "per doubling", "timing": "baseline", "method": "likelihood ratio",
    "estimand": "hazard ratio", "estimate": 1.31, "conf_low": 1.11, "conf_high": 1.55, "conf_level": 0.95, "p_value": 0.0012,
    "p_adjusted": 0.0036, "n": 62, "n_events": 47, "detectable": 1.5, "finite": True, "note": "",
}  # fmt: skip
NULL = {"estimate": 0.97, "conf_low": 0.66, "conf_high": 1.42, "p_value": 0.87, "p_adjusted": 0.87}
LATER = "current value; value acts from 1 day after its draw"


def said(**change) -> str:
    return tables.plain(sentence(tables.line(ROW | change, DESIGN), DESIGN, adjust="Holm")).replace(NBSP, " ")


def test_a_finding_says_direction_ratio_contrast_n_events_p_and_adjusted_p():
    assert said() == (
        "Higher Serum TK1 activity at baseline goes with shorter PFS: HR 1.31 (1.11–1.55) per doubling, 62 patients, "
        "47 events, P = 0.001, Holm 0.004."
    )


def test_a_finding_that_does_not_hold_after_adjustment_says_so():
    assert "P = 0.03 does not hold after Holm (0.11)" in said(p_value=0.03, p_adjusted=0.11)


def test_a_null_finding_says_what_the_data_are_compatible_with():
    assert "compatible with hazard ratios from 0.66 to 1.42" in said(**NULL)
    assert "no effect" not in said(**NULL)


@pytest.mark.parametrize("estimand", ["hazard ratio", "odds ratio", "ratio of hazard ratios", "mean change to progression"])
def test_what_was_asked_after_the_plan_says_so_and_claims_nothing(estimand):
    words = said(prespecified=False, p_value=0.001, p_adjusted=math.nan, estimand=estimand, contrast="per doubling")
    assert "asked after the plan" in words
    assert "goes with" not in words
    assert "differs" not in words
    assert "rose" not in words
    assert words.endswith("unadjusted.")


def test_a_class_contrast_stands_beside_the_marker():
    assert said(marker="ctc", contrast="≥ 5 against < 5").startswith("CTC ≥ 5 against < 5 at baseline goes with shorter PFS")


def test_a_late_time_stands_between_commas():
    assert said(timing=LATER).startswith(f"Higher Serum TK1 activity, {LATER}, goes with shorter PFS")


def test_an_estimate_without_a_test_is_neither_a_finding_nor_a_null():
    words = said(p_value=math.nan, p_adjusted=math.nan, contrast="beside it: liver mets 1")
    assert words.endswith("HR 1.31 (1.11–1.55) for PFS, 62 patients, 47 events, no test.")
    assert "association" not in words


def test_the_row_of_one_arm_names_the_arm_beside_the_marker():
    words = said(contrast="per doubling, in T-DM1", note=SUBGROUP)
    assert words.startswith("Higher Serum TK1 activity in T-DM1 at baseline goes with")
    assert "per doubling, 62 patients" in words


def test_a_level_with_a_comma_is_no_arm():
    words = said(contrast="ductal, in situ against lobular")
    assert words.startswith("Serum TK1 activity ductal, in situ against lobular at baseline goes with shorter PFS")


def test_odds_speak_of_the_outcome_and_of_those_who_have_it():
    odds = {"estimand": "odds ratio", "endpoint": "response", "n_events": 20}
    assert said(**odds) == (
        "Higher Serum TK1 activity at baseline goes with higher odds of response: OR 1.31 (1.11–1.55) per doubling, "
        "62 patients, 20 with response, P = 0.001, Holm 0.004."
    )
    assert "compatible with odds ratios from 0.66 to 1.42" in said(**odds, **NULL)
    assert "lower odds of" in said(**odds, estimate=0.5, conf_low=0.3, conf_high=0.8)


def test_a_difference_of_arms_is_said_of_the_ratio_of_ratios():
    both = {"estimand": "ratio of hazard ratios", "contrast": "per doubling, B against A", "term": "marker:arm"}
    assert said(**both) == (
        "Serum TK1 activity at baseline, per doubling, B against A: its hazard ratio differs; ratio of hazard ratios "
        "1.31 (1.11–1.55), 62 patients, 47 events, P = 0.001, Holm 0.004."
    )
    assert "no difference of its hazard ratio shown" in said(**both, **NULL)
    assert "does not hold after Holm (0.11)" in said(**both, p_value=0.03, p_adjusted=0.11)


def test_several_cohorts_are_compared_by_a_test_alone():
    test = {"estimand": "ratio of hazard ratios", "term": "marker:cohort", "contrast": "", "estimate": math.nan,
            "conf_low": math.nan, "conf_high": math.nan}  # fmt: skip
    assert "differs between cohorts; 62 patients, 47 events, P = 0.001, Holm 0.004." in said(**test)
    assert "no difference of its association with PFS between cohorts shown" in said(**test, p_value=0.4, p_adjusted=0.8)


def test_a_change_at_progression_rises_falls_or_is_not_shown():
    change = {"estimand": "mean change to progression", "contrast": "progression minus baseline, doublings",
              "timing": "at progression", "estimate": 0.54, "conf_low": 0.21, "conf_high": 0.86}  # fmt: skip
    assert "rose by a mean of 0.54 (0.21–0.86) doublings; 62 patients, P = 0.001" in said(**change)
    falls = change | {"estimate": -0.54, "conf_low": -0.86, "conf_high": -0.21}
    assert "fell by a mean of −0.54 (−0.86 to −0.21) doublings" in said(**falls)
    wide = change | {"conf_low": -0.1, "p_value": 0.3, "p_adjusted": 0.6}
    assert "no change shown. The data are compatible with mean changes from −0.1 to 0.86 doublings" in said(**wide)


def test_what_a_marker_adds_is_a_test_without_an_estimate():
    test = {"estimand": "added value test", "contrast": "added to arm, liver mets", "estimate": math.nan,
            "conf_low": math.nan, "conf_high": math.nan}  # fmt: skip
    assert said(**test) == (
        "Serum TK1 activity at baseline: adds to arm, liver mets for PFS; 62 patients, 47 events, P = 0.001, Holm 0.004."
    )
    assert "no gain shown when it is added to arm, liver mets" in said(**test, p_value=0.4, p_adjusted=0.4)
    assert "does not hold after Holm (0.11)" in said(**test, p_value=0.03, p_adjusted=0.11)
    assert "asked after the plan" in said(**test, prespecified=False, p_adjusted=math.nan)


def test_a_row_without_a_model_says_why_and_counts():
    words = said(estimate=math.nan, p_value=math.nan, note="descriptive only: 3 events in detected", n=12, n_events=3)
    assert words == "Serum TK1 activity at baseline: descriptive only: 3 events in detected; 12 patients, 3 events."


def test_text_becomes_no_markup_and_a_p_value_stays_readable():
    assert markdown("P < 0.001, <script>, a & b, &lt;, *x* [y](z)") == (
        "P < 0.001, &lt;script&gt;, a & b, &amp;lt;, \\*x\\* \\[y\\](z)"
    )


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("Cox, Efron ties; strata cohort, liver_mets; adjusted for arm, baseline, ctdna_mtm",
         "Cox models with Efron ties (stratified by liver mets and adjusted for arm, the baseline value and ctDNA)"),
        ("Cox, Efron ties; strata cohort", "Cox models with Efron ties"),
        ("time-dependent Cox, Efron ties", "Cox models in which the marker's current value depends on time"),
        ("supermodel ipl, constant effect", "landmark supermodels with errors robust to a patient's several rows"),
        ("logistic; adjusted for liver_mets", "logistic models (adjusted for liver mets)"),
        ("a model of one's own", "a model of one's own"),
    ],
)  # fmt: skip
def test_models_are_named_as_a_paper_names_them(model, named):
    lines = [tables.line(ROW | {"model": model}, DESIGN)] * 2
    assert fitted_models(SimpleNamespace(design=DESIGN), lines) == [named]


# -- pages and results.md -------------------------------------------------------------------------------------------------


def folded(page: bytes) -> dict[int, str]:
    """Line of results.csv and sentence of every result in words on a page."""
    items = re.findall(r'<li data-w="(\d+)">(.*?)</li>', page.decode(), re.DOTALL)
    return {int(key): html.unescape(re.sub("<[^>]+>", "", said)).replace(NBSP, " ") for key, said in items}


@pytest.fixture(scope="module")
def files(two):
    return report_files(replace(two, curves=two.curves.iloc[:0], values=two.values.iloc[:0]))


def test_every_result_of_a_cohort_stands_on_its_page_in_words_with_its_numbers(two, files):
    rows = tables.records(two.table)
    for name, cohort in (("er-plus", "ER+"), ("er-minus", "ER-")):
        words = folded(files[f"cohorts/{name}/report.html"])
        wanted = {i for i, r in enumerate(rows, 1) if r["cohort"] == cohort and r["estimand"] == "hazard ratio"}
        assert wanted
        assert wanted <= set(words)
        for key in wanted:
            row, text = rows[key - 1], words[key]
            assert numbers.plural(row["n"], "patient").replace(NBSP, " ") in text
            assert numbers.plural(row["n_events"], "event").replace(NBSP, " ") in text
            line = tables.line(row, two.design)
            if line.modelled:
                low_high = line.ratio.partition("(")[2].rstrip(")")
                assert low_high in text or low_high.replace("–", " to ") in text
                assert numbers.p_equals(line.p_value).replace(NBSP, " ") in text
                assert ("Prespecified" if row["prespecified"] else "asked after the plan") in text


def test_the_file_in_words_holds_every_result_once(two, files):
    text = files["results.md"].decode()
    told = [r for r in tables.records(two.table) if r["estimand"] in ("", "hazard ratio", "ratio of hazard ratios")]
    assert text.count("\n- ") == len(told)
    assert text.index("## All cohorts") < text.index("## ER+") < text.index("## ER−")


def test_hostile_names_are_no_markup_in_the_file_in_words(hostile):
    text = report_files(replace(hostile, curves=hostile.curves.iloc[:0], values=hostile.values.iloc[:0]))["results.md"].decode()
    assert "<script" not in text
    assert not re.search(r"(?<!\\)\[[^\]]*\]\(", text)
    assert not any(c in text for c in "\u202e\u2066\u0000")
