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


# -- one marker asked at several times: no row may be taken for another ---------------------------------------------------


def part_of(page: bytes, anchor: str) -> str:
    return page.decode().partition(f'id="{anchor}"')[2].partition("</section>")[0]


def heads(part: str) -> list[str]:
    """Row heads under the heading of their group."""
    found, group = [], ""
    for kind, words in re.findall(r'<th (colspan|scope="row")[^>]*>(.*?)</th>', part, re.DOTALL):
        plain = html.unescape(re.sub("<[^>]+>", "", words)).strip()
        group = plain if kind == "colspan" else group
        found += [f"{group} | {plain}"] if kind != "colspan" else []
    return found


@pytest.mark.parametrize("anchor", ["matrix", "sens", "ledger", "power", "landmark"])
def test_no_two_rows_of_a_table_have_the_same_name(made, anchor):
    part = part_of(made["report.html"], anchor)
    for table in re.findall(r"<table.*?</table>", part, re.DOTALL):
        names = heads(table)
        assert names
        assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)


def test_the_matrix_shows_the_planned_value_and_each_sensitivity_in_a_row_of_its_own(run, made):
    rows = run.table.reset_index(drop=True)
    pooled = rows[(rows["estimand"] == "hazard ratio") & (rows["cohort"] == "all")]
    part = part_of(made["report.html"], "matrix")
    shown = [int(key) - 1 for key in re.findall(r'data-l="Pooled" data-r="(\d+)"', part)]
    assert sorted(shown) == sorted(pooled.index)
    for body in part.split('<tr class="g">')[1:]:
        timing = html.unescape(body.partition("</th>")[0])
        for key in re.findall(r'data-l="Pooled" data-r="(\d+)"', body):
            assert rows.loc[int(key) - 1, "timing"].split(",")[0].split(";")[0] in timing.replace("MRD dynamics, C", "c")


def test_a_test_of_the_ledger_names_its_own_time_also_where_two_share_their_p(run, made):
    words = html.unescape(re.sub("<[^>]+>", " ", part_of(made["report.html"], "ledger")))
    part = words.partition(": sensitivity")[2]
    assert [int(n) for n in re.findall(r"acts from (\d+) days? after", part.partition("Not ")[0])] == [7, 14, 21]


def test_the_ratio_beside_the_losses_is_that_of_the_landmark(run, made):
    mine = run.table[(run.table["analysis"] == "dynamics") & (run.table["cohort"] == "stop")]
    mine = mine[mine["estimand"] == "hazard ratio"]
    own, later = (mine[mine["timing"].str.startswith(when)].iloc[0] for when in ("landmark", "current"))
    assert f"{own['estimate']:.2f}" != f"{later['estimate']:.2f}"
    part = part_of(made["cohorts/stop/report.html"], "landmark")
    assert f"{own['estimate']:.2f}" in part
    assert f"{later['estimate']:.2f}" not in part
    assert "day 49" not in part


def test_a_curve_from_a_landmark_says_so_beneath(made):
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", part_of(made["cohorts/stop/report.html"], "km"), re.DOTALL)
    assert captions
    assert all("from landmark day" in c for c in captions if "class" in c)


def test_follow_up_has_one_unit_on_every_page(made):
    for name in ("cohorts/stop/report.html", "cohorts/continue/report.html"):
        page = made[name].decode()
        assert re.search(r"Median follow-up</dt><dd>\d+\s?mo<", page.replace("\xa0", " "))
        assert "weeks" not in part_of(made[name], "endpoints")


def test_events_beside_the_flow_are_those_of_the_analysed(run, made):
    rows = run.table[run.table["estimand"] == "hazard ratio"]
    for name, cohort in (("stop", "stop"), ("continue", "continue")):
        part = part_of(made[f"cohorts/{name}/report.html"], "flow")
        for row in re.findall(r"<tr[^>]*><th scope=\"row\">(.*?)</tr>", part, re.DOTALL):
            words, *cells = (html.unescape(re.sub("<[^>]+>", "", c)).strip() for c in re.split("<td[^>]*>", row))
            analysis = "week30" if "day 230" in words else "dynamics"
            mine = rows[(rows["analysis"] == analysis) & (rows["cohort"] == cohort) & rows["timing"].str.startswith("landmark")]
            assert cells[-2].partition("\xa0")[0].partition(" ")[0] == str(mine["n"].iloc[0])
            assert cells[-1] == str(mine["n_events"].iloc[0])
