"""What a notebook and a terminal show of an association: escaped, small, in the colours of whoever looks."""

import math
import re
from html.parser import HTMLParser

import pytest

from biomarkers.domain.fragments import Axis, association, association_text, axis_for, interval
from biomarkers.domain.numbers import MINUS, NBSP


def rows(**change):
    base = {"prespecified": False, "conf_level": 0.95, "finite": True, "note": "", "method": "likelihood ratio"}
    return [
        base
        | {"cohort": "ER+", "n": 62, "n_events": 47, "estimate": 1.31, "conf_low": 1.11, "conf_high": 1.55, "p_value": 0.001}
        | change,
        base
        | {"cohort": "ER-", "n": 48, "n_events": 44, "estimate": 1.09, "conf_low": 0.94, "conf_high": 1.27, "p_value": 0.25},
        base
        | {"cohort": "all", "n": 110, "n_events": 91, "estimate": 1.19, "conf_low": 1.06, "conf_high": 1.33, "p_value": 0.002},
    ]


TITLE = "TK1 at baseline, per doubling, and PFS · Cox, Efron, strata liver_mets, adjusted for arm"
NOTES = ("4 of 114 patients have no TK1 at baseline. Heterogeneity between cohorts P = 0.10.",)


def fragment(**change):
    return association(rows(**change), title=TITLE, notes=NOTES, following="`.flow`, `.diagnostics()`, `.table`")


def test_a_fragment_of_two_cohorts_is_at_most_3_kilobytes():
    assert len(fragment().encode()) <= 3 * 1024


def test_a_fragment_has_no_colour_and_no_ground_of_its_own():
    text = fragment()
    assert not re.search(r"#[0-9a-fA-F]{3,6}\b", text)
    assert "background:#" not in text
    assert "prefers-color-scheme" not in text
    assert "currentColor" in text
    assert set(re.findall(r"rgba?\([^)]*\)", text)) == {"rgba(128,128,128,.35)"}


def test_a_fragment_escapes_every_text():
    bad = "<script>alert(1)</script>"
    text = association(rows(cohort=bad, note=f"flag: {bad}"), title=bad, notes=(bad,), following=f"`{bad}`")
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 6


