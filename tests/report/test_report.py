"""The report: same results, same bytes; every number that of the table; hostile names inert; nothing private on the page."""

import csv
import html
import io
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.numbers import NBSP
from biomarkers.report import render, report_files, write_report
from biomarkers.report.accounts import ITEMS
from biomarkers.report.drawings import Gallery
from biomarkers.report.view import View, slug, slugs

KIB = 1024


@pytest.fixture(scope="module")
def plain(two):
    """The run of `two` without the tables from which most figures are drawn: for tests of structure."""
    return replace(two, curves=two.curves.iloc[:0], values=two.values.iloc[:0])


class Rows(HTMLParser):
    """Rows of a page that name their line of results.csv, with the text of their cells."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, list[str]]] = []
        self._open: list[str] | None = None
        self._cell = False
        self._hidden = 0

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("tr", "td", "li") and "data-r" in given:
            self.rows.append((int(given["data-r"]), []))
            self._open = self.rows[-1][1]
            if tag != "tr":
                self._open.append("")
        if tag in ("td", "th") and self._open is not None and tag + str(given.get("class")) and "data-r" not in given:
            self._open.append("")
        if tag == "span" and given.get("class") == "hid":
            self._hidden += 1

    def handle_endtag(self, tag):
        if tag == "span" and self._hidden:
            self._hidden -= 1
        if tag in ("tr", "li"):
            self._open = None

    def handle_data(self, data):
        if self._open and not self._hidden:
            self._open[-1] += data


def rows_of(page: bytes) -> list[tuple[int, list[str]]]:
    parser = Rows()
    parser.feed(page.decode())
    return [(key, [c.strip() for c in cells]) for key, cells in parser.rows]


def pages_of(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name.endswith(".html")}


def ids(page: bytes) -> list[str]:
    return re.findall(r'\bid="([^"]+)"', page.decode())


# -- bytes ----------------------------------------------------------------------------------------------------------------


def test_the_same_results_give_the_same_bytes(two, factory, pages):
    again = report_files(factory.results())
    assert list(again) == list(pages)
    for name, data in pages.items():
        assert again[name] == data, name


def test_the_settings_of_the_reader_do_not_change_a_byte(two, pages):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 22, "axes.grid": True, "svg.hashsalt": "x", "text.parse_math": True}):
        assert report_files(two)["report.html"] == pages["report.html"]


def test_what_is_written_is_what_was_made_and_stays_in_the_folder(two, pages, tmp_path):
    out = tmp_path / "deep" / "out"
    written = write_report(two, out)
    assert [str(p.relative_to(out)) for p in written] == list(pages)
    assert all(p.read_bytes() == pages[str(p.relative_to(out))] for p in written)
    assert {p for p in tmp_path.rglob("*") if p.is_file()} == set(written)


def test_cohorts_have_their_own_folders(pages):
    assert {"report.html", "cohorts/er-plus/report.html", "cohorts/er-minus/report.html"} <= set(pages)
    assert any(name.startswith("figures/") and name.endswith(".svg") for name in pages)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("ER+", "er-plus"),
        ("ER-", "er-minus"),
        ("ER−", "er-minus"),
        ("../../etc/passwd", "etc-passwd"),
        ("HER2-low", "her2-low"),
        ("A/B\\C", "a-b-c"),
        ("", "cohort"),
        ("日本", "cohort"),
        ("x" * 300, "x" * 40),
    ],
)
def test_a_slug_is_a_safe_folder(name, folder):
    assert slug(name) == folder


def test_slugs_never_collide():
    names = ["ER+", "ER +", "er+", "ER−", "ER-", "日本", "中国", "cohort", "x" * 50, "x" * 60]
    assert len(set(slugs(names).values())) == len(names)


# -- numbers --------------------------------------------------------------------------------------------------------------


def as_csv(table: pd.DataFrame) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.to_csv(index=False))))


def number(cell: str) -> float:
    return float(cell) if cell else math.nan


def test_every_number_of_a_forest_row_is_that_line_of_the_csv_rounded(two, pages):
    lines = as_csv(two.table)
    seen = 0
    for name in ("cohorts/er-plus/report.html", "cohorts/er-minus/report.html"):
        section = pages[name].decode().partition('id="assoc"')[2].partition('id="km"')[0]
        for key, cells in rows_of(section.encode()):
            row = lines[key - 1]
            assert row["cohort"] in ("ER+", "ER-")
            label, n, events, *rest = cells
            assert n == numbers.count(number(row["n"]))
            assert events == numbers.count(number(row["n_events"]))
            if row["finite"] == "True" and row["method"] != "refused" and not row["note"].startswith("descriptive"):
                ratio, p, adjusted = (c.replace("▲ ", "") for c in rest[1:4])
                assert ratio == numbers.interval(*(number(row[k]) for k in ("estimate", "conf_low", "conf_high")))
                assert p == numbers.p(number(row["p_value"]))
                expected = numbers.p(number(row["p_adjusted"])) if row["prespecified"] == "True" else "not in plan"
                assert adjusted == expected
                seen += 1
            assert label
    assert seen == 16


def test_every_cell_of_the_matrix_is_that_line_of_the_csv_rounded(two, pages):
    lines = as_csv(two.table)
    section = pages["report.html"].decode().partition('id="matrix"')[2].partition('id="forest"')[0]
    cells = re.findall(r'<td class="[^"]*" data-l="(?:ER\+|ER−|Pooled)" data-r="(\d+)">(.*?)</td>', section, re.DOTALL)
    assert len(cells) == 3 * 8 + 3
    for key, inside in cells:
        row = lines[int(key) - 1]
        words = html.unescape(re.sub(r"<svg.*?</svg>|<[^>]+>", "", inside)).replace("▲ ", "").strip()
        if row["finite"] == "True" and row["method"] != "refused" and not row["note"].startswith("descriptive"):
            assert words == numbers.interval(*(number(row[k]) for k in ("estimate", "conf_low", "conf_high")))


def test_every_finding_holds_the_numbers_of_its_line(two, pages):
    lines = as_csv(two.table)
    for page in pages_of(pages).values():
        section = page.decode().partition('<ul class="find">')[2].partition("</ul>")[0]
        found = rows_of(section.encode())
        assert found
        for key, cells in found:
            row = lines[key - 1]
            words = " ".join(cells)
            assert f"{row['n'].split('.')[0]} patients" in words
            assert f"{row['n_events'].split('.')[0]} events" in words
            if row["finite"] == "True":
                assert numbers.p_equals(number(row["p_value"])) in words
                assert numbers.ratio(number(row["estimate"])) in words


def test_flow_counts_of_the_page_are_those_of_the_ledger(two, pages):
    section = pages["cohorts/er-plus/report.html"].decode().partition('id="flow"')[2].partition('id="patients"')[0]
    boxes = [int(x) for x in re.findall(r'<div class="st"><span>[^<]*</span><b>(\d+)</b>', section)]
    gone = [int(x) for x in re.findall(r"<li>[^<]* <b>(\d+)</b>", section)]
    assert boxes[0] - sum(gone) == boxes[-1]
    flow = two.flow[(two.flow["analysis"] == "ctc5_week6") & (two.flow["cohort"] == "ER+")]
    assert boxes[-1] == flow.loc[flow["reason"] == "included", "n_left"].sum()


def test_no_number_reads_inf_nan_or_none(pages, hostile_pages):
    for page in (*pages_of(pages).values(), *pages_of(hostile_pages).values()):
        words = re.sub(r"<style>.*?</style>|<script>.*?</script>|<[^>]+>|data:[^\"]+", " ", page.decode(), flags=re.DOTALL)
        assert not re.search(r"\b(?:nan|inf|None|NaN|<NA>|1e[+-]?\d+)\b", words)


# -- states ---------------------------------------------------------------------------------------------------------------


def association(page: bytes) -> str:
    return page.decode().partition('id="assoc"')[2].partition("</section>")[0]


def test_a_row_without_a_model_has_neither_box_nor_p(pages):
    row = re.search(
        r"<tr[^>]*>(?:(?!</tr>).)*Plasma MRD(?:(?!</tr>).)*</tr>", association(pages["cohorts/er-plus/report.html"]), re.DOTALL
    )[0]
    assert 'class="x"' not in row
    assert 'class="l"' not in row
    assert "3 events in detected" in row
    assert 'class="n cp"' not in row


def test_a_row_that_is_not_estimable_shows_an_arrow_and_its_limit(pages):
    row = re.search(
        r"<tr[^>]*>(?:(?!</tr>).)*Plasma MRD(?:(?!</tr>).)*</tr>", association(pages["cohorts/er-minus/report.html"]), re.DOTALL
    )[0]
    assert 'class="t"' in row
    assert "lower 95% limit 1.85" in row


def test_a_refused_row_links_to_its_reason(pages):
    page = pages["cohorts/er-plus/report.html"].decode()
    assert 'href="#refused"' in page
    assert 'id="refused"' in page
    assert "2 of 37 patients have 5 cells or more, with 1 event" in page


def test_the_flag_stands_before_its_number_and_first_on_the_page(pages):
    page = pages["cohorts/er-plus/report.html"].decode()
    assert re.search(r'<span class="fl"[^>]*>▲</span> \d\.\d+', page)
    assert page.index("hazards are not proportional") < page.index("Findings")


def test_an_exploratory_row_says_not_in_plan(pages):
    row = re.search(r'<tr class="i e"(?:(?!</tr>).)*</tr>', association(pages["cohorts/er-plus/report.html"]), re.DOTALL)[0]
    assert "not in plan" in row
    assert "Exploratory" in row


# -- structure ------------------------------------------------------------------------------------------------------------


def test_every_anchor_of_a_page_exists_once(pages, hostile_pages):
    for page in (*pages_of(pages).values(), *pages_of(hostile_pages).values()):
        names = ids(page)
        assert len(names) == len(set(names))
        for target in re.findall(r'href="#([^"]+)"', page.decode()):
            assert target in names, target


def test_links_between_pages_lead_to_pages(pages):
    for name, page in pages_of(pages).items():
        folder = name.split("/")[:-1]
        for target in re.findall(r'href="([^"#]+)(?:#[^"]*)?"', page.decode()):
            path = list(folder)
            for part in target.split("/"):
                path = path[:-1] if part == ".." else [*path, part]
            assert "/".join(path) in pages, (name, target)


def test_remark_has_twenty_rows_each_with_an_anchor_or_a_missing_field(pages):
    assert [item.number for item in ITEMS] == list(range(1, 21))
    for page in pages_of(pages).values():
        text = page.decode()
        section = text.partition('id="remark"')[2].partition("</section>")[0]
        rows = re.findall(r"<tr><th scope=\"row\">(\d+)</th>(.*?)</tr>", section, re.DOTALL)
        assert [int(n) for n, _ in rows] == list(range(1, 21))
        for _, cells in rows:
            link = re.search(r'href="#([^"]+)"', cells)
            assert (link and f'id="{link[1]}"' in text) or "study.toml" in cells


def test_a_remark_note_of_the_study_answers_its_item(plain):
    design = replace(plain.design, notes=("REMARK 2: women with HER2-positive disease", "Synthetic."))
    page = report_files(replace(plain, design=design))["report.html"].decode()
    section = page.partition('id="remark"')[2]
    assert "women with HER2-positive disease" in html.unescape(re.sub(r"<[^>]+>", "", section))
    assert "REMARK 2:" not in re.sub(r"<[^>]+>", "", page.partition('id="study"')[2].partition("</section>")[0])


@pytest.mark.parametrize(
    ("field", "anchor"),
    [
        ("curves", "km"),
        ("values", "dist"),
        ("patients", "patients"),
        ("endpoints", "endpoints"),
        ("problems", "problems"),
        ("flow", "flow"),
        ("ledger", "ledger"),
    ],
)
def test_a_section_without_data_is_absent_not_empty(plain, pages, field, anchor):
    assert f'id="{anchor}"' in pages["report.html"].decode()
    files = report_files(replace(plain, **{field: getattr(plain, field).iloc[:0]}))
    for page in pages_of(files).values():
        assert f'id="{anchor}"' not in page.decode()
        assert page.decode().count('id="remark"') == 1


def test_a_run_without_cohorts_has_one_page_with_its_forest(plain):
    table = plain.table[plain.table["cohort"] == "all"].query("estimand == 'hazard ratio'")
    empty = {
        name: getattr(plain, name).iloc[:0]
        for name in ("flow", "curves", "medians", "values", "availability", "patients", "endpoints")
    }
    alone = replace(plain, design=replace(plain.design, cohorts=()), table=table, **empty)
    files = report_files(alone)
    assert list(pages_of(files)) == ["report.html"]
    assert 'class="forest"' in files["report.html"].decode()


def test_a_study_without_arms_has_a_report(plain):
    """STOP-HER2 has cohorts and no arms: its flow has no such column."""
    design = replace(plain.design, arms=())
    together = (
        plain.flow.groupby(["analysis", "marker", "timing", "cohort", "reason", "detail"], sort=False)[
            ["n_excluded", "n_left", "total"]
        ]
        .sum()
        .reset_index()
    )
    single = plain.patients[plain.patients["arm"] == ""]
    files = report_files(
        replace(plain, design=design, flow=together, patients=single, endpoints=plain.endpoints[plain.endpoints["arm"] == ""])
    )
    page = files["cohorts/er-plus/report.html"].decode()
    assert 'id="flow"' in page
    assert "by arm" not in page.partition('id="patients"')[2].partition("</section>")[0]


def test_an_interaction_has_its_section_with_the_ratio_as_the_claim(plain, factory):
    extra = [
        factory.row(
            analysis="tk1_pfs",
            contrast=f"per doubling, in {arm}",
            note="subgroup: shown beside the interaction test, never a claim by itself",
            p_value=p,
        )
        for arm, p in (("T-DM1", 0.011), ("T-DM1 + abemaciclib", 0.412))
    ] + [
        factory.row(
            analysis="tk1_pfs",
            term="marker:arm",
            estimand="ratio of hazard ratios",
            estimate=0.89,
            conf_low=0.52,
            conf_high=1.51,
            p_value=0.65,
            contrast="per doubling, T-DM1 + abemaciclib against T-DM1",
        )
    ]
    table = pd.concat([plain.table, pd.DataFrame(extra)], ignore_index=True)
    page = report_files(replace(plain, table=table))["cohorts/er-plus/report.html"].decode()
    section = page.partition('id="interaction"')[2].partition("</section>")[0]
    assert f"0.89{NBSP}(0.52–1.51)" in section
    assert "0.65" in section
    assert "0.011" not in section, "a subgroup has no P of its own here"
    assert "in T-DM1" not in re.sub(r"<[^>]+>", "", association(page.encode()))


def test_two_endpoints_have_a_table_each(plain):
    other = plain.table.copy()
    other["endpoint"] = "os"
    page = report_files(replace(plain, table=pd.concat([plain.table, other], ignore_index=True)))
    text = association(page["cohorts/er-plus/report.html"])
    assert text.count('<table class="forest">') == 2
    assert "Markers and OS" in text


def test_the_order_of_the_design_is_kept_on_every_page(plain):
    flipped = replace(plain, design=replace(plain.design, cohorts=("ER-", "ER+")))
    page = report_files(flipped)["report.html"].decode()
    assert page.index("cohorts/er-minus/report.html") < page.index("cohorts/er-plus/report.html")
    heads = re.findall(r'<th scope="col" class="k"[^>]*>([^<]+)', page)
    assert heads == ["ER−", "ER+"]


# -- trust ----------------------------------------------------------------------------------------------------------------


def test_a_page_may_load_nothing(pages, hostile_pages):
    for page in (*pages_of(pages).values(), *pages_of(hostile_pages).values()):
        text = page.decode()
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
        assert policy.startswith("default-src 'none'")
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)
        assert not re.search(r"@import|url\((?!#)", text)


def test_hostile_names_are_text_everywhere(hostile_pages):
    for name, data in hostile_pages.items():
        text = data.decode()
        if not name.endswith(".csv"):          # a table in a spreadsheet has no markup; its formulas have a test of their own
            assert "<script>alert" not in text, name
            assert "<img src=x" not in text, name
        assert "\u202e" not in text, name
        assert "\x00" not in text, name
        if name.endswith("report.html"):
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
            assert "{{ 7*7 }}" in text
            assert len(re.findall(r"<script\b", text)) == (1 if name == "report.html" else 0)
        assert ".." not in name
        assert re.fullmatch(r"[a-z0-9/.\-]+", name), name


def test_no_subject_and_no_value_of_a_problem_reaches_a_page(plain):
    canary = plain.problems.assign(subject="CANARY-0042", value="SECRET-7.5", problem="subject CANARY-0042 has SECRET-7.5 here")
    files = report_files(replace(plain, problems=canary))
    for data in files.values():
        assert b"CANARY" not in data
        assert b"SECRET" not in data
    assert "remove the space" in files["report.html"].decode()


def test_no_path_user_host_or_clock_stands_on_a_page(pages):
    for name, data in pages.items():
        text = data.decode()
        assert str(Path(__file__).resolve().parents[2]) not in text, name
        assert "/home/" not in text, name
        assert not re.search(r"\b20[2-4]\d-\d\d-\d\d[T ]\d\d:", text), name


def test_marks_of_a_page_carry_no_identifier(two, pages):
    assert "subject" not in two.values.columns
    assert b"BR-047" not in b"".join(pages.values())


# -- size -----------------------------------------------------------------------------------------------------------------


def figures_on(page: bytes) -> int:
    return page.decode().count("at risk just before")


def test_pages_keep_to_their_budget(pages, hostile_pages):
    for files in (pages, hostile_pages):
        for name, page in pages_of(files).items():
            limit = 4096 if name == "report.html" else min(1536, 150 + 110 * figures_on(page))
            assert len(page) <= limit * KIB, (name, len(page) // KIB)


def test_the_style_sheet_keeps_to_14_kilobytes(pages):
    for page in pages_of(pages).values():
        style = re.search(r"<style>(.*?)</style>", page.decode(), re.DOTALL)[1]
        assert len(style) <= 14 * KIB


@pytest.fixture(scope="module")
def sixty(factory):
    """Sixty markers in six cohorts: the page of all cohorts and that of the largest."""
    names = ("ER+ untreated", "ER+ treated", "ER- untreated", "ER- treated", "Brain metastases", "HER2-low")
    run = factory.results(cohorts=names, n_markers=60)
    lines = tuple(tables.lines(run.table, run.design))
    every = View(run, None, lines, slugs(names))
    largest = View(run, "HER2-low", lines, slugs(names))
    return {
        "report.html": render._html(render._overall(every, Gallery())),
        "cohorts/her2-low/report.html": render._html(render._cohort(largest, every, Gallery())),
    }


def test_sixty_markers_in_six_cohorts_stay_within_the_budget_and_complete(sixty):
    page = sixty["report.html"].decode()
    matrix = page.partition('id="matrix"')[2].partition("</section>")[0]
    assert len(re.findall(r'<tr class="i', matrix)) == 60
    assert len(re.findall(r'data-l="[^"]*" data-r=', matrix)) == 60 * 9
    for name, data in pages_of(sixty).items():
        assert len(data) <= (4096 if name == "report.html" else 1536) * KIB, name


def test_the_summary_of_many_markers_names_what_holds_first(sixty):
    page = sixty["report.html"].decode()
    found = page.partition('<ul class="find">')[2].partition("</ul>")[0]
    assert found.count("<li") == 10
    assert "further question" in page


def test_tints_stand_only_where_the_adjusted_p_is_below_5_percent(two, pages):
    page = pages["report.html"].decode()
    lines = as_csv(two.table)
    for kind, key in re.findall(r'<td class="(up|down)?(?: po)?" data-l="[^"]+" data-r="(\d+)"', page):
        row = lines[int(key) - 1]
        held = row["p_adjusted"] != "" and float(row["p_adjusted"]) < 0.05 and row["estimand"] == "hazard ratio"
        assert bool(kind) == held
        if kind:
            assert (kind == "up") == (float(row["estimate"]) > 1)


def test_tables_are_tables_with_captions_and_scopes(pages):
    for page in pages_of(pages).values():
        text = page.decode()
        assert text.count("<table") == text.count("<caption>") > 5
        assert not re.search(r"<th\b(?![^>]*scope=)[^>]*>", text)
        assert '<html lang="en">' in text
        assert len(re.findall(r"<h1", text)) == 1


def test_alt_text_is_a_sentence_with_numbers(pages):
    for page in pages_of(pages).values():
        for alt in re.findall(r'<img alt="([^"]*)"', page.decode()):
            assert len(alt) > 40
            assert re.search(r"\d", alt)


def test_lines_are_made_without_touching_the_table(two):
    before = two.table.copy(deep=True)
    tables.lines(two.table, two.design)
    pd.testing.assert_frame_equal(two.table, before)
    assert np.isfinite([x.estimate for x in tables.lines(two.table, two.design) if x.modelled]).all()


# -- methods.md -----------------------------------------------------------------------------------------------------------


def test_the_methods_paragraph_says_what_was_run(two, pages):
    words = pages["methods.md"].decode()
    assert "two cohorts (ER+ and ER−), each separately" in words
    assert f"{int(two.ledger['prespecified'].sum())} tests were prespecified (plan sha256 9f41c2d09f41) in 3 families" in words
    assert "Holm's method" in words
    assert "1 row is without a finite estimate" in words
    assert "1 row is refused as misleading" in words
    assert "no cut-point was searched for" in words


def test_a_clause_without_data_is_not_in_the_methods(plain):
    words = report_files(replace(plain, ledger=plain.ledger.iloc[:0]))["methods.md"].decode()
    assert "Kaplan" not in words, "no curve was drawn"
    assert "prespecified" not in words


def test_hostile_names_are_no_markup_in_the_methods(hostile_pages):
    words = hostile_pages["methods.md"].decode()
    assert "<" not in words
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in words
