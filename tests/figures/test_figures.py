"""Every figure of the registry: draws on given axes, computes nothing, keeps its hands off the reader's settings."""

import re
import subprocess
import sys
import warnings
from functools import lru_cache, partial
from importlib.util import module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.domain.errors import UseError
from biomarkers.domain.markers import MARKERS
from biomarkers.figures import FIGURES, distribution_figure, flow_figure, forest_figure, journal, kaplan_meier, km, themed
from biomarkers.figures.forest import axis_range
from biomarkers.figures.style import fit, new_figure, width
from biomarkers.figures.tokens import ARMS, CLASSES, COHORTS, LEVELS, TOKENS, group_marks
from biomarkers.models.calibration import calibration_table, crossed_predictions
from biomarkers.models.cox import cox
from biomarkers.models.functional_form import spline_table
from biomarkers.models.predictive import arm_effect as arm_effect_table
from biomarkers.models.proportionality import schoenfeld_table
from biomarkers.models.simon_makuch import state_curves
from biomarkers.tables import lines

HERE = spec_from_file_location("biomarkers_people_tables", Path(__file__).with_name("people_tables.py"))
PEOPLE = module_from_spec(HERE)
HERE.loader.exec_module(PEOPLE)
THERE = spec_from_file_location("biomarkers_trial_tables", Path(__file__).with_name("trial_tables.py"))
TRIAL = module_from_spec(THERE)
THERE.loader.exec_module(TRIAL)


@lru_cache(maxsize=8)
def of_models(name, cohorts):
    """The table of a model's picture for each cohort, from seeded patients: TK1 raises the hazard, a state changes once."""
    marker, parts = MARKERS["tk1_dul"], []
    for place, cohort in enumerate(cohorts):
        rng = np.random.default_rng(place)
        raw = 2.0 ** rng.normal(8, 2, 60)
        frame = pd.DataFrame({"x": marker.to_model_scale(raw), "arm": rng.integers(0, 2, 60)})
        frame["time"] = np.ceil(rng.exponential(300 * np.exp(-0.2 * (frame["x"] - 8))))
        frame["event"] = (rng.random(60) < 0.85).astype(int)
        labels = {"cohort": cohort, "marker": marker.name}
        fit_ = cox(frame, "time", "event", ["x", "arm"])
        if name == "arm_effect":
            parts.append(arm_effect_table(frame, "time", "event", "x", "arm", raw=raw, labels=labels))
        elif name == "spline":
            parts.append(spline_table(fit_, "x", raw=raw, labels=labels))
        elif name == "schoenfeld":
            parts.append(schoenfeld_table(fit_, "x", labels=labels))
        elif name == "calibration":
            for model, terms in (("known", ["arm"]), (f"with {cohort}", ["arm", "x"])):
                chance = crossed_predictions(frame, "time", "event", terms, horizon=168)
                parts.append(calibration_table(frame, "time", "event", chance, horizon=168, groups=4, judged="5-fold",
                                               labels=labels | {"model": model}))
        else:
            change = np.where(np.arange(60) % 2, np.ceil(frame["time"] / 3), frame["time"])
            one = pd.DataFrame({"who": range(60), "start": 0.0, "stop": change, "d": 0, "state": "not detected",
                                "last": frame["time"]})
            one.loc[change == frame["time"], "d"] = frame["event"]
            two = pd.DataFrame({"who": range(60), "start": change, "stop": frame["time"], "d": frame["event"],
                                "last": frame["time"], "state": f"detected {cohort}"})
            rows = pd.concat([one, two[two["start"] < two["stop"]]])
            parts.append(state_curves(rows, "stop", "d", "state", entry="start", until="last", landmark=14, cohort=cohort))
    return pd.concat(parts, ignore_index=True)


