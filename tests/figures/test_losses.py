"""Loss bars add up to everybody who came in, and agree with the flow."""

import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain.flow import FLOW
from biomarkers.figures.losses import FATES, losses, losses_figure
from biomarkers.figures.style import new_figure


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
