"""What all figures of single patients share: no identifier, no width they cannot have, no word outside, nobody is said so."""

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import pytest

from biomarkers.figures import FIGURES, themed
from biomarkers.figures.people import SAMPLE, Entry, key_height, key_lines
from biomarkers.figures.style import NOTE, house, width

NAME = "biomarkers_people_tables"
if NAME not in sys.modules:
    SPEC = spec_from_file_location(NAME, Path(__file__).with_name("people_tables.py"))
    sys.modules[NAME] = module_from_spec(SPEC)
    SPEC.loader.exec_module(sys.modules[NAME])
PEOPLE = sys.modules[NAME]
WIDE = [n for n in PEOPLE.TABLES if n != "genotype_outcome"]       # that one has the widths of `kaplan_meier`


def words(figure):
    return [t.get_text() for t in figure.findobj(mpl.text.Text) if t.get_text().strip() and t.get_visible()]


def outside(figure):
    figure.set_dpi(288)         # at 72 a pixel is a point, and hinting widens a row of thin letters by a tenth
    figure.draw_without_rendering()
    found = []
    for text in figure.findobj(mpl.text.Text):
        if text.get_text().strip() and text.get_visible():
            box = text.get_window_extent()
            if box.x0 < -1 or box.x1 > figure.bbox.x1 + 1 or box.y0 < -1 or box.y1 > figure.bbox.y1 + 1:
                found.append(text.get_text())
    return found


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("width_mm", [89, 120, 183])
def test_every_word_stays_inside_at_the_widths_of_journals_even_a_hostile_one(name, width_mm, hostile):
    table, more = PEOPLE.whole(name, hostile)
    figure = FIGURES[name].compose(table, **more, width_mm=width_mm)
    assert outside(figure) == []
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(width_mm)


@pytest.mark.parametrize("name", WIDE)
def test_names_of_200_letters_are_cut_and_run_over_nothing(name):
    long = SimpleNamespace(design=SimpleNamespace(cohorts=("i" * 200, "العربية", "👩 emoji 🧬"), arms=("A", "il" * 100)))
    table, more = PEOPLE.whole(name, long)
    figure = FIGURES[name].compose(table, **more, width_mm=89)
    with house():
        assert outside(figure) == []
        for ax in figure.axes:
            shown = [t for t in ax.texts if t.get_text().strip()]
            titles = [t.get_window_extent() for t in shown if t.get_fontweight() == "bold"]
            notes = [t for t in shown if "patient" in t.get_text()]
            assert not [n.get_text() for n in notes for t in titles if n.get_window_extent().overlaps(t)]


def test_a_specification_curve_leaves_its_axis_room_at_89_mm(two):
    table, more = PEOPLE.whole("specification_curve", two)
    (ax,) = FIGURES["specification_curve"].compose(table, **more, width_mm=89).axes
    assert ax.get_position().width * 89 / 25.4 * 72 > 60


@pytest.mark.parametrize("name", [n for n in PEOPLE.TABLES if n != "specification_curve"])
def test_a_figure_without_anybody_says_so(name, two):
    table, more = PEOPLE.whole(name, two)
    figure = FIGURES[name].compose(table.iloc[:0], **more)
    assert any(re.search(r"\bnobody\b|\bno record\b", w) for w in words(figure))
    assert outside(figure) == []


@pytest.mark.parametrize("name", ["trajectories", "swimmer", "spider", "state_occupation", "losses"])
def test_a_group_of_the_design_without_anybody_keeps_its_place_and_says_so(name, two):
    table, more = PEOPLE.whole(name, two)
    last = two.design.cohorts[-1]
    figure = FIGURES[name].compose(table[table["cohort"] != last], **more)
    assert last.replace("-", "−") in words(figure)
    assert any("nobody" in w for w in words(figure))


@pytest.mark.parametrize("name", ["trajectories", "swimmer", "waterfall", "spider"])
def test_no_figure_carries_an_identifier(name, two):
    table, more = PEOPLE.whole(name, two)
    svg = themed(FIGURES[name].compose(table, **more)).decode()
    assert table["subject"].nunique() > 10
    assert not [s for s in table["subject"].unique() if s in svg]


@pytest.mark.parametrize("name", ["trajectories", "swimmer", "waterfall", "spider", "losses", "state_occupation"])
def test_the_order_of_the_rows_does_not_matter(name, two):
    table, more = PEOPLE.whole(name, two)
    table = table.assign(**{c: table[c].round(9) for c in table.select_dtypes("float").columns})
    usual = words(FIGURES[name].compose(table, **more))
    mixed = words(FIGURES[name].compose(table.sample(frac=1, random_state=1), **more))
    assert sorted(mixed) == sorted(usual)


def test_a_key_is_cut_into_lines_that_fit_and_a_long_name_is_shortened():
    entries = [Entry("detected"), Entry("not detected"), Entry("x" * 200)]
    lines = key_lines(entries, 120)
    assert [len(line) for line in lines] == [2, 1]
    assert lines[1][0][1].endswith("…")
    assert all(x + SAMPLE + 3 + width(words, NOTE) <= 120 for line in lines for x, words, _ in line)
    assert key_height(entries, 120) > key_height(entries[:2], 120)
