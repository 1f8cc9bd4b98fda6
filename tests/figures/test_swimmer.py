"""A swimmer plot shows every mark, leaves nothing out in silence, and greys what came too late."""

import pandas as pd
import pytest

from biomarkers.domain.errors import UseError
from biomarkers.figures.style import new_figure
from biomarkers.figures.swimmer import swimmer, swimmer_figure
from biomarkers.figures.tokens import light


def hand():
    """Two lanes: one to day 100 with progression and a late call, one to day 200, ongoing, with a failed call."""
    rows = [("a", 100, "followed", False), ("a", 100, "progression", False), ("a", 0, "detected", False),
            ("a", 42, "not detected", False), ("a", 110, "detected", True), ("a", 130, "restart", True),
            ("b", 200, "followed", False), ("b", 200, "ongoing", False), ("b", 0, "no call", False)]
    return pd.DataFrame(rows, columns=["subject", "day", "mark", "late"]).assign(arm="A")


def drawn(table, **more):
    return swimmer(table, ax=new_figure(120, 60).add_axes((0.1, 0.3, 0.8, 0.6)), unit="days", legend=False, **more)


def marks(ax, marker):
    return {(x, y): line.get_markerfacecolor() for line in ax.lines if line.get_marker() == marker
            for x, y in zip(*line.get_data(), strict=True)}


def test_every_mark_of_the_table_is_drawn_at_its_day_the_longest_lane_on_top():
    ax = drawn(hand())
    assert marks(ax, "o") == {(0, 0): light("class"), (42, 0): light("surface"), (110, 0): light("loss2")}
    assert set(marks(ax, "D")) == {(100, 0)}
    assert set(marks(ax, ">")) == {(200, 1)}
    assert set(marks(ax, "x")) == {(0, 1)}
    assert set(marks(ax, "^")) == {(130, 0)}


def test_a_call_that_came_too_late_is_not_drawn_in_the_colour_of_evidence():
    faces = marks(drawn(hand()), "o")
    assert faces[(110, 0)] != light("class")


def test_a_limit_that_would_cut_a_mark_is_refused_and_says_how_many():
    with pytest.raises(UseError, match="3 marks lie after day 120; the last on day 200"):
        drawn(hand(), limit=120)


def test_an_unknown_mark_is_refused_with_the_known_ones():
    with pytest.raises(UseError, match=r"'relapse' is not one of followed, detected"):
        drawn(hand().replace({"mark": {"progression": "relapse"}}))


def test_who_was_not_followed_still_has_a_lane():
    more = pd.DataFrame([("c", 3, "detected", False)], columns=["subject", "day", "mark", "late"])
    ax = drawn(pd.concat([hand(), more]))
    assert (3, 0) in marks(ax, "o"), "at the bottom"
    assert "3 patients" in [t.get_text() for t in ax.texts]


def test_lanes_have_one_height_in_panels_of_different_size():
    other = hand().assign(arm="B", day=lambda t: t["day"] - 2)
    three = pd.concat([hand(), *(other.assign(subject=other["subject"] + k) for k in "123")])
    figure = swimmer_figure(three, groups=["A", "B"])
    lanes = []
    for ax in figure.axes[:2]:
        low, high = ax.get_ylim()
        lanes.append(ax.get_window_extent().height / (high - low))
    assert lanes[0] == pytest.approx(lanes[1], rel=0.1)
    assert figure.axes[0].get_position().y1 == pytest.approx(figure.axes[1].get_position().y1), "aligned at the top"
    assert len({ax.get_xlim() for ax in figure.axes[:2]}) == 1