def table_for(name, results):
    """A table on which the drawing of this name is at home, and the arguments it needs."""
    first = results.design.cohorts[0]
    if name == "forest":
        return results.table[results.table["cohort"] == first], {"design": results.design}
    if name == "km":
        one = results.curves["analysis"].iloc[0]
        return results.curves[(results.curves["analysis"] == one) & (results.curves["cohort"] == first)], {}
    if name == "flow":
        one = results.flow["analysis"].iloc[0]
        return results.flow[(results.flow["analysis"] == one) & (results.flow["cohort"] == first)], {}
    if name == "distributions":
        marker = results.values["marker"].iloc[0]
        return results.values[results.values["marker"] == marker], {"marker": results.design.markers[marker]}
    if name in ("spline", "arm_effect", "schoenfeld", "calibration", "simon_makuch"):
        table = of_models(name, tuple(results.design.cohorts))
        return table[table["cohort"] == first], {"marker": MARKERS["tk1_dul"]} if name in ("spline", "arm_effect") else {}
    if name in PEOPLE.TABLES:
        return PEOPLE.example(name, results)
    if name in TRIAL.TABLES:
        return TRIAL.example(name, results)
    raise AssertionError(f"a new figure needs its example table here: {name}")


def composed(results, *wanted):
    """The whole figures of these names, of all where none is named."""
    first = results.design.cohorts[0]
    analysis = results.curves["analysis"].iloc[0]
    names = [m for m in dict.fromkeys(results.values["marker"]) if results.design.markers[m].quantitative]
    compose = {
        "forest": lambda: forest_figure(results.table, design=results.design, by="marker", adjust="Holm"),
        "km": lambda: kaplan_meier(
            results.curves[results.curves["analysis"] == analysis],
            cohorts=results.design.cohorts,
            notes={first: ["Median, weeks (95% CI)", "HR 1.31 (1.11–1.55)"]},
        ),
        "flow": lambda: flow_figure(table_for("flow", results)[0], arms=results.design.arms),
        "distributions": lambda: distribution_figure(
            results.values, [results.design.markers[n] for n in names], groups=results.design.cohorts
        ),
    }
    for name in ("spline", "arm_effect", "schoenfeld", "calibration", "simon_makuch"):
        more = {"marker": MARKERS["tk1_dul"]} if name in ("spline", "arm_effect") else {}
        compose[name] = partial(FIGURES[name].compose, of_models(name, tuple(results.design.cohorts)),
                                cohorts=results.design.cohorts, **more)
    for name in PEOPLE.TABLES:
        table, more = PEOPLE.whole(name, results)
        compose[name] = partial(FIGURES[name].compose, table, **more)
    for name in TRIAL.TABLES:
        table, more = TRIAL.whole(name, results)
        compose[name] = partial(FIGURES[name].compose, table, **more)
    return {name: compose[name]() for name in wanted or compose}


@pytest.fixture(scope="module")
def drawn(two):
    """Each figure composed once, for the tests that only look."""
    return composed(two)


