"""Shares by state fill the axis from nothing to one, in the order of the states."""

import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

from biomarkers.domain.errors import UseError
from biomarkers.figures.state_occupation import state_occupation, state_occupation_figure
from biomarkers.figures.style import new_figure

SHARES = {"negative": (0.8, 0.5), "positive": (0.2, 0.1), "progressed or dead": (0.0, 0.3), "restarted therapy": (0.0, 0.1)}


def hand():
    rows = [(time, state, share[k], max(share[k] - 0.1, 0), share[k] + 0.1, 40)
            for state, share in SHARES.items() for k, time in enumerate((49.0, 300.0))]
    return pd.DataFrame(rows, columns=["time", "state", "probability", "conf_low", "conf_high", "n"]).assign(cohort="A")


def drawn(table, **more):
    return state_occupation(table, ax=new_figure(120, 80).add_axes((0.15, 0.3, 0.7, 0.6)), unit="weeks", **more)


def words(ax):
    return [t.get_text() for t in ax.texts]


def bands(ax):
    return [c.get_paths()[0].get_extents() for c in ax.collections if isinstance(c, PolyCollection)]


def test_bands_lie_on_each_other_from_nothing_to_one():
    found = bands(drawn(hand()))
    assert [round(b.y0, 9) for b in found] == [0, 0.5, 0.6, 0.7], "each begins where the one under it ends"
    assert max(b.y1 for b in found) == pytest.approx(1)


def test_the_share_at_the_end_stands_beside_its_band():
    assert {"50%", "10%", "30%"} <= set(words(drawn(hand())))
    assert words(drawn(hand())).count("10%") == 2


def test_the_state_nobody_leaves_lies_on_top_whatever_the_order_of_the_table():
    key = [w for w in words(drawn(hand())) if w in SHARES]
    assert key == ["negative", "positive", "restarted therapy", "progressed or dead"]
    declared = [w for w in words(drawn(hand(), states=list(SHARES))) if w in SHARES]
    assert declared == list(SHARES)


def test_shares_that_do_not_add_up_are_refused_with_the_day():
    with pytest.raises(UseError, match=r"day 300 add up to 0\.9, not to 1"):
        drawn(hand().iloc[:-1])


def test_lines_have_their_interval_and_their_own_dashes():
    ax = drawn(hand(), kind="lines")
    lines = [line for line in ax.lines if line.get_drawstyle() == "steps-post"]
    assert len(lines) == len(bands(ax)) == 4
    assert len({line.get_linestyle() if line.get_linestyle() == "-" else str(line._dash_pattern) for line in lines}) == 4


def test_an_unknown_kind_is_refused():
    with pytest.raises(UseError, match="'pie' is not one of stacked, lines"):
        drawn(hand(), kind="pie")


def test_the_axis_begins_where_the_states_are_first_known():
    ax = drawn(hand())
    assert ax.get_xlim()[0] == 7
    assert ax.get_xticks()[0] == 7
    assert "40 patients at the start" in words(ax)


def test_panels_share_the_time_axis_and_a_shorter_one_ends_where_it_ends():
    long, short = hand(), hand().assign(cohort="B")
    short = short[short["time"] < short["time"].max()]
    figure = state_occupation_figure(pd.concat([long, short]), groups=["A", "B"], unit="days")
    one, two = figure.axes
    assert one.get_xlim() == two.get_xlim()
    ends = [max(max(line.get_xdata()) for line in ax.lines) for ax in (one, two)]
    assert ends == [long["time"].max(), short["time"].max()]


def test_panels_share_one_key_of_every_state():
    figure = state_occupation_figure(pd.concat([hand(), hand().assign(cohort="B")]), groups=["A", "B"])
    assert [t.get_text() for t in figure.texts].count("positive") == 1
    assert not any("positive" in words(ax) for ax in figure.axes)
