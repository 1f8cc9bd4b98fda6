"""A waterfall shows every change at its height, says what a limit hides, and clips nothing in silence."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from biomarkers.domain.errors import UseError
from biomarkers.domain.markers import MARKERS
from biomarkers.figures.change_axis import fold, fold_ticks, words_of
from biomarkers.figures.style import new_figure
from biomarkers.figures.waterfall import waterfall, waterfall_figure

CHANGES = (2.0, -6.0, 0.5, -1.0, np.nan)


def hand():
    return pd.DataFrame({"subject": list("abcde"), "change": CHANGES, "bound": ["at least", "at most", "", "", ""],
                         "arm": ["A", "B", "A", "B", "A"]})


def drawn(table, **more):
    return waterfall(table, ax=new_figure(180, 70).add_axes((0.15, 0.25, 0.8, 0.65)), **more)


def heights(ax):
    return [round(float(p.get_height()), 9) for p in sorted(ax.patches, key=lambda p: p.get_x())]


def texts(ax):
    return [t.get_text() for t in ax.texts]


def test_bars_go_from_the_largest_rise_to_the_largest_fall():
    ax = drawn(hand(), marker=MARKERS["ctdna_mtm"])
    assert heights(ax) == [2.0, 0.5, -1.0, -6.0]
    assert any(t.startswith("4 of 5 patients (80%)") for t in texts(ax)), "who could not be measured is counted"


def test_a_bound_points_to_where_the_change_may_go_on():
    ax = drawn(hand(), marker=MARKERS["ctdna_mtm"], legend=False)
    up = next(line for line in ax.lines if line.get_marker() == "^")
    down = next(line for line in ax.lines if line.get_marker() == "v")
    assert (up.get_xdata()[0], down.get_xdata()[0]) == (0, 3)
    assert up.get_ydata()[0] > 2
    assert down.get_ydata()[0] < -6


def test_a_change_below_the_limit_at_both_times_is_a_circle_at_nothing_and_points_nowhere():
    table = hand().assign(change=[2.0, 0.0, 1.0, -1.0, 0.5], bound=["", "both below", "", "", ""])
    ax = drawn(table, marker=MARKERS["ctdna_mtm"], legend=False)
    (circle,) = [line for line in ax.lines if line.get_marker() not in ("None", "")]
    assert circle.get_marker() == "o"
    assert (circle.get_xdata()[0], circle.get_ydata()[0]) == (3, 0.0)


def test_without_a_limit_the_axis_holds_every_bar():
    ax = drawn(hand().assign(change=[800.0, -100, 3, 4, 5], bound=""))
    low, high = ax.get_ylim()
    assert low < -100
    assert high > 800


def test_a_broken_bar_says_its_value_and_the_axis_claims_nothing_beyond():
    table = hand().assign(change=[180.0, -40, 10, -90, 5], bound="")
    ax = drawn(table, limit=100)
    assert max(heights(ax)) == 100
    assert " +180% " in texts(ax)
    assert max(ax.get_yticks()) <= 100


def test_control_is_open_and_the_contrast_filled():
    ax = drawn(hand(), by="arm", groups=["A", "B"])
    faces = [to_hex(p.get_facecolor()).upper() for p in sorted(ax.patches, key=lambda p: p.get_x())]
    assert faces == ["#FFFFFF", "#FFFFFF", "#00805E", "#00805E"]


def test_more_than_two_classes_go_from_white_to_dark_in_the_order_of_the_design():
    table = hand().assign(change=[1.0, 2, 3, 4, 5], response=["PD", "SD", "PR", "CR", "CR"], bound="")
    ax = drawn(table, by="response", groups=["CR", "PR", "SD", "PD"])
    faces = [to_hex(p.get_facecolor()) for p in sorted(ax.patches, key=lambda p: p.get_x())]
    grey = [int(face[1:3], 16) for face in faces]
    assert grey == sorted(grey, reverse=True)
    assert len(set(faces)) == 4


def test_recist_lines_belong_to_percent_alone():
    assert {"+20%", "−30%"} <= set(texts(drawn(hand().assign(change=[40.0, -60, 3, 4, 5], bound=""))))
    assert "+20%" not in texts(drawn(hand(), marker=MARKERS["ctdna_mtm"]))


def test_an_unknown_bound_is_refused():
    with pytest.raises(UseError, match="'about' is not one of"):
        drawn(hand().assign(bound="about"))


@pytest.mark.parametrize(("doublings", "words"), [(0, "×1"), (3, "×8"), (-5, "×1/32"), (-5.35, "×1/40.8"), (1.5, "×2.83")])
def test_a_fold_is_a_multiple_or_a_fraction(doublings, words):
    assert fold(doublings) == words


def test_ticks_of_a_fold_axis_keep_one_distance_and_hold_no_change():
    for low, high in ((-6.2, 3.1), (-0.4, 9.7), (-20.0, 0.3)):
        ticks = fold_ticks(low, high, 8)
        assert 0.0 in ticks
        assert len(ticks) <= 8
        assert len(set(np.diff(ticks))) == 1
        assert low <= min(ticks) <= max(ticks) <= high


def test_a_percent_carries_its_sign():
    assert [words_of(v, "percent") for v in (20.0, -30.0, 0.0)] == ["+20%", "−30%", "0%"]


def test_no_change_is_a_bar_and_not_a_gap():
    table = pd.DataFrame({"subject": range(4), "change": [30.0, 0.0, 0.0, -50.0], "bound": ""})
    (bars,) = waterfall_figure(table, by=None, width_mm=89).axes
    flat = [p for p in bars.patches if p.get_height() and p.get_y() < 0 < p.get_y() + p.get_height()]
    assert [round(p.get_x() + p.get_width() / 2) for p in flat] == [1, 2]


def test_bars_too_thin_for_an_outline_are_pale_and_the_key_says_the_same():
    table = pd.DataFrame({"subject": range(400), "change": np.linspace(-3, 3, 400), "bound": "", "arm": ["A", "B"] * 200})
    figure = waterfall_figure(table, groups=["A", "B"], measure="fold", width_mm=89)
    (bars,) = figure.axes
    assert {p.get_linewidth() for p in bars.patches} == {0}
    pale = to_hex(bars.patches[0].get_facecolor())
    assert pale != "#ffffff"
    assert pale in [str(line.get_markerfacecolor()).lower() for line in figure.findobj(Line2D)]