@pytest.mark.parametrize("name", list(FIGURES))
class TestEveryFigure:
    def test_it_returns_the_axes_it_was_given(self, name, two):
        table, more = table_for(name, two)
        ax = new_figure(120, 90).add_axes((0.2, 0.3, 0.7, 0.6))
        assert FIGURES[name].draw(table, ax=ax, **more) is ax

    def test_without_axes_it_makes_its_own(self, name, two):
        import matplotlib.pyplot as plt

        table, more = table_for(name, two)
        ax = FIGURES[name].draw(table, **more)
        assert isinstance(ax, Axes)
        plt.close(ax.get_figure())

    def test_its_columns_are_enough_and_the_table_is_left_alone(self, name, two):
        table, more = table_for(name, two)
        enough = table[list(FIGURES[name].columns)].copy()
        before = enough.copy(deep=True)
        ax = new_figure(120, 90).add_axes((0.2, 0.3, 0.7, 0.6))
        FIGURES[name].draw(enough, ax=ax, **more)
        pd.testing.assert_frame_equal(enough, before)

    def test_a_missing_column_is_named(self, name, two):
        table, more = table_for(name, two)
        lacking = FIGURES[name].columns[-1]
        with pytest.raises(UseError, match=f"needs the column {lacking}"):
            FIGURES[name].draw(table.drop(columns=lacking), ax=new_figure(60, 60).add_subplot(), **more)

    def test_the_readers_settings_survive(self, name, two):
        table, more = table_for(name, two)
        before = dict(mpl.rcParams)
        FIGURES[name].draw(table, ax=new_figure(120, 90).add_subplot(), **more)
        assert dict(mpl.rcParams) == before

    def test_the_readers_settings_do_not_matter(self, name, two):
        usual = themed(composed(two, name)[name])
        with mpl.rc_context(
            {
                "font.size": 30,
                "axes.grid": True,
                "svg.fonttype": "path",
                "lines.linewidth": 9,
                "axes.spines.top": True,
                "figure.dpi": 300,
                "font.family": "serif",
                "path.simplify": True,
            }
        ):
            assert themed(composed(two, name)[name]) == usual

    def test_the_same_table_gives_the_same_bytes(self, name, two):
        first, second = composed(two, name)[name], composed(two, name)[name]
        assert themed(first) == themed(second) == themed(first)
        assert journal(first) == journal(second)
        assert journal(first, "pdf") == journal(second, "pdf")

    def test_hostile_labels_are_drawn_without_a_warning_and_stay_text(self, name, hostile):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            data = themed(composed(hostile, name)[name])
            pdf = journal(composed(hostile, name)[name], "pdf")
        root = ElementTree.fromstring(data)
        assert {e.tag.rpartition("}")[2] for e in root.iter()} <= {
            "svg",
            "style",
            "defs",
            "g",
            "path",
            "use",
            "text",
            "clipPath",
            "rect",
        }
        assert b"<script" not in data
        assert b"\xe2\x80\xae" not in data, "a direction mark would turn the line round"
        assert pdf.startswith(b"%PDF-")

    def test_no_text_is_smaller_than_5_8_points(self, name, drawn):
        figure = drawn[name]
        sizes = [t.get_fontsize() for t in figure.findobj(mpl.text.Text) if t.get_text().strip()]
        assert min(sizes) >= 5.8

    def test_nothing_written_leaves_the_figure(self, name, drawn):
        figure = drawn[name]
        renderer = figure.canvas.get_renderer() if hasattr(figure.canvas, "get_renderer") else None
        figure.draw_without_rendering()
        for text in figure.findobj(mpl.text.Text):
            if text.get_text().strip() and text.get_visible():
                box = text.get_window_extent(renderer)
                assert box.x0 >= -1, text.get_text()
                assert box.x1 <= figure.bbox.x1 + 1, text.get_text()
                assert box.y0 >= -1, text.get_text()
                assert box.y1 <= figure.bbox.y1 + 1, text.get_text()


# -- Kaplan-Meier ---------------------------------------------------------------------------------------------------------


def seven(factory):
    """Seven subjects by hand: events on days 84, 84, 126; censored on 42, 84, 168, 168."""
    table = factory.curve(np.array([42, 84, 84, 84, 126, 168, 168.0]), np.array([0, 1, 1, 0, 1, 0, 0]))
    return table.assign(cohort="A", group="g", group_order=0)


def texts_by_place(ax):
    ax.get_figure().draw_without_rendering()
    return [(t.get_text(), t.get_window_extent()) for t in ax.texts if t.get_text()]


