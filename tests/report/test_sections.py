"""Sections beside the hazard ratios: every number of them is a number of their CSV, rounded; files of a run; hostile names."""

import csv
import html
import io
import math
import re
import zipfile
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser

import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain.errors import UseError
from biomarkers.report import paper, report_files
from biomarkers.report.folder import TABLES, csv_text, report, verify
from biomarkers.report.known import FEWEST, LARGE

PLAN = """
title = "Sections, version {version}"
version = {version}
study = "study.toml"
multiplicity = "holm"
power_replicates = 20
{amends}
[[analysis]]
id = "til"
marker = "stil"
interaction = "arm"
permutations = 0
sensitivity = true
[[analysis]]
id = "tk1"
marker = "tk1_dul"
permutations = 0
{more}
[[analysis]]
id = "cd8"
marker = "cd8"
permutations = 0
[[analysis]]
id = "genotype"
marker = "fcgr3a_158"
permutations = 0
[[analysis]]
id = "tk1_week6"
marker = "tk1_dul"
at = {{ day = 49, visit = "week6" }}
feature = "detected"
permutations = 0
[[analysis]]
id = "ctdna_week6"
marker = "ctdna_mtm"
at = {{ day = 49, visit = "week6" }}
feature = "change"
permutations = 0
"""
SECTIONS = ("detectable", "specimens", "sensitivity", "by_variable", "correlation", "multivariable", "added_value", "genotypes",
            "readers", "results")
SCALES = (1.0, 100.0, 1 / 7, 12 / 365.25)
"""A number as it is, in percent, and days in weeks and months."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small plan on the sample study, its second version: every section has rows."""
    folder = tmp_path_factory.mktemp("plans")
    (folder / "one.toml").write_text(PLAN.format(version=1, amends="", more='cut = "registry"'))
    (folder / "two.toml").write_text(PLAN.format(version=2, amends='amends = "one.toml"', more=""))
    return bm.Plan.read(folder / "two.toml").run(bm.load_example("br1801"))


@pytest.fixture(scope="module")
def made(run):
    return report_files(run)


@pytest.fixture(scope="module")
def bare(run):
    """The same run without what most figures are drawn from: for tests of tables and files."""
    return replace(run, curves=run.curves[:0], values=run.values[:0], sensitivity=run.sensitivity[:0],
                   over_time=type(run.over_time)(), pictures=type(run.pictures)(), trial=type(run.trial)())


def lines_of(run) -> dict[str, list[dict[str, str]]]:
    """The companions of results.csv as a reader has them: parsed from their CSV."""
    out = {}
    for name, attribute in TABLES.items():
        table = run
        for part in attribute.split("."):
            table = getattr(table, part)
        out[name.removesuffix(".csv")] = list(csv.DictReader(io.StringIO(csv_text(table)))) if len(table) else []
    return out


