"""Loss bars add up to everybody who came in, and agree with the flow."""

import itertools

import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain.errors import UseError
from biomarkers.domain.flow import FLOW
from biomarkers.figures.losses import FATES, landmark_figure, losses, losses_figure
from biomarkers.figures.style import new_figure
from biomarkers.figures.tokens import TOKENS


def hand():
    rows = [("A", "event_at_or_before_landmark", 5, 15, 20), ("A", "no_draw_in_window", 3, 12, 20),
            ("A", "failed_qc", 1, 11, 20), ("A", "included", 0, 11, 20), ("B", "included", 0, 10, 10)]
    return pd.DataFrame(rows, columns=["arm", "reason", "n_excluded", "n_left", "total"])


def bars(ax):
    rows = {}
    for p in ax.patches:
        rows.setdefault(round(p.get_y() + p.get_height() / 2, 6), []).append((round(p.get_x(), 6), round(p.get_width(), 6)))
    return [sorted(rows[y]) for y in sorted(rows, reverse=True)]


def drawn(table, **more):
    return losses(table, ax=new_figure(120, 70).add_axes((0.3, 0.4, 0.5, 0.5)), **more)


def test_every_reason_of_the_flow_has_one_fate():
    gathered = [reason for _, reasons, _ in FATES.values() for reason in reasons]
    assert sorted(gathered) == sorted(FLOW)


def test_segments_lie_end_to_end_and_add_up_to_everybody():
    first, second = bars(drawn(hand(), by="arm"))
    assert first == [(0, 11), (11, 3), (14, 1), (15, 5)]
    assert second == [(0, 10)]


def test_the_share_lost_and_the_totals_are_written():
    words = [t.get_text().strip() for t in drawn(hand(), by="arm", landmark=49).texts]
    assert {"45% lost", "0% lost", "20 registered", "10 registered", "event by day 49: 5", "analysed: 21"} <= set(words)


def test_one_bar_for_all_adds_the_groups_up():
    ((first, *_),) = bars(drawn(hand()))
    assert first == (0, 21)


def test_a_group_of_the_design_that_lost_everybody_or_had_nobody_keeps_its_bar():
    words = [t.get_text() for t in losses_figure(hand(), groups=["C", "A", "B"]).axes[0].texts]
    assert "C" in words
    assert "nobody" in words


@pytest.mark.parametrize("by", ["cohort", "arm"])
def test_the_bars_of_a_study_are_its_flow(by):
    study = bm.load_example("br1801")
    flow = bm.associate(study, "ctdna_mtm", at="week6", permutations=0).flow
    order = study.design.cohorts if by == "cohort" else study.design.arms
    found = bars(losses_figure(flow, by=by, groups=order).axes[0])
    for name, segments in zip(order, found, strict=True):
        own = flow[flow[by] == name]
        assert sum(w for _, w in segments) == len(study.members[study.members[by] == name])
        assert segments[0] == (0, own.loc[own["reason"] == "included", "n_left"].sum())


@pytest.mark.parametrize("theme", [0, 1])
def test_each_fate_is_told_from_the_next_by_its_lightness(theme):
    tones = [sum(int(TOKENS[tone][theme][k : k + 2], 16) for k in (1, 3, 5)) / 3 for _, _, tone in FATES.values()]
    steps = [b - a for a, b in itertools.pairwise(tones)]
    assert len({step > 0 for step in steps}) == 1, "one ramp"
    assert min(map(abs, steps)) >= 12


def test_a_landmark_figure_shows_the_lost_beside_curves_that_begin_at_the_landmark():
    study = bm.load_example("br1801")
    found = bm.associate(study, "ctdna_mtm", at="week6", feature="drop50", permutations=0)
    flow, curves = (t[t["cohort"] == "ER+"] for t in (found.flow, found.curves))
    figure = landmark_figure(flow, curves, landmark=49, groups=study.design.arms, title="ctDNA at week 6", notes=["HR 0.95"])
    left, right = figure.axes
    analysed = sum(row[0][1] for row in bars(left))
    assert analysed == curves[curves["time"] == 49.0].drop_duplicates("group")["n_risk"].sum()
    assert min(min(line.get_xdata()) for line in right.lines if line.get_drawstyle() == "steps-post") == 7
    words = [t.get_text() for ax in figure.axes for t in ax.texts]
    assert {"Before day 49: who is lost", "After it: ctDNA at week 6", "class not yet known", "HR 0.95"} <= set(words)


def test_a_landmark_figure_names_what_is_missing():
    with pytest.raises(UseError, match="'losses' needs the column n_left"):
        landmark_figure(hand().drop(columns="n_left"), pd.DataFrame(), landmark=49)
    with pytest.raises(UseError, match="'km' needs the columns group"):
        landmark_figure(hand(), pd.DataFrame(), landmark=49)