def test_numbers_at_risk_are_just_before_the_tick_and_events_up_to_and_including_it(factory):
    figure = kaplan_meier(seven(factory), unit="weeks")
    ax = figure.axes[0]
    ticks = [round(t) for t in ax.get_xticks()]
    places = texts_by_place(ax)
    centre = {t: ax.transData.transform((t, 0))[0] for t in ticks}

    def row(y_of):
        cells = {}
        for t in ticks:
            for word, box in places:
                if word.isdigit() and abs((box.x0 + box.x1) / 2 - centre[t]) < 1 and abs((box.y0 + box.y1) / 2 - y_of) < 2:
                    cells[t] = int(word)
        return cells

    labels = [(box.y0 + box.y1) / 2 for word, box in places if word == "g"]
    at_risk, events = row(max(labels)), row(min(labels))
    by_hand = {0: (7, 0), 4: (7, 0), 8: (6, 0), 12: (6, 2), 16: (3, 2), 20: (2, 3), 24: (2, 3)}
    for t in ticks:
        assert (at_risk[t], events[t]) == by_hand[t], t
    assert ticks == list(by_hand)


def test_numbers_stand_under_their_own_tick_at_any_size(factory):
    for size in ((60, 70), (120, 90), (300, 200)):
        ax = new_figure(*size).add_axes((0.3, 0.5, 0.6, 0.4))
        km(seven(factory), ax=ax)
        figure = ax.get_figure()
        figure.draw_without_rendering()
        ticks = [ax.transData.transform((t, 0))[0] for t in ax.get_xticks()]
        numbers = [t.get_window_extent() for t in ax.texts if t.get_text().isdigit()]
        assert numbers
        for box in numbers:
            assert min(abs((box.x0 + box.x1) / 2 - x) for x in ticks) < 0.6


def test_rows_of_the_table_are_10_6_points_apart_whatever_the_height(factory):
    gaps = []
    for height in (70, 140):
        ax = new_figure(120, height).add_axes((0.3, 0.5, 0.6, 0.4))
        km(pd.concat([seven(factory), seven(factory).assign(group="h", group_order=1)]), ax=ax)
        ax.get_figure().draw_without_rendering()
        ys = sorted({round((b.y0 + b.y1) / 2, 1) for w, b in texts_by_place(ax) if w in ("g", "h")})
        gaps.append(ys[1] - ys[0])
    assert gaps == pytest.approx([10.6, 10.6], abs=0.11)


def test_from_a_landmark_no_curve_and_no_number_stands_before_it(factory):
    table = seven(factory)
    late = pd.concat([table.iloc[:1].assign(time=49), table[table["time"] > 49]])
    ax = kaplan_meier(late, unit="weeks").axes[0]
    ax.get_figure().draw_without_rendering()
    start = ax.transData.transform((7, 0))[0]
    assert 7 in ax.get_xticks()
    numbers = [t.get_window_extent() for t in ax.texts if t.get_text().isdigit()]
    assert numbers
    assert all((box.x0 + box.x1) / 2 > start - 1 for box in numbers)
    assert min(min(line.get_xdata()) for line in ax.lines if line.get_drawstyle() == "steps-post") == 7
    assert "class not yet known" in [t.get_text() for t in ax.texts]


def test_censor_ticks_stand_on_the_step(factory):
    ax = kaplan_meier(seven(factory), unit="days").axes[0]
    marks = next(line for line in ax.lines if line.get_marker() == "|")
    assert dict(zip(marks.get_xdata(), marks.get_ydata(), strict=True)) == pytest.approx(
        {42: 1.0, 84: 4 / 6, 168: 4 / 6 * 2 / 3}
    )


def test_the_curve_is_the_table_and_nothing_else(factory):
    table = seven(factory)
    ax = kaplan_meier(table, unit="days").axes[0]
    step = next(line for line in ax.lines if line.get_drawstyle() == "steps-post")
    assert step.get_xdata() == pytest.approx(table["time"].to_numpy())
    assert step.get_ydata() == pytest.approx(table["survival"].to_numpy())


def test_the_corner_text_avoids_the_curves(factory):
    flat = factory.curve(np.array([100.0] * 4 + [500.0] * 36), np.array([1] * 4 + [0] * 36)).assign(
        cohort="A", group="g", group_order=0
    )
    ax = kaplan_meier(flat, notes={"A": ["Median, weeks (95% CI)", "g  NR (NE–NE)"]}).axes[0]
    ax.get_figure().draw_without_rendering()
    note = next(t for t in ax.texts if t.get_text().startswith("Median")).get_window_extent()
    curve = ax.transData.transform((0, flat["survival"].iloc[-1]))[1]
    assert note.y1 < curve, "a high curve sends the text below it"