def test_a_fragment_is_well_formed_enough_to_close_what_it_opens():
    opened: list[str] = []

    class Check(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in ("path", "th", "td", "tr"):
                opened.append(tag)

        def handle_endtag(self, tag):
            if tag not in ("path", "th", "td", "tr"):
                assert opened.pop() == tag

    Check().feed(fragment())
    assert opened == []


def test_the_first_line_names_the_state_and_the_last_what_to_type():
    text = fragment()
    assert "□ Exploratory" in text
    assert text.index("Exploratory") < text.index("ER+") < text.index("Pooled") < text.index("Next:")
    assert "<code>.diagnostics()</code>" in text


def test_what_nobody_planned_has_open_boxes_that_the_line_does_not_cross():
    text = fragment()
    assert '<div class="bm-a o">' in text
    assert ".bm-a.o .x{fill:none}" in text                              # the class and its box are one element and its child
    assert ".bm-a .o " not in text
    axis = Axis(0.25, 4, 104)
    drawn = interval(axis, 20, estimate=2, low=1, high=4, hollow=True)
    assert 'class="l" d="M52 10H72.5M79.5 10H100"' in drawn
    assert 'class="l"' not in interval(axis, 20, estimate=2, low=1.95, high=2.05, hollow=True)     # all of it is inside the box


def test_a_flag_of_all_rows_is_said_once():
    same = [row | {"note": "flag: moved by the drug"} for row in rows()]
    assert association(same, title=TITLE).count("moved by the drug") == 1
    assert "▲ moved by the drug" in association_text(same, title=TITLE)
    two = [same[0], rows()[1], same[2]]
    assert "▲ ER+, Pooled: moved by the drug" in association_text(two, title=TITLE)


def test_prespecified_rows_say_so_and_have_filled_boxes():
    text = association([r | {"prespecified": True} for r in rows()], title=TITLE)
    assert "■ Prespecified" in text
    assert 'class="bm-a"' in text


def test_a_descriptive_row_has_its_reason_instead_of_a_number():
    text = fragment(note="descriptive only: 3 events in detected")
    assert "descriptive only: 3 events in detected" in text
    assert f"1.31{NBSP}" not in text


def test_a_row_without_estimate_draws_its_limit():
    text = fragment(
        finite=False,
        estimate=math.nan,
        conf_low=1.85,
        conf_high=math.inf,
        note="flag: not estimable, 0 events in 2 not detected; one-sided limit",
    )
    assert "0 events in 2 not detected; lower 95% limit 1.85" in text
    assert 'class="t"' in text


@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_terminal_table_fits_100_columns_and_lines_up(ascii_only):
    lines = association_text(rows(note="flag: 4 of 114 have no TK1"), title="TK1 at baseline", ascii_only=ascii_only).split(
        "\n"
    )
    long = association_text(rows(note=f"flag: {'too long ' * 20}"), title=TITLE * 2, notes=(TITLE * 2,), ascii_only=ascii_only)
    assert max(map(len, [*lines, *long.split("\n")])) <= 100
    columns = {line.index("(") for line in lines[2:5]}
    assert len(columns) == 1
    assert ("■" in lines[2]) != ascii_only
    if ascii_only:
        "\n".join(lines).encode("ascii")
    else:
        assert f"ER{MINUS}" in lines[3]


def test_the_interval_stands_where_its_numbers_are():
    axis = Axis(0.25, 4, 104)
    drawn = interval(axis, 20, estimate=2, low=1, high=4)
    start, end = re.search(r'class="l" d="M([\d.]+) 10H([\d.]+)"', drawn).groups()
    assert (float(start), float(end)) == (52.0, 100.0)
    assert axis.x(2) == 76.0


def test_an_axis_holds_every_limit_up_to_eighteen():
    axis = axis_for([0.2, 5.0, math.inf, math.nan, 0.0], 100)
    assert axis.low < 0.2 < 5.0 < axis.high
    assert axis_for([0.0001, 1e6], 100).high <= 18
    assert axis_for([], 100).low < 0.5


def test_a_limit_beyond_the_axis_ends_in_a_head():
    axis = Axis(0.5, 2, 100)
    assert interval(axis, 20, estimate=1, low=0.4, high=3).count("L") == 2
    assert interval(axis, 20, estimate=1, low=0.6, high=1.5).count("L") == 0


def test_rows_of_one_time_point_stand_under_one_heading():
    rows = [
        {"cohort": cohort, "n": 40, "n_events": 30, "estimate": 1.2, "conf_low": 1.0, "conf_high": 1.5, "p_value": 0.04,
         "finite": True, "heading": heading}
        for heading in ("week 6 <b>", "week 12")
        for cohort in ("ER+", "all")
    ]  # fmt: skip
    said = association_text(rows, title="CTC").splitlines()
    assert [line.strip() for line in said if "week" in line] == ["week 6 <b>", "week 12"]
    page = association(rows, title="CTC")
    assert page.count('scope="rowgroup"') == 2
    assert "week 6 &lt;b&gt;" in page
    assert "week" not in association_text([row | {"heading": ""} for row in rows], title="CTC")


def test_the_heading_of_a_single_row_is_part_of_its_name_and_repeats_nothing():
    base = {"n": 40, "n_events": 30, "estimate": 1.2, "conf_low": 1.0, "conf_high": 1.5, "p_value": 0.04, "finite": True}
    days = ("landmark day 42, window of 84 days", "landmark day 56, window of 84 days")
    alone = [base | {"cohort": "all", "heading": heading} for heading in days]
    said = association_text(alone, title="ctDNA · supermodel, window of 84 days").splitlines()
    assert [line[2:25].strip() for line in said[2:]] == ["Pooled, landmark day 42", "Pooled, landmark day 56"]
    pair = [base | {"cohort": cohort, "heading": heading} for heading in days for cohort in ("ER+", "all")]
    said = association_text(pair, title="ctDNA").splitlines()
    assert [line.strip() for line in said if "landmark" in line] == [days[0], "landmark day 56"]
    page = association([base | {"cohort": "all", "heading": "x" * 60}], title="ctDNA")
    assert page.count('scope="rowgroup"') == 1
