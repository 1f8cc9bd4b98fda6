"""The trial's own figures say what their tables say: counts, grades, boundaries, who still answers."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from biomarkers.figures.consort import branches, consort, consort_figure
from biomarkers.figures.pro_trajectories import below, pro_figure, pro_trajectories
from biomarkers.figures.style import new_figure
from biomarkers.figures.tokens import light
from biomarkers.figures.toxicity import FILLS, terms, toxicity, toxicity_figure
from biomarkers.figures.two_stage_path import two_stage_path
from biomarkers.trial.twostage import TwoStage
from biomarkers.trial.twostage import two_stage_path as path_of


def words(ax):
    return [t.get_text().replace("\xa0", " ") for t in ax.texts if t.get_text()]


def drawing(wide=120, high=90):
    return new_figure(wide, high).add_axes((0.2, 0.3, 0.7, 0.6))


FLOW = pd.DataFrame({
    "cohort": "A", "arm": ["x", "x", "y"], "reason": ["not_in_cohort", "included", "included"],
    "detail": ["not eligible", "", ""], "n_excluded": [2, 0, 0], "n_left": [28, 28, 31], "total": [30, 30, 31],
    "n_events": [pd.NA, 20, 22],
})  # fmt: skip


def test_the_boxes_add_up_and_hold_the_events():
    assert [(b.arm, b.total, b.gone, b.analysed, b.events) for b in branches(FLOW, ("y", "x"))] == [
        ("y", 31, (), 31, 22), ("x", 30, (("not eligible", 2),), 28, 20)]
    said = words(consort(FLOW, ax=drawing(), arms=("x", "y"), event="death"))
    assert {"61", "30", "31", "28", "2 not eligible", "20 deaths, 8 censored", "22 deaths, 9 censored"} <= set(said)


def test_a_cohort_without_arms_is_one_column():
    alone = FLOW[FLOW["arm"] == "x"].assign(arm=np.nan)
    said = words(consort(alone, ax=drawing()))
    assert "assigned" not in said
    assert said.count("28") == 1


def test_nobody_says_so():
    assert words(consort(FLOW.iloc[:0], ax=drawing())) == ["nobody in this cohort"]


def test_every_cohort_has_its_diagram():
    figure = consort_figure(pd.concat([FLOW, FLOW.assign(cohort="B")]), cohorts=("B", "A"))
    assert len(figure.axes) == 2


@pytest.fixture
def grades():
    rows = [("Rash", "x", 10, 1, 2, 3, 0, 0), ("Rash", "y", 20, 0, 0, 0, 1, 1), ("Cough", "x", 10, 1, 0, 0, 0, 0),
            ("Cough", "y", 20, 9, 0, 0, 0, 0), ("any", "x", 10, 2, 2, 3, 0, 0), ("any", "y", 20, 8, 0, 0, 1, 1)]
    table = pd.DataFrame(rows, columns=["term", "arm", "n_treated", *(f"grade_{g}" for g in range(1, 6))])
    every = [f"grade_{g}" for g in range(1, 6)]
    return table.assign(any_grade=table[every].sum(axis=1), n_severe=table[every[2:]].sum(axis=1))


def test_the_length_of_a_bar_is_the_share_of_the_treated(grades):
    ax = toxicity(grades, ax=drawing(200, 100), arms=("x", "y"))
    shades = {light(FILLS[g]): g for g in FILLS}
    bars = [(shades.get(p_hex(p)), p.get_width()) for p in ax.patches if isinstance(p, Rectangle) and p.get_height() == 8.0]
    of = {}
    for grade, long in bars:
        of.setdefault(grade, []).append(long)
    unit = max(of[3]) / (3 / 10)                      # the longest bar of grade 3 is 3 of 10
    assert sorted(round(x / unit, 6) for x in of[5]) == [0.05, 0.05]      # 1 of 20, by term and over all
    assert sorted(round(x / unit, 6) for x in of[1]) == [0.1, 0.1, 0.2, 0.4, 0.45]
    assert {"6 (60%) / 3", "2 (10%) / 2", "9 (45%) / 0"} <= set(words(ax))


def p_hex(patch):
    from matplotlib.colors import to_hex

    return to_hex(patch.get_facecolor()).upper()


def test_the_control_is_to_the_left_and_worst_grades_begin_in_the_middle(grades):
    ax = toxicity(grades[grades["term"] == "Rash"], ax=drawing(200, 100), arms=("x", "y"))
    place = {(p_hex(p), round(p.get_width(), 3)): p.get_x() for p in ax.patches if p.get_height() == 8.0}
    left = {shade: x for (shade, _), x in place.items()}
    assert left[light(FILLS[1])] < left[light(FILLS[2])] < left[light(FILLS[3])] < left[light(FILLS[5])] < left[light(FILLS[4])]


def test_the_commonest_term_is_first_and_what_is_left_out_is_counted(grades):
    assert terms(grades) == (["any", "Rash", "Cough"], 0)
    assert terms(grades, most=1) == (["any", "Rash"], 1)
    assert "1 rarer term not shown; all are in the table" in words(toxicity(grades, ax=drawing(), most=1))
    assert words(toxicity(grades.iloc[:0], ax=drawing())) == ["no adverse event recorded"]


def test_cohorts_share_one_scale(grades):
    figure = toxicity_figure(pd.concat([grades.assign(cohort="A"), grades[grades["term"] == "Cough"].assign(cohort="B")]))
    ends = [[t for t in words(ax) if t.endswith("%") and "(" not in t] for ax in figure.axes[:2]]
    assert ends[0] == ends[1] == ["50%", "100%", "50%", "100%"]


def test_the_path_is_the_count_and_the_bars_are_the_rule():
    rule = TwoStage(3, 8, 9, 16)
    table = path_of(rule, [0, 1, 0, 0, 1, 0, 0, 1]).assign(n1=rule.n1, r1=rule.r1, n=rule.n, r=rule.r)
    ax = two_stage_path(table, ax=drawing())
    step = next(line for line in ax.lines if line.get_drawstyle() == "steps-post")
    assert list(step.get_ydata()) == [0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert [b.get_x() + 0.55 for b in ax.patches[::2]] == pytest.approx([8, 16])
    assert [b.get_height() for b in ax.patches[::2]] == pytest.approx([3.5, 9.5])
    assert "3 of 8: stops after stage 1" in words(ax)
    assert {"Look after 8: stop with 3 or fewer", "End at 16: more than 9 needed"} <= set(words(ax))


SCORES = pd.DataFrame({"day": [0, 365], "n": [20, 9], "expected": [22, 10], "mean": [50.0, 58.0], "conf_low": [45.0, 50.0],
                       "conf_high": [55.0, 66.0], "minimal_difference": 5.0})  # fmt: skip


def test_who_answered_stands_under_each_day_and_the_band_is_the_minimal_difference():
    ax = pro_trajectories(SCORES, ax=drawing())
    assert {"20/22", "9/10", "band: ± 5, minimal important difference"} <= set(words(ax))
    assert below(2) > below(1)
    low, high = ax.patches[0].get_y(), ax.patches[0].get_y() + ax.patches[0].get_height()
    assert (low, high) == pytest.approx((45.0, 55.0))


def test_without_a_minimal_difference_there_is_no_band():
    assert not pro_trajectories(SCORES.assign(minimal_difference=np.nan), ax=drawing()).patches


def test_two_arms_have_two_lines_and_no_band():
    both = pd.concat([SCORES.assign(arm="x"), SCORES.assign(arm="y", mean=SCORES["mean"] + 3)])
    ax = pro_trajectories(both, ax=drawing(), arms=("x", "y"))
    assert not ax.patches
    assert words(ax).count("20/22") == 2


def test_the_number_of_an_arm_is_never_cut_off(grades):
    long = {"x": "Trastuzumab emtansine", "y": "Trastuzumab emtansine and abemaciclib, twice daily without a break"}
    figure = toxicity_figure(grades.assign(cohort="A", arm=grades["arm"].map(long)), arms=tuple(long.values()), width_mm=89)
    heads = [w for w in words(figure.axes[0]) if "(n = " in w]
    assert [w.partition(" (")[2] for w in heads] == ["n = 10)", "n = 20)"]


def test_narrow_panels_say_the_rule_in_short():
    table = path_of(TwoStage(3, 8, 9, 16), [1, 0, 1]).assign(n1=8, r1=3, n=16, r=9)
    said = words(two_stage_path(table, ax=drawing(wide=50)))
    assert {"at 8: stop if ≤ 3", "at 16: needs > 9"} <= set(said)


def test_six_cohorts_of_reported_scores_stand_three_in_a_row():
    table = pd.concat([SCORES.assign(cohort=c, instrument="q", label="Score", direction="high is better") for c in "ABCDEF"])
    figure = pro_figure(table)
    places = [(round(ax.get_position().x0, 3), round(ax.get_position().y0, 3)) for ax in figure.axes]
    assert len(places) == len(set(places)) == 6
    assert len({x for x, _ in places}) == 3


def test_the_axis_of_a_reported_score_says_whole_which_way_is_worse():
    table = SCORES.assign(cohort="A", instrument="q", label="Score", direction="high is worse")
    ax = pro_figure(table).axes[0]
    ax.get_figure().draw_without_rendering()
    assert ax.get_ylabel().endswith("high is worse")
    assert ax.yaxis.label.get_window_extent().height <= ax.get_window_extent().height + 20


@pytest.mark.parametrize("direction", ["high is better", "high is worse"])
def test_the_name_of_the_scale_says_the_interval_and_the_direction_in_full(direction):
    table = SCORES.assign(cohort="A", instrument="q", label="Score", direction=direction, conf_level=0.95)
    figure = pro_figure(table)
    assert figure.axes[0].get_ylabel() == f"Mean (95% CI), {direction}"
    figure.draw_without_rendering()
    box = figure.axes[0].yaxis.label.get_window_extent()
    assert box.y0 >= figure.bbox.y0
    assert box.y1 <= figure.bbox.y1