def test_all_panels_share_the_time_axis_and_the_order_of_the_design(two):
    one = two.curves[two.curves["analysis"] == two.curves["analysis"].iloc[0]]
    figure = kaplan_meier(one.sort_values("cohort"), cohorts=two.design.cohorts)
    assert len({ax.get_xlim() for ax in figure.axes}) == 1
    titles = [
        next(t.get_text() for t in ax.texts if t.get_fontweight() == "bold" and t.get_text().startswith("ER"))
        for ax in figure.axes
    ]
    assert titles == ["ER+", "ER−"]


# -- forest ---------------------------------------------------------------------------------------------------------------


def test_nothing_is_set_smaller_than_six_points(drawn):
    for name, figure in drawn.items():
        sizes = {t.get_fontsize() for t in figure.findobj(mpl.text.Text) if t.get_text().strip() and t.get_visible()}
        assert min(sizes) >= 6, (name, sorted(sizes))


def test_an_early_landmark_leaves_no_room_for_words_on_the_curves(two):
    one = two.curves[(two.curves["analysis"] == two.curves["analysis"].iloc[0])]
    one = one[one["cohort"] == one["cohort"].iloc[0]]
    for start, said in ((4.0, 0), (200.0, 1)):
        later = one[one["time"] >= start]
        ax = km(pd.concat([later.drop_duplicates("group").assign(time=start), later]),
                ax=new_figure(120, 120).add_axes((0.2, 0.5, 0.7, 0.4)))  # fmt: skip
        assert [t.get_text() for t in ax.texts].count("class not yet known") == said


def test_notes_below_the_curves_begin_after_the_landmark(two):
    one = two.curves[two.curves["analysis"] == two.curves["analysis"].iloc[0]]
    one = one[one["cohort"] == one["cohort"].iloc[0]]
    later = one[one["time"] >= 100.0]
    high = pd.concat([later.drop_duplicates("group").assign(time=100.0), later]).assign(survival=0.95)
    ax = km(high, notes=["Median NR", "no HR"], ax=new_figure(160, 120).add_axes((0.2, 0.5, 0.7, 0.4)), unit="days")
    ax.get_figure().draw_without_rendering()
    (note,) = [t for t in ax.texts if t.get_text() == "no HR"]
    box = note.get_window_extent()
    assert box.x0 >= ax.transData.transform((100, 0))[0]
    assert box.y1 < ax.transData.transform((0, 0.5))[1], "below the curves"


def test_numbers_at_risk_stand_under_a_landmark_that_is_no_round_month(two):
    one = two.curves[two.curves["analysis"] == two.curves["analysis"].iloc[0]]
    one = one[one["cohort"] == one["cohort"].iloc[0]]
    started = one[one["time"] >= 63].copy()
    first = started.groupby("group")["time"].transform("min") == started["time"]
    started.loc[first, "time"] = 63.0
    ax = km(started, ax=new_figure(120, 120).add_axes((0.2, 0.5, 0.7, 0.4)), unit="months")
    at = ax.get_xticks()[list(map(str, (t.get_text() for t in ax.get_xticklabels()))).index("2.1")]
    below = [t for t in ax.texts if t.get_position()[0] == at and t.get_text().isdigit()]
    assert len(below) == 2 * started["group"].nunique(), "at risk and cumulative events of every group"


def test_forest_ticks_are_plain_numbers(two):
    _, _, ticks = axis_range(lines(two.table, two.design))
    assert {0.5, 1, 2} <= set(ticks)
    words = [t.get_text() for t in forest_figure(two.table, design=two.design).findobj(mpl.text.Text)]
    assert not [w for w in words if "10^" in w or "mathdefault" in w]