class Sourced(HTMLParser):
    """Cells that name their table and line, themselves or through their row."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[tuple[str, str]] = []
        self._row = self._cell = ""
        self._text: list[str] | None = None

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "tr":
            self._row = given.get("data-s", "")
        if tag == "td":
            self._cell = given.get("data-s", "") or self._row
            self._text = []

    def handle_data(self, data):
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag):
        if tag == "td" and self._text is not None:
            if self._cell:
                self.cells.append((self._cell, "".join(self._text)))
            self._text = None


def printed(words: str) -> list[str]:
    words = words.replace("\u202f", "").replace("\u2212", "-")
    return re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", words)


def values(rows: list[dict[str, str]]) -> tuple[list[float], set[str]]:
    """Numbers of these lines, and the digits that stand in their words."""
    found, said = [], set()
    for row in rows:
        for cell in row.values():
            try:
                x = float(cell)
            except ValueError:
                said.update(printed(cell))
                continue
            if math.isfinite(x):
                found += [x, *([1 / x] if x else [])]
        if {"n", "n_known"} <= set(row):
            found.append(float(row["n"]) / float(row["n_known"]))
    return found, said


def test_every_number_of_a_sourced_cell_is_a_number_of_its_line(run, made):
    tables = lines_of(run)
    seen: dict[str, int] = {}
    for name in ("report.html", "cohorts/er-plus/report.html", "cohorts/er-minus/report.html"):
        parser = Sourced()
        parser.feed(made[name].decode())
        for source, words in parser.cells:
            table, line = source.split(":")
            if table not in SECTIONS:              # the trial's own: tests/report/test_trial_sections.py
                continue
            place = int(line) - 1
            rows = tables[table][place : place + (3 if table == "genotypes" else 1)]
            found, said = values(rows)
            for digits in printed(words):
                half = 0.5 * 10.0 ** -len(digits.partition(".")[2]) + 1e-9
                if digits in ("0.001", "0.99") or digits in said:      # "<0.001"; "per 10 points"
                    continue
                fits = any(abs(float(digits) - x * scale) <= half for x in found for scale in SCALES)
                assert fits, (name, source, words, rows)
                seen[table] = seen.get(table, 0) + 1
    assert set(SECTIONS) == set(seen), seen
    assert min(seen.values()) >= 5, seen


def section(page: bytes, anchor: str) -> str:
    found = re.search(rf'<section id="{anchor}".*?</section>', page.decode(), re.DOTALL)
    assert found, anchor
    return html.unescape(found[0])


def test_the_page_of_a_cohort_has_every_section_that_its_tables_allow(made):
    page = made["cohorts/er-plus/report.html"].decode()
    for anchor in ("byvariable", "multivariable", "landmark", "overtime", "genotypes", "power", "sens", "amendments"):
        assert f'<section id="{anchor}"' in page, anchor
    assert 'id="specification"' in page


def test_an_amendment_is_listed_with_what_stood_before(made):
    words = section(made["report.html"], "amendments")
    assert "registry" in words
    assert "none" in words
    assert "differences from the plan that this one" in words


def test_a_difference_is_flagged_by_its_size_and_the_patients_behind_it(run, made):
    """Every flag of the table, and no other row, is large with enough patients unknown."""
    rows = lines_of(run)["specimens"]
    parser = Sourced()
    page = made["cohorts/er-plus/report.html"].decode().partition('id="patients"')[2].partition("</section>")[0]
    parser.feed(page)
    flagged = 0
    for source, words in parser.cells:
        row = rows[int(source.split(":")[1]) - 1]
        difference = row["standardised_difference"]
        shown = words.replace("▲", "").replace("\u2212", "-").strip()
        if difference and re.fullmatch(r"-?\d+\.\d\d", shown) and shown == f"{float(difference):.2f}".replace("-0.00", "0.00"):
            large = abs(float(difference)) >= LARGE and int(row["n_unknown"]) >= FEWEST
            assert ("▲" in words) == large, (source, words)
            flagged += large
    assert flagged


def test_markers_known_in_nearly_everybody_are_named_and_not_compared(made):
    words = section(made["cohorts/er-plus/report.html"], "patients")
    assert "Not known in fewer than five, and not compared" in words
    assert re.search(r"FCGR3A-158</span> 1|FCGR3A-158 1", words)


def test_every_standard_variable_stands_in_the_model_of_every_marker(made):
    words = section(made["cohorts/er-plus/report.html"], "multivariable")
    rows = re.findall(r"<tr[^>]*><th scope=\"row\">(.*?)</tr>", words, re.DOTALL)
    fitted = [r for r in rows if "(" in r]
    assert len(fitted) == 4
    for row in fitted:
        assert len(re.findall(r"\d\.\d+\xa0\(", row)) >= 4, "marker, arm, liver metastases, age"
    assert "1 against 0" in words
    assert "counted in the ledger" in words


def test_landmark_losses_add_up_in_every_row(made):
    words = section(made["cohorts/er-plus/report.html"], "landmark")
    rows = re.findall(r"<tr[^>]*><th scope=\"row\">[^<]*(?:<span[^>]*>[^<]*</span>[^<]*)*</th>(.*?)</tr>", words, re.DOTALL)
    counted = 0
    for row in rows:
        cells = [re.sub(r"<[^>]+>", "", c) for c in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        followed, event, censored, risk, none, incomplete, analysed = map(int, cells[:7])
        assert followed - event - censored == risk
        assert risk - none - incomplete == analysed
        counted += 1
    assert counted == 6, "two analyses, each whole and by arm"


def test_the_closest_pairs_stand_in_for_a_triangle_of_many_markers(run):
    from biomarkers.report import variables
    from biomarkers.report.blocks import Numbering
    from biomarkers.report.view import View

    rows = run.beside.correlation
    rows = rows[rows["cohort"] == "ER+"]
    more = pd.concat([rows.assign(marker_1=rows["marker_1"] + f"_{i}", estimate=0.9 - i / 100) for i in range(20)])
    assert len(set(more["marker_1"])) > variables.MOST_MARKERS
    many = replace(run, beside=replace(run.beside, correlation=more.reset_index(drop=True)))
    found = variables.by_variable_section(View(many, "ER+", (), {}), Numbering())
    grid = found.blocks[-1].grid
    assert grid.caption.startswith("The 12 closest of")
    assert [row.cells[-1].text[:4] for row in grid.rows][:7] == ["0.90"] * 6 + ["0.89"]


def test_what_a_run_has_not_is_no_section(bare):
    nothing = replace(bare, beside=type(bare.beside)(), amendments=bare.amendments[:0], flow=bare.flow[:0])
    for name, page in report_files(nothing).items():
        if name.endswith(".html"):
            for anchor in ("byvariable", "multivariable", "genotypes", "overtime", "amendments", "landmark"):
                assert f'id="{anchor}"' not in page.decode(), (name, anchor)


def test_pictures_of_patients_carry_no_identifier(run, made):
    subjects = set(bm.load_example("br1801").members["subject"])
    for table in (*run.over_time.trajectories.values(), *run.over_time.lanes.values(), *run.over_time.changes.values()):
        assert not subjects & set(map(str, table["subject"]))
        assert not {"specimen", "site"} & set(table)
    whole = b"".join(made.values()).decode("utf-8", "ignore")
    assert not [s for s in subjects if s in whole]


def test_a_page_keeps_to_its_budget_with_every_section(made):
    for name, page in made.items():
        if name.startswith("cohorts/") and name.endswith(".html"):
            curves = page.decode().count("at risk just before")
            assert len(page) <= min(1536, 150 + 110 * max(curves, 2)) * 1024, (name, len(page) // 1024)


# -- REMARK ---------------------------------------------------------------------------------------------------------------


def test_every_remark_row_leads_to_a_section_that_exists_or_names_a_field(made):
    for name, page in made.items():
        if not name.endswith("report.html"):
            continue
        text = page.decode()
        part = text.partition('<section id="remark"')[2].partition("</section>")[0]
        rows = re.findall(r"<tr><th scope=\"row\">(\d+)</th>(.*?)</tr>", part, re.DOTALL)
        assert [int(n) for n, _ in rows] == list(range(1, 21)), name
        for n, cells in rows:
            link = re.search(r'href="#([^"]+)"', cells)
            assert (link and f'id="{link[1]}"' in text) or "study.toml" in cells, (name, n)
        by_number = dict(rows)
        answers = {"9": "power", "14": "byvariable", "16": "multivariable", "17": "multivariable", "18": "sens"}
        for n, anchor in answers.items():
            assert f'href="#{anchor}"' in by_number[n], (name, n)


# -- files ----------------------------------------------------------------------------------------------------------------


def test_every_table_of_a_page_is_a_file_with_its_words(made):
    page = made["cohorts/er-plus/report.html"].decode()
    numbers = [int(n) for n in re.findall(r"<caption><b>Table (\d+)\.</b>", page)]
    files = sorted(n for n in made if n.startswith("tables/er-plus-table-"))
    assert [int(re.search(r"table-(\d+)", f)[1]) for f in files] == sorted(numbers)
    words = html.unescape(re.sub(r"<[^>]+>", "", page))
    for name in files:
        assert made[name].startswith(b"\xef\xbb\xbf"), "Excel knows UTF-8 by its mark"
        rows = list(csv.reader(io.StringIO(made[name].decode("utf-8-sig"))))
        assert len({len(row) for row in rows}) == 1, name
        assert len(rows) > 1, name
        for cell in rows[1][1:]:
            plain = cell.lstrip("'▲ ")
            assert plain in words.replace("\xa0", " "), (name, cell)


def test_an_interaction_has_the_arm_s_effect_along_the_marker_beneath_its_test(made):
    page = made["cohorts/er-plus/report.html"].decode()
    section = page.partition('<section id="interaction"')[2].partition("</section>")[0]
    assert "Effect of the arm along Stromal TIL, T-DM1 + abemaciclib against T-DM1: shape only" in html.unescape(section)
    assert "figures/er-plus-arm-effect-til.svg" in made
    behind = next(n for n in made if re.match(r"tables/er-plus-figure-\d+-interaction.csv", n))
    rows = list(csv.reader(io.StringIO(made[behind].decode("utf-8-sig"))))
    assert rows[0][1:] == ["n", "Events", "HR between arms (95% CI)"]
    assert len(rows) > 3


class Folded(HTMLParser):
    """The tables inside `details`, row by row, by the figure that their summary names."""

    def __init__(self, page):
        super().__init__()
        self.tables, self.figure, self.inside, self.cell, self.kind = {}, 0, False, None, ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.inside = self.inside or tag == "details"
        if self.inside and tag == "tr":
            self.kind = dict(attrs).get("class", "")
            self.tables.setdefault(self.figure, []).append((self.kind, []))
        if self.inside and tag in ("th", "td", "summary"):
            self.cell = ""

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data

    def handle_endtag(self, tag):
        if self.inside and tag == "summary":
            self.inside = self.cell.startswith("Numbers behind")       # results in words are folded too, and are no table
            self.figure = int(self.cell.removeprefix("Numbers behind Figure ")) if self.inside else 0
            self.cell = None
        if self.inside and tag in ("th", "td"):
            self.tables[self.figure][-1][1].append(" ".join(self.cell.split()))
            self.cell = None
        self.inside = self.inside and tag != "details"


def test_the_numbers_behind_each_figure_are_a_file_row_by_row(made, pages):
    n_tables = 0
    for files in (made, pages):
        for name in [n for n in files if n.endswith("report.html")]:
            short = "all" if name == "report.html" else name.split("/")[1]
            folded = Folded(files[name].decode()).tables
            beside = {int(re.search(r"-figure-(\d+)-", n)[1]): n for n in files if n.startswith(f"tables/{short}-figure-")}
            assert set(folded) == set(beside), name
            for figure, shown in folded.items():
                written = list(csv.reader(io.StringIO(files[beside[figure]].decode("utf-8-sig"))))
                grouped = written[0][0] == "Group"
                expected, group = [], ""
                for place, (kind, cells) in enumerate(shown):
                    if kind == "g":
                        group = cells[0]
                    else:
                        expected.append([*([group if place else "Group"] if grouped else []), *cells])
                read = [[" ".join(cell.removeprefix("'").split()) for cell in row] for row in written]
                assert read == [[cell.removeprefix("'") for cell in row] for row in expected], (name, figure)
                n_tables += 1
    assert n_tables >= 6


def renamed(value, names):
    """The results with hostile names in place of those of the design, wherever they stand."""
    if isinstance(value, pd.DataFrame):
        return value.map(lambda cell: renamed(cell, names)) if len(value) else value
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, dict):
        return {key: renamed(x, names) for key, x in value.items()}
    if isinstance(value, tuple):
        return tuple(renamed(x, names) for x in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: renamed(getattr(value, f.name), names) for f in fields(value) if f.init})
    return value


def test_hostile_names_are_inert_in_every_new_section_and_file(run, factory):
    design = run.design
    pairs = zip((*design.cohorts, *design.arms), factory.HOSTILE, strict=False)
    markers = {
        name: marker.override({"label": factory.HOSTILE[i % len(factory.HOSTILE)]}) for i, (name, marker) in
        enumerate(design.markers.items())
    }
    parts = {f.name: getattr(run, f.name) for f in fields(run) if f.name not in ("design", "plan", "trial", "provenance")}
    names = dict(pairs)
    strange = replace(design, cohorts=tuple(names[c] for c in design.cohorts), arms=tuple(names[a] for a in design.arms),
                      markers=markers)
    hostile = replace(run, **{name: renamed(part, names) for name, part in parts.items()}, design=strange)
    for name, data in report_files(hostile, word=True).items():
        if name.endswith(".html"):
            text = data.decode()
            assert "<script>alert" not in text
            assert "<img src=x" not in text
            assert "\u202e" not in text
            for anchor in ("byvariable", "multivariable", "landmark", "power"):
                assert f'id="{anchor}"' in text, (name, anchor)
        elif name.endswith(".csv"):
            for row in csv.reader(io.StringIO(data.decode("utf-8-sig"))):
                assert not [c for c in row if c.startswith(("=", "+", "-", "@", "\t", "\r"))], (name, row)
        elif name.endswith(".docx"):
            document = zipfile.ZipFile(io.BytesIO(data)).read("word/document.xml").decode()
            assert "<script" not in document
            assert "&lt;script&gt;" in document


def test_a_word_file_has_every_table_with_heads_that_repeat_and_the_same_bytes_twice(bare):
    docx = pytest.importorskip("docx", reason="python-docx is not installed (pip install 'biomarkers[word]')")
    one, two = (report_files(bare, word=True) for _ in range(2))
    assert one["tables/er-plus.docx"] == two["tables/er-plus.docx"]
    document = docx.Document(io.BytesIO(one["tables/er-plus.docx"]))
    n_tables = len([n for n in one if n.startswith("tables/er-plus-table-")])
    assert len(document.tables) == n_tables > 8
    packed = zipfile.ZipFile(io.BytesIO(one["tables/er-plus.docx"]))
    assert packed.read("word/document.xml").decode().count("<w:tblHeader") == n_tables
    assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    words = {cell.text for table in document.tables for cell in table.columns[0].cells}
    assert any("Stromal TIL" in w for w in words)


def test_without_python_docx_the_refusal_comes_before_any_work(bare, tmp_path, monkeypatch):
    monkeypatch.setattr(paper, "find_spec", lambda name: None)
    with pytest.raises(UseError, match=r"pip install 'biomarkers\[word\]'"):
        report(bare, tmp_path / "out", word=True)
    assert not (tmp_path / "out").exists()


def test_figures_as_pdf_have_their_fonts_inside_no_date_and_come_only_on_request(bare):
    drawn = {name: data for name, data in report_files(bare, pdf=True).items() if name.startswith("figures/")}
    assert {n[:-4] for n in drawn if n.endswith(".pdf")} == {n[:-4] for n in drawn if n.endswith(".svg")}
    for name, data in drawn.items():
        if name.endswith(".pdf"):
            assert b"/FontFile2" in data, name
            assert b"CreationDate" not in data, name
    assert not [n for n in report_files(bare) if n.endswith(".pdf")]


def test_a_folder_hashes_all_its_files(bare, tmp_path):
    out = tmp_path / "out"
    report(bare, out)
    assert verify(out) == []
    present = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    for name in ("by_variable.csv", "correlation.csv", "genotypes.csv", "multivariable.csv", "added_value.csv",
                 "amendments.csv", "detectable.csv", "specimens.csv", "readers.csv"):
        assert name in present, name
    assert "sensitivity.csv" not in present, "an empty table is no file"
    sorted((out / "tables").iterdir())[0].write_text("changed")
    assert len(verify(out)) == 1
