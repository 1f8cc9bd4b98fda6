"""Numbers as they are written: the rounding of every page, figure and notebook."""

import itertools
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.design import Design
from biomarkers.domain.errors import UseError
from biomarkers.domain.markers import MARKERS
from biomarkers.domain.numbers import MINUS, NBSP, THIN
from biomarkers.domain.times import Endpoint

DESIGN = Design(
    name="t", cohorts=("ER+", "ER-"), endpoints={"pfs": Endpoint("pfs", "Progression-free survival")}, markers=MARKERS
)
ROW = {
    "analysis": "a",
    "prespecified": True,
    "family": "blood",
    "endpoint": "pfs",
    "cohort": "ER+",
    "marker": "tk1_dul",
    "term": "tk1_dul",
    "contrast": "per doubling",
    "timing": "baseline",
    "method": "likelihood ratio",
    "estimand": "hazard ratio",
    "estimate": 1.31,
    "conf_low": 1.11,
    "conf_high": 1.55,
    "conf_level": 0.95,
    "p_value": 0.0012,
    "p_adjusted": 0.0036,
    "n": 62,
    "n_events": 47,
    "detectable": 1.5,
    "finite": True,
    "note": "",
}
ratios = st.floats(0.002, 90, allow_nan=False)


def as_number(text: str) -> float:
    return float(text.strip("<>").replace(MINUS, "-").replace(THIN, ""))


def limits(text: str) -> tuple[str, str, str]:
    estimate, _, rest = text.partition(NBSP)
    low, high = rest.strip("()").split("–")
    return estimate, low, high


@given(st.tuples(ratios, ratios, ratios))
def test_a_limit_never_rounds_onto_or_across_one(three):
    low, estimate, high = sorted(three)
    _, shown_low, shown_high = limits(numbers.interval(estimate, low, high))
    for exact, shown in ((low, shown_low), (high, shown_high)):
        if abs(exact - 1) > 1e-4 and shown[0] not in "<>":
            assert (as_number(shown) > 1) == (exact > 1)
            assert as_number(shown) != 1


@given(st.tuples(ratios, ratios, ratios))
def test_rounding_keeps_the_order_of_an_interval(three):
    low, estimate, high = sorted(three)
    shown = [as_number(x) for x in limits(numbers.interval(estimate, low, high))]
    assert shown[1] <= shown[0] <= shown[2]


@given(ratios)
def test_a_ratio_is_written_within_half_a_percent_or_half_a_hundredth(x):
    assert abs(as_number(numbers.ratio(x)) - x) <= max(0.005 * x, 0.005) * 1.0001


@given(st.floats(0, 1, allow_nan=False))
def test_a_p_value_is_never_written_on_the_other_side_of_its_level(p):
    shown = numbers.p(p)
    if shown[0] not in "<>":
        for alpha in (0.05, 0.001):
            assert (as_number(shown) < alpha) == (p < alpha)
    assert shown not in ("0.00", "0.000", "0")


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_percentage_is_zero_or_hundred_only_when_it_is(part, whole):
    part = min(part, whole)
    shown = numbers.percent(part, whole)
    assert (shown == "0%") == (part == 0)
    assert (shown == "100%") == (part == whole)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0004, "<0.001"),
        (0.00099, "<0.001"),
        (0.0042, "0.004"),
        (0.00995, "0.01"),
        (0.0499, "0.0499"),
        (0.048, "0.048"),
        (0.05, "0.05"),
        (0.25, "0.25"),
        (0.9951, ">0.99"),
        (1.0, "1.00"),
        (math.nan, "–"),
        (None, "–"),
        (1.2, "–"),
    ],
)
def test_p_values_have_two_digits_from_001_and_three_below(value, shown):
    assert numbers.p(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.744, "0.74"),
        (13.18, "13.2"),
        (131.8, "132"),
        (9.999, "10.0"),
        (0.004, "0.004"),
        (1e-12, "<0.001"),
        (1e9, ">9999"),
        (math.inf, "NE"),
        (math.nan, "NE"),
        (-1.0, "NE"),
    ],
)
def test_ratios_never_read_inf_1e9_or_zero(value, shown):
    assert numbers.ratio(value) == shown