def test_questions_in_the_same_words_are_told_apart_by_their_endpoint_and_their_time(factory, two):
    rows = pd.DataFrame([
        factory.row(analysis="a", endpoint="pfs", timing="baseline"),
        factory.row(analysis="b", endpoint="os", timing="baseline"),
        factory.row(analysis="c", endpoint="pfs", timing="landmark day 49"),
        factory.row(analysis="d", endpoint="pfs", timing="landmark day 49", family="another family"),
    ])  # fmt: skip
    for by in ("marker", "family"):
        figure = forest_figure(rows, design=two.design, by=by)
        rows_ = {}
        for t in figure.axes[0].texts:
            rows_.setdefault(round(t.get_position()[1]), []).append(t.get_text())
        said = [" ".join(row) for row in rows_.values()]
        assert sum("OS" in row for row in said) == 1, by
        assert sum("landmark day 49" in row for row in said) == 2, by
        assert not any("PFS →" in row for row in said), "no direction is that of one endpoint alone"


def test_every_row_of_the_table_keeps_its_place_in_the_forest(two):
    main = two.table[(two.table["estimand"] == "hazard ratio") & (two.table["cohort"] == "ER+")]
    words = [t.get_text() for t in forest_figure(main, design=two.design).findobj(mpl.text.Text)]
    assert sum(w.startswith(("descriptive only", "refused")) for w in words) == 2
    assert len([w for w in words if re.fullmatch(r"\d\.\d+\u00a0\(.*\)", w)]) == len(main) - 2


@pytest.mark.parametrize("wide", [85, 120, 180])
def test_no_words_of_a_forest_touch_at_any_width_of_a_journal(two, wide):
    figure = forest_figure(two.table, design=two.design, adjust="Holm", width_mm=wide)
    figure.draw_without_rendering()
    boxes = [(t.get_text(), t.get_window_extent()) for t in figure.axes[0].texts if t.get_text() not in ("", "▲")]
    edge = figure.bbox
    assert not [w for w, box in boxes if box.x0 < edge.x0 or box.x1 > edge.x1]
    for k, (name, box) in enumerate(boxes):
        touching = [w for w, other in boxes[k + 1 :] if other.x0 < box.x1 and box.x0 < other.x1
                    and min(box.y1, other.y1) - max(box.y0, other.y0) > 0.35 * min(box.height, other.height)]  # fmt: skip
        assert not touching, (name, touching)
    panels = [line.get_xdata() for line in figure.axes[0].lines if line.get_linewidth() == 1.3]
    assert max(x[1] for x in panels) - min(x[0] for x in panels) > 15


def test_a_row_without_a_model_has_no_box(factory, two):
    rows = pd.DataFrame([factory.row(note="descriptive only: 3 events", estimate=1.5)])
    figure = forest_figure(rows, design=two.design)
    boxes = [p for p in figure.findobj(mpl.patches.Rectangle) if 2 < p.get_width() < 8]
    assert boxes == []


def test_an_interval_that_leaves_the_axis_ends_in_an_arrow(factory, two):
    def heads(high):
        figure = forest_figure(pd.DataFrame([factory.row(conf_high=high)]), design=two.design)
        return sum(len(line.get_xdata()) == 3 for line in figure.findobj(mpl.lines.Line2D))

    assert heads(1.6) == 0
    assert heads(200.0) == 1


# -- distributions --------------------------------------------------------------------------------------------------------


def test_every_value_is_one_mark_and_none_below_the_limit_has_a_number(two):
    part = two.values[two.values["marker"] == "tk1_dul"]
    figure = distribution_figure(part, [two.design.markers["tk1_dul"]], groups=two.design.cohorts)
    dots = [line for line in figure.axes[0].lines if line.get_linestyle() == "None"]
    marks = sum(len(line.get_xdata()) for line in dots if line.get_marker() != "v")
    below = sum(len(line.get_xdata()) for line in dots if line.get_marker() == "v")
    assert marks == (part["status"] == "measured").sum()
    assert below == (part["status"] == "below").sum() > 0


