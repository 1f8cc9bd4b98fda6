"""Trajectories draw every value once, a value below its limit at the limit, and a late draw beside the axis."""

import numpy as np
import pandas as pd
import pytest

from biomarkers.domain.markers import MARKERS
from biomarkers.figures.style import new_figure
from biomarkers.figures.trajectories import limits_of, trajectories, trajectory_figure

CTDNA = MARKERS["ctdna_mtm"]


def hand():
    """Three patients: one falls below the limit, one has an event on day 20, one a draw at progression on day 300."""
    rows = [
        ("a", 0, "scheduled", 64.0, "measured", 200, 0), ("a", 42, "scheduled", 2.0, "below", 200, 0),
        ("b", -7, "scheduled", 16.0, "measured", 20, 1),
        ("c", 0, "scheduled", 8.0, "measured", 290, 1), ("c", 42, "scheduled", 32.0, "measured", 290, 1),
        ("c", 300, "progression", 128.0, "measured", 290, 1),
    ]
    table = pd.DataFrame(rows, columns=["subject", "day", "role", "value", "status", "time", "event"])
    return table.assign(model_value=np.log2(table["value"]), lod=2.0, arm="A", cohort="X")


def drawn(table, **more):
    ax = new_figure(120, 90).add_axes((0.2, 0.3, 0.7, 0.6))
    return trajectories(table, ax=ax, unit="days", marker=CTDNA, **more)


def dots(ax, marker):
    found = [(x, y) for line in ax.lines if line.get_marker() == marker and line.get_linestyle() == "None"
             and line.get_transform() == ax.transData for x, y in zip(*line.get_data(), strict=True)]
    return sorted(found)


def test_every_scheduled_value_is_one_mark_at_its_day_on_the_analysed_scale():
    ax = drawn(hand())
    assert dots(ax, "o") == [(-7, 4.0), (0, 3.0), (0, 6.0), (42, 5.0)]
    assert dots(ax, "v") == [(42, 1.0)], "below the limit, at the limit, open"
    below = next(line for line in ax.lines if line.get_marker() == "v")
    assert below.get_markerfacecolor() == "#FFFFFF"


def test_the_limit_is_a_dashed_line_with_its_number_on_the_axis():
    ax = drawn(hand())
    assert "<2" in [t.get_text() for t in ax.texts]
    dashed = [line for line in ax.lines if len(set(line.get_ydata())) == 1 and line.get_ydata()[0] == 1.0]
    assert dashed
    assert all(abs(y - 1.0) > 0.3 for y in ax.get_yticks()), "a tick that would touch the limit goes"


def test_limits_of_many_rows_are_a_band_and_no_number_is_made_up():
    table = hand()
    more = table.iloc[[1]].assign(subject="d", value=4.0, model_value=2.0, lod=4.0)
    limits = limits_of(pd.concat([table, more]))
    assert (limits.low, limits.high, limits.words) == (1.0, 2.0, "<LOD")
    assert limits_of(table[table["status"] == "measured"]) is None


def test_a_draw_at_progression_stands_beside_the_axis_and_does_not_stretch_it():
    ax = drawn(hand())
    ((x, y),) = dots(ax, "x")
    assert y == 7.0
    assert 42 < x < ax.get_xlim()[1] < 70
    assert max(ax.get_xticks()) <= 42
    without = drawn(hand(), strip=False)
    assert dots(without, "x") == []


def test_an_event_is_a_diamond_at_its_day_and_one_beyond_the_axis_is_counted():
    ax = drawn(hand())
    assert dots(ax, "D") == [(20, 4.0)]
    assert "3 patients, 1 of 2 events shown" in [t.get_text() for t in ax.texts]


def test_the_key_has_no_mark_for_events_that_all_lie_beyond_the_axis():
    for end, said in ((10.0, 0), (1000.0, 1)):
        ax = drawn(hand(), limit=end)
        assert [t.get_text() for t in ax.texts].count("event") == said, end


def test_who_has_no_value_is_counted():
    table = pd.concat([hand(), pd.DataFrame([{"subject": "z", "day": np.nan, "role": "none", "status": "missing", "time": 50.0,
                                              "event": 0, "arm": "A", "cohort": "X"}])])
    assert "3 of 4 patients, 1 of 2 events shown" in [t.get_text() for t in drawn(table).texts]


def test_ticks_carry_the_raw_unit_of_a_log_scale():
    ax = drawn(hand())
    for place, word in zip(ax.get_yticks(), [t.get_text() for t in ax.get_yticklabels()], strict=True):
        assert float(word) == pytest.approx(2.0**place)


def test_panels_share_time_and_values_and_come_in_the_order_of_the_design():
    table = pd.concat([hand(), hand().assign(arm="B", value=1000.0, model_value=np.log2(1000.0), status="measured",
                                             day=lambda t: t["day"] - 3)])
    figure = trajectory_figure(table, marker=CTDNA, groups=["B", "A"])
    panels = [ax for ax in figure.axes if ax.axison]
    assert len({ax.get_ylim() for ax in panels}) == 1
    assert len({ax.get_xlim() for ax in panels}) == 1
    titles = [next(t.get_text() for t in ax.texts if t.get_fontweight() == "bold") for ax in panels]
    assert titles == ["B", "A"]


def test_a_landmark_is_a_line_with_its_day():
    assert "landmark, day 42 " in [t.get_text() for t in drawn(hand(), landmark=42).texts]