def test_an_interval_is_one_unbreakable_cell():
    text = numbers.interval(1.309, 1.112, 1.549)
    assert text == f"1.31{NBSP}(1.11–1.55)"
    assert " " not in text


def test_medians_not_reached_and_limits_not_estimable_are_told_apart():
    assert numbers.median(math.nan, 168, math.nan) == f"NR{NBSP}(24–NE)"
    assert numbers.median(84, 42, math.nan) == f"12{NBSP}(6–NE)"


def test_a_month_is_30_4375_days_and_a_week_is_7():
    assert numbers.days(365.25, "months") == "12"
    assert numbers.days(84, "weeks") == "12"


def test_thousands_are_grouped_from_five_digits_and_minus_is_a_minus():
    assert numbers.count(9811) == "9811"
    assert numbers.count(38873) == f"38{THIN}873"
    assert numbers.count(-12000) == f"{MINUS}12{THIN}000"
    assert numbers.value(-0.5) == f"{MINUS}0.5"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("ER-", f"ER{MINUS}"),
        ("T-DM1", "T-DM1"),
        ("a\x00b", "a\\x00b"),
        ("\u202eabc", "\\u202eabc"),
        ("a\nb\tc", "a b c"),
        ("\ud800", "\\ud800"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_a_hostile_label_becomes_plain_visible_text(raw, shown):
    assert numbers.label(raw) == shown
    numbers.label(raw).encode("utf-8")


# -- rows -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, "prespecified"),
        ({"prespecified": False}, "exploratory"),
        ({"method": "refused"}, "refused"),
        ({"finite": False, "estimate": math.nan}, "not_estimable"),
        ({"note": "descriptive only: 3 events", "finite": True}, "descriptive"),
        ({"method": "refused", "note": "descriptive only: x"}, "refused"),
    ],
)
def test_each_row_has_exactly_one_state(change, state):
    assert tables.line(ROW | change, DESIGN).state == state


def test_a_descriptive_row_has_no_ratio_and_no_p():
    line = tables.line(ROW | {"note": "descriptive only: 3 events in detected; 2 values below"}, DESIGN)
    assert (line.ratio, line.p, line.p_adjusted) == ("", "–", "–")
    assert line.message == "3 events in detected"


def test_a_row_without_an_estimate_names_its_finite_limit():
    row = ROW | {
        "finite": False,
        "estimate": math.nan,
        "conf_low": 1.85,
        "conf_high": math.inf,
        "note": "flag: not estimable, 0 events in 2 not detected; one-sided limit",
    }
    line = tables.line(row, DESIGN)
    assert line.ratio == ""
    assert "lower 95% limit 1.85" in line.message
    assert "0 events in 2 not detected" in line.message
    assert "inf" not in line.message.replace("information", "")


def test_pandas_missing_values_are_missing():
    line = tables.line(ROW | {"n": pd.NA, "note": math.nan, "p_adjusted": None, "family": None}, DESIGN)
    assert (line.n, line.flags, line.p_adjusted) == ("–", (), "–")


def test_flags_and_remarks_are_told_apart():
    line = tables.line(ROW | {"note": "2 values below the limit; flag: hazards are not proportional; strata merged"}, DESIGN)
    assert line.flags == ("hazards are not proportional",)
    assert line.notes == ("2 values below the limit", "strata merged")


def test_a_refusal_is_read_from_its_note():
    note = 'Asked by: plan.toml, analysis x. Why not: two patients. Instead: feature = "value"'
    box = tables.refusal(ROW | {"note": note}, DESIGN)
    assert (box.asked, box.why, box.instead) == ("plan.toml, analysis x", "two patients", 'feature = "value"')


