"""The MRD section: every number is a number of its CSV, counts stand before ratios, and a landmark with too few says so."""

import csv
import html
import io
import math
import re
from dataclasses import fields, replace
from html.parser import HTMLParser

import pytest

import biomarkers as bm
from biomarkers.plan.mrd_dynamics import FEWEST, Dynamics
from biomarkers.report import report_files
from biomarkers.report.folder import TABLES, csv_text
from biomarkers.report.residual_disease import WHOSE
from biomarkers.report.small_cells import protected

PLAN = """
title = "MRD"
study = "study.toml"
multiplicity = "holm"
power_replicates = 20
[[analysis]]
id = "dynamics"
kind = "mrd"
marker = "mrd"
at = "week18"
max_age = 120
permutations = 0
[[analysis]]
id = "week30"
marker = "mrd"
at = { day = 230, visit = "week30" }
permutations = 0
"""
SCALES = (1.0, 100.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("plan") / "plan.toml"
    path.write_text(PLAN)
    found = bm.Plan.read(path).run(bm.load_example("stop_her2"))
    return replace(found, trial=type(found.trial)(), over_time=type(found.over_time)())


@pytest.fixture(scope="module")
def made(run):
    return report_files(run)


class Cells(HTMLParser):
    """Cells that name their table and line, themselves or through their row."""

    def __init__(self):
        super().__init__()
        self.found, self._row, self._cell, self._text = [], "", "", None

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "tr":
            self._row = given.get("data-s", "")
        if tag == "td":
            self._cell, self._text = given.get("data-s", "") or self._row, []

    def handle_data(self, data):
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag):
        if tag == "td" and self._text is not None:
            if self._cell:
                self.found.append((self._cell, "".join(self._text)))
            self._text = None


def section(page):
    found = re.search(r'<section id="mrd".*?</section>', page.decode(), re.DOTALL)
    assert found
    return html.unescape(found[0])


def digits(words):
    return re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", words.replace("\u202f", "").replace("\u2212", "-"))


@pytest.mark.parametrize("page", ["report.html", "cohorts/continue/report.html", "cohorts/stop/report.html"])
def test_every_number_is_a_number_of_its_line(run, made, page):
    tables = {f"mrd_{f.name}": getattr(run.mrd, f.name) for f in fields(Dynamics)} | {"results": run.table}
    parsed = {name: list(csv.DictReader(io.StringIO(csv_text(table)))) for name, table in tables.items()}
    parser = Cells()
    parser.feed(section(made[page]))
    seen = {}
    for source, words in parser.found:
        table, line = source.split(":")
        row = parsed[table][int(line) - 1]
        known, said = [], set()
        for cell in row.values():
            try:
                known.append(float(cell))
            except ValueError:
                said.update(digits(cell))
        for shown in digits(words):
            half = 0.5 * 10.0 ** -len(shown.partition(".")[2]) + 1e-9
            fits = any(math.isfinite(x) and abs(float(shown) - x * scale) <= half for x in known for scale in SCALES)
            assert fits or shown in said or shown == "0.001", (source, words, row)
            seen[table] = seen.get(table, 0) + 1
    wanted = {"mrd_calls", "mrd_rates", "mrd_lead", "mrd_status", "results"}
    assert set(seen) == (wanted if page == "report.html" else wanted | {"mrd_visits"})
    assert min(seen.values()) >= 4, seen


def test_the_never_detected_stand_with_the_lead_time(run, made):
    words = re.sub(r"<[^>]+>", " ", section(made["cohorts/stop/report.html"]))
    row = run.mrd.lead.set_index("cohort").loc["stop"]
    assert words.index("never detected") < words.index("Median lead of the detected")
    assert row["n_detected_before"] + row["n_never_detected"] + row["n_no_evaluable_draw"] == row["n_relapses"] > 0


def test_a_landmark_with_too_few_says_so_in_words_and_has_no_ratio(run, made):
    cells = Cells()
    cells.feed(section(made["cohorts/continue/report.html"]))
    rows = run.table[(run.table["cohort"] == "continue") & (run.table["estimand"] == "hazard ratio")]
    assert rows["estimate"].isna().all()
    said = [words for source, words in cells.found if words.startswith("no HR: ")]
    assert len(said) == len(rows) == 3
    assert "no HR: 3 events in 3 detected" in said


def test_landmarks_stand_in_their_order_and_current_status_last(made):
    heads = re.findall(r'<tr class="g"><th[^>]*>([^<]+)</th>', section(made["cohorts/stop/report.html"]))
    after = [h for h in heads if h.startswith(("Landmark", "Current"))]
    assert [h.split(",")[0] for h in after[:2]] == ["Landmark day 146", "Landmark day 230"]
    assert after[2].startswith("Current value")


def test_curves_by_current_status_say_whose_survival_they_are_not(made):
    for page in ("report.html", "cohorts/stop/report.html"):
        assert WHOSE in section(made[page])
    assert {"figures/stop-states-dynamics.svg", "figures/stop-simon-makuch-dynamics.svg"} <= set(made)


def test_states_add_up_to_one_while_enough_patients_are_in_view(run):
    shares = run.mrd.occupation.groupby(["cohort", "time"])["probability"].sum()
    assert shares.to_numpy() == pytest.approx(1.0)
    assert run.mrd.occupation["n"].min() >= FEWEST
    assert set(run.mrd.occupation["cohort"]) == {"continue", "stop"}


def test_visits_count_every_draw_once(run):
    visits, calls = run.mrd.visits, run.mrd.calls.set_index("cohort")
    assert (visits["n_negative"] + visits["n_positive"] + visits["n_not_evaluable"] == visits["n_draws"]).all()
    states = visits[visits["role"] == "state"].groupby("cohort")["n_draws"].sum()
    assert states.to_dict() == calls["n_draws"].to_dict()


def test_its_tables_are_files_of_the_run_and_no_other_run_has_the_section(made, pages):
    assert {f"mrd_{f.name}.csv" for f in fields(Dynamics)} <= set(TABLES)
    assert all('id="mrd"' not in page.decode() for name, page in pages.items() if name.endswith(".html"))
    assert 'href="#mrd"' in made["cohorts/stop/report.html"].decode()


def test_small_cells_hide_what_a_share_or_a_lead_time_would_tell(run):
    shown = protected(run, 10).mrd
    lead, status = shown.lead.set_index("cohort"), shown.status
    assert lead.loc["continue", ["share", "median_lead_days", "longest_lead_days"]].isna().all()      # 6 never detected
    assert lead.loc["continue", "n_never_detected"] == 1
    few = status["n_events"] == 1
    assert few.any()
    assert status.loc[few, "survival"].isna().all()
    assert shown.rates.loc[shown.rates["n"] == 1, "per_100_months"].isna().all()
