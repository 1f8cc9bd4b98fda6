"""Panels draw what matplotlib's own axes draw, and give way to whoever asks for more."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg

from biomarkers.figures.plain_axes import PlainAxes
from biomarkers.figures.style import house, new_figure, place


def picture(kind: type[Axes], dress) -> np.ndarray:
    """The pixels of one panel that `dress` has drawn on."""
    with house():
        figure = new_figure(85, 60)
        ax = figure.add_axes(kind(figure, (0.2, 0.25, 0.7, 0.65)))
        dress(ax)
    with mpl.rc_context({"xtick.labelsize": 20, "ytick.color": "red", "axes.grid": True, "xtick.major.size": 9}):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # whatever the style of the day is
        return np.asarray(canvas.buffer_rgba()).copy()


def named(ax: Axes) -> None:
    ax.plot([0, 5], [1, 3])
    ax.set_xlim(0, 5)
    ax.set_xticks([0, 1, 2.5], ["0", "one", "two and a half"])
    ax.set_yticks([1, 2, 3], ["1", "2", "3"])
    ax.set_xlabel("Weeks")
    ax.set_ylabel("Event-free")


def outside(ax: Axes) -> None:
    named(ax)
    ax.set_xlim(1, 2)
    ax.set_ylim(3.5, 0.5)


def bare(ax: Axes) -> None:
    named(ax)
    ax.set_yticklabels([])
    ax.tick_params(axis="x", labelbottom=False)


def unmarked(ax: Axes) -> None:
    named(ax)
    ax.set_xticks([])
    ax.set_ylabel("")


def automatic(ax: Axes) -> None:
    ax.plot([0, 5], [1, 30_000])


def logarithmic(ax: Axes) -> None:
    ax.set_xscale("log")
    ax.plot([0.6, 3], [1, 2])
    ax.set_xlim(0.5, 4)
    ax.set_xticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
    ax.minorticks_off()


def ruled(ax: Axes) -> None:
    named(ax)
    ax.grid(True, axis="y")


def unruled(ax: Axes) -> None:
    ruled(ax)
    ax.grid(False)


def singled_out(ax: Axes) -> None:
    named(ax)
    ax.get_xticklabels()[1].set_color("red")


def above(ax: Axes) -> None:
    named(ax)
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")


DRESSES = (named, outside, bare, unmarked, automatic, logarithmic, ruled, unruled, singled_out, above)


@pytest.mark.parametrize("dress", DRESSES, ids=lambda dress: dress.__name__)
def test_the_picture_is_that_of_matplotlib(dress):
    assert (picture(PlainAxes, dress) == picture(Axes, dress)).all()


def test_an_axis_that_reads_its_ticks_again_finds_all_of_them():
    with house():
        figure = new_figure(85, 60)
        ax = figure.add_axes(PlainAxes(figure, (0.2, 0.2, 0.7, 0.7)))
        named(ax)
        figure.draw_without_rendering()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "one", "two and a half"]
    assert ax.get_yticks().tolist() == [1, 2, 3]


def test_one_tick_is_made_for_each_axis_and_none_for_the_small_ones():
    with house():
        figure = new_figure(85, 60)
        ax = figure.add_axes(PlainAxes(figure, (0.2, 0.2, 0.7, 0.7)))
        named(ax)
        figure.draw_without_rendering()
    assert [len(axis.__dict__.get("majorTicks", [])) for axis in (ax.xaxis, ax.yaxis)] == [1, 1]
    assert "minorTicks" not in ax.xaxis.__dict__


def test_a_line_that_a_reader_adds_to_a_panel_of_ours_still_widens_its_limits():
    figure = new_figure(85, 60)
    with house():
        ax = place(figure, 40, 40, 120, 90)
        ax.set_xlim(0, 1)
    ax.plot([0, 700], [0, 30])
    ax.autoscale()
    assert ax.get_xlim()[1] > 700
