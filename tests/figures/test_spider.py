"""A spider plot: every line starts at no change, and a late draw hangs on a hair."""

import numpy as np
import pandas as pd

from biomarkers.domain.markers import MARKERS
from biomarkers.figures.spider import spider, spider_figure
from biomarkers.figures.style import new_figure


def hand():
    rows = [("a", 0, "scheduled", 0.0, ""), ("a", 42, "scheduled", -2.0, "at most"), ("a", 40, "progression", 1.0, ""),
            ("b", -7, "scheduled", 0.0, ""), ("b", 41, "scheduled", 3.0, ""), ("b", 300, "progression", 4.0, ""),
            ("c", 0, "scheduled", np.nan, "")]
    table = pd.DataFrame(rows, columns=["subject", "day", "role", "change", "bound"])
    return table.assign(arm=["A", "A", "A", "B", "B", "B", "B"], cohort="X")


def drawn(table, **more):
    ax = new_figure(120, 90).add_axes((0.2, 0.3, 0.7, 0.6))
    return spider(table, ax=ax, unit="days", marker=MARKERS["ctdna_mtm"], legend=False, **more)


def dots(ax, marker):
    return sorted((x, y) for line in ax.lines if line.get_marker() == marker for x, y in zip(*line.get_data(), strict=True))


def test_every_change_on_the_axis_is_one_mark_and_the_rest_is_counted():
    ax = drawn(hand())
    assert dots(ax, "o") == [(-7, 0.0), (0, 0.0), (41, 3.0)]
    assert dots(ax, "v") == [(42, -2.0)], "known only as a bound"
    assert dots(ax, "x") == [(40, 1.0)], "late"
    assert "2 of 3 patients, 1 later draw not shown" in [t.get_text() for t in ax.texts]


def test_a_longer_axis_shows_the_later_draw():
    assert (300, 4.0) in dots(drawn(hand(), limit=300), "x")


def test_the_line_of_a_patient_passes_by_no_late_draw():
    ax = drawn(hand())
    solid = [line for line in ax.lines if line.get_marker() == "None" and len(line.get_xdata()) > 3]
    assert all(1.0 not in line.get_ydata() for line in solid)


def test_groups_differ_by_line_and_mark_not_by_hue_alone():
    ax = drawn(hand(), by="arm", groups=["A", "B"])
    styles = {(line.get_linestyle(), line.get_color()) for line in ax.lines if len(line.get_xdata()) >= 2
              and line.get_marker() == "None" and line.get_linewidth() == 0.9}
    assert len({style for style, _ in styles}) == 2


def test_panels_share_their_scale():
    table = pd.concat([hand(), hand().assign(cohort="Y", change=lambda t: t["change"] * 3, day=lambda t: t["day"] - 3)])
    figure = spider_figure(table, marker=MARKERS["ctdna_mtm"], panels=["Y", "X"], groups=["A", "B"])
    assert len({ax.get_ylim() for ax in figure.axes[:2]}) == 1
    assert len({ax.get_xlim() for ax in figure.axes[:2]}) == 1


def test_a_single_arm_is_no_group():
    figure = spider_figure(hand().assign(arm=""), marker=MARKERS["ctdna_mtm"])
    assert all(line.get_linestyle() != (0, (3.2, 1.6)) for line in figure.axes[0].lines)