def test_ticks_of_a_log_axis_carry_the_raw_unit(two):
    marker = two.design.markers["tk1_dul"]
    part = two.values[two.values["marker"] == "tk1_dul"]
    ax = distribution_figure(part, [marker], groups=two.design.cohorts).axes[0]
    for place, word in zip(ax.get_yticks(), [t.get_text() for t in ax.get_yticklabels()], strict=True):
        assert float(marker.to_raw_scale(place)) == pytest.approx(float(word.replace("\u202f", "")), rel=1e-6)


def test_a_value_that_lies_at_several_heights_has_no_tick_among_them(two):
    marker = two.design.markers["tk1_dul"]
    table = pd.DataFrame({"value": [0.0, 0.0, 0.0, 40.0, 200.0, 900.0], "status": "measured", "lod": np.nan,
                          "cohort": two.design.cohorts[0], "marker": marker.name})  # fmt: skip
    table["model_value"] = [1.0, 2.0, 3.0, 5.3, 7.6, 9.8]
    ax = distribution_figure(table, [marker], groups=two.design.cohorts).axes[0]
    assert len(ax.get_yticks()) >= 2
    assert min(ax.get_yticks()) > 3.0


def test_numbers_of_narrow_columns_stand_apart_and_their_word_once_at_the_left(two):
    marker = two.design.markers["tk1_dul"]
    rows = two.values[(two.values["marker"] == "tk1_dul") & (two.values["status"] == "measured")]
    names = list("ABCDEF")
    table = pd.concat([rows.assign(cohort=name) for name in names])
    ax = distribution_figure(table, [marker] * 4, groups=names).axes[0]
    ax.get_figure().draw_without_rendering()
    said = [t for t in ax.texts if t.get_text() == str(len(rows))]
    assert len(said) == len(names)
    assert [t.get_text() for t in ax.texts].count("n") == 1
    boxes = sorted((t.get_window_extent() for t in said), key=lambda box: box.x0)
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))


def test_no_tick_touches_the_word_of_the_limit(two):
    ax = distribution_figure(two.values[two.values["marker"] == "tk1_dul"], [two.design.markers["tk1_dul"]],
                             groups=two.design.cohorts).axes[0]  # fmt: skip
    ax.get_figure().draw_without_rendering()
    limit = next(t for t in ax.texts if t.get_text().startswith("<")).get_window_extent()
    assert not [t for t in ax.get_yticklabels() if t.get_text() and t.get_window_extent().overlaps(limit)]


# -- files ----------------------------------------------------------------------------------------------------------------


def test_the_page_version_is_small_and_follows_the_theme(drawn):
    figure = drawn["km"]
    small, full = themed(figure), journal(figure)
    assert len(small) < 0.35 * len(full)
    text = small.decode()
    assert "prefers-color-scheme:dark" in text
    assert "DejaVu" not in text
    body = text.partition("</style>")[2]
    assert not re.findall(r"#[0-9a-fA-F]{6}", body), "every colour of the drawing is a variable"
    assert "xlink" not in body
    assert "metadata" not in text


def test_a_space_that_keeps_words_off_a_line_is_kept_by_the_reader_too():
    figure = new_figure(60, 40)
    figure.text(0.5, 0.5, " least depth 10")
    figure.text(0.5, 0.2, "plain words")
    drawn = themed(figure).decode()
    assert re.findall(r'xml:space="preserve"[^>]*>([^<]*)<', drawn) == [" least depth 10"]


def test_mathematics_somebody_added_is_refused_and_not_written_as_dollars():
    figure = new_figure(60, 40)
    with mpl.rc_context({"text.parse_math": True}):
        figure.text(0.5, 0.5, "$10^{-3}$")
    with pytest.raises(UseError, match="savefig"):
        themed(figure)