def test_a_refusal_in_the_words_of_the_exception_is_read_too():
    box = tables.refusal(ROW | {"note": "ever cleared: it uses the future. Instead: at=bm.Landmark(day=49, since=35)"}, DESIGN)
    assert (box.asked, box.why, box.instead) == ("ever cleared", "it uses the future", "at=bm.Landmark(day=49, since=35)")


# -- values and flow ------------------------------------------------------------------------------------------------------


def values(raw, status=None, lod=math.nan):
    return pd.DataFrame({"value": raw, "status": status or ["measured"] * len(raw), "lod": lod})


def test_quartiles_are_those_of_type_7_in_r():
    s = tables.summarise(values([1, 2, 3, 4, 5, 6]))
    assert (s.q1, s.median, s.q3) == (2.25, 3.5, 4.75)


def test_a_value_below_the_limit_keeps_its_place_and_is_never_a_number():
    s = tables.summarise(values([20, 20, 20, 40, 80], ["below"] * 3 + ["measured"] * 2, 20.0))
    assert s.shown(s.median) == "<20"
    assert s.shown(s.low) == "<20"
    assert (s.known, s.below, s.missing) == (5, 3, 0)


def test_limits_that_differ_between_rows_are_named_lod():
    frame = values([1, 2, 9], ["below", "below", "measured"]).assign(lod=[1.0, 2.0, math.nan])
    assert tables.summarise(frame).lod == "<LOD"


def test_nothing_known_gives_dashes_not_zeros():
    s = tables.summarise(values([]))
    assert s.known == 0
    assert s.shown(s.median) == "–"


def flow(rows):
    return pd.DataFrame(rows, columns=["arm", "reason", "detail", "n_excluded", "n_left", "total"])


def test_the_flow_adds_up_at_every_box():
    boxes = tables.stations(
        flow(
            [
                ("A", "event_at_or_before_landmark", "", 14, 20, 34),
                ("A", "no_draw_in_window", "", 2, 18, 34),
                ("A", "included", "", 0, 18, 34),
                ("B", "event_at_or_before_landmark", "", 7, 23, 30),
                ("B", "no_draw_in_window", "", 3, 20, 30),
                ("B", "included", "", 0, 20, 30),
            ]
        ),
        arms=("A", "B"),
    )
    assert [b.n for b in boxes] == [64, 43, 38]
    assert [b.by_arm for b in boxes] == [(34, 30), (20, 23), (18, 20)]
    for before, after in itertools.pairwise(boxes):
        assert before.n == after.n + sum(x.n for x in after.left)


def test_a_flow_that_does_not_add_up_is_refused():
    with pytest.raises(ValueError, match="does not add up"):
        tables.stations(flow([("A", "no_measurement", "", 2, 30, 34), ("A", "included", "", 0, 30, 34)]))


def test_the_order_of_the_design_wins_over_the_alphabet_and_over_the_rows():
    assert tables.order(["ER-", "b", "ER+", "a"], ("ER+", "ER-")) == ["ER+", "ER-", "b", "a"]


def test_two_analyses_in_the_same_words_are_told_apart_by_their_id():
    frame = pd.DataFrame(
        [ROW, ROW | {"analysis": "b", "cohort": "all"}, ROW | {"analysis": "c", "marker": "ctc", "term": "ctc"}]
    )
    labels = [x.label for x in tables.lines(frame, DESIGN)]
    assert labels == ["Serum TK1 activity, per doubling [a]", "Serum TK1 activity, per doubling [b]", "CTC, per doubling"]


def test_every_line_carries_its_place_in_the_csv():
    frame = pd.DataFrame([ROW, ROW | {"cohort": "ER-"}, ROW | {"cohort": "all"}])
    assert [x.key for x in tables.lines(frame, DESIGN)] == [1, 2, 3]


def test_a_missing_column_of_a_figure_is_named_with_what_is_there():
    with pytest.raises(UseError, match="needs the columns b, c; the table has a"):
        tables.need(pd.DataFrame({"a": [1]}), ("a", "b", "c"), "km")