def test_ids_of_a_page_figure_are_used_and_unique(drawn):
    for figure in drawn.values():
        root = ElementTree.fromstring(themed(figure))
        ids = [e.get("id") for e in root.iter() if e.get("id")]
        text = themed(figure).decode()
        assert len(ids) == len(set(ids))
        for name in ids:
            assert f"#{name}" in text
        used = set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'href="#([^"]+)"', text))
        assert used == set(ids)


def test_slimming_keeps_every_word_and_every_mark(drawn):
    for name, figure in drawn.items():
        words = [t.get_text() for t in figure.findobj(mpl.text.Text) if t.get_text().strip() and t.get_visible()]
        root = ElementTree.fromstring(themed(figure))
        shown = [e.text for e in root.iter() if e.tag.endswith("text")]
        for word in words:
            assert word in shown or word.replace("-", "−") in shown, (name, word)


def test_a_pdf_embeds_its_font_and_names_no_author_and_no_date(drawn):
    data = journal(drawn["flow"], "pdf")
    assert b"FontFile" in data
    assert b"CreationDate" not in data
    assert b"Matplotlib" not in data


def test_no_drawing_belongs_to_pyplot():
    code = (
        "import sys; from biomarkers.figures import *; from biomarkers.figures.style import new_figure; "
        "new_figure(50, 50); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# -- colours --------------------------------------------------------------------------------------------------------------


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_text_has_4_5_and_marks_have_3_to_1_against_their_ground(theme):
    for role in ("ink", "ink2", "accent", "flag", "refused", "lod"):
        for ground in ("surface", "page"):
            assert contrast(TOKENS[role][theme], TOKENS[ground][theme]) >= 4.5, (role, ground)
    for role in ("accent", "flag", "refused", "lod"):
        assert contrast(TOKENS[role][theme], TOKENS[f"{role}-tint"][theme]) >= 4.5, role
    marks = {m.role for m in (*COHORTS, *ARMS, *CLASSES, *LEVELS)}
    for role in marks:
        assert contrast(TOKENS[role][theme], TOKENS["surface"][theme]) >= 3, role


def test_no_two_marks_of_a_panel_are_told_apart_by_hue_alone():
    for marks in (COHORTS, ARMS, CLASSES, LEVELS, *(group_marks(n, k) for n in (2, 3, 4) for k in ("arm", "class"))):
        assert len({(m.dashes, m.marker, m.filled) for m in marks}) == len(marks)
        assert len({m.dashes for m in marks}) == len(marks), "lines of a panel differ by their dashes"


def test_one_light_value_has_one_dark_value():
    dark = {}
    for light, other in TOKENS.values():
        assert dark.setdefault(light.lower(), other) == other or light.lower() in ("#1a2126",)


def test_a_label_is_cut_to_its_room():
    for name in ("x" * 200, "T-DM1 + abemaciclib", "💊" * 40):
        for room in (20.0, 60.0, 120.0):
            assert width(fit(name, room)) <= room + 1e-9 or len(fit(name, room)) <= 2
    assert fit("ER+", 200) == "ER+"


def test_composed_figures_have_a_journal_width(drawn):
    for figure in drawn.values():
        assert isinstance(figure, Figure)
        assert round(figure.get_size_inches()[0] * 25.4) in (85, 120, 150, 180)


def test_an_axis_names_no_value_that_lies_at_several_places(two):
    rng = np.random.default_rng(3)
    raw = np.r_[np.zeros(12), rng.uniform(2, 150, 48)]
    area = rng.uniform(0.2, 3.0, 60)                      # one cell of a small area is more per mm2 than of a large one
    frame = pd.DataFrame({"x": np.log2(raw + 1 / area), "arm": np.arange(60) % 2, "time": np.arange(60) + 1.0, "event": 1})
    table = arm_effect_table(frame, "time", "event", "x", "arm", raw=raw, labels={"cohort": "A", "marker": "foxp3"})
    ax = FIGURES["arm_effect"].draw(table, marker=MARKERS["foxp3"])
    words = [t.get_text() for t in ax.get_xticklabels()]
    assert words
    assert "0" not in words
