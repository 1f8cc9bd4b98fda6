"""A report opens with the trial's own endpoints; its numbers are rows of the tables beside it; what is absent is absent."""

import html
import re
from dataclasses import replace

import pandas as pd
import pytest

import biomarkers as bm
from biomarkers import tables
from biomarkers.report.blocks import Numbering
from biomarkers.report.drawings import Gallery
from biomarkers.report.render import report_files
from biomarkers.report.trial_sections import trial_sections
from biomarkers.report.trial_words import day_words, points, share
from biomarkers.report.view import View, slugs
from biomarkers.trial.opening import Account, account


def with_trial(results, study):
    return replace(results, design=study.design, trial=account(study))


@pytest.fixture(scope="module")
def studies():
    return {name: bm.load_example(name) for name in ("br1801", "stop_her2")}


@pytest.fixture(scope="module")
def results(factory, studies):
    return {"br1801": with_trial(factory.results(), studies["br1801"]),
            "stop_her2": with_trial(factory.results(cohorts=("continue", "stop")), studies["stop_her2"])}


@pytest.fixture(scope="module")
def pages(results):
    return {name: report_files(each) for name, each in results.items()}


def sections(result, cohort=None):
    lines = tuple(tables.lines(result.table, result.design))
    every = View(result, None, lines, {})
    view = View(result, cohort, lines, slugs(every.cohorts))
    made = [build() for build in trial_sections(view, Numbering(), Gallery(), "x")]
    return {s.anchor: s for s in made if s is not None}


def text_of(page):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"</?(?:b|span)\b[^>]*>", "", page.decode()))).replace("\xa0", " ")


def titles(page):
    return [anchor for anchor in re.findall(r'<section id="([^"]+)"', page.decode()) if anchor != "summary"]


@pytest.mark.parametrize(("study", "page", "first"), [
    ("br1801", "report.html", ["trial", "trial-response", "trial-toxicity"]),
    ("br1801", "cohorts/er-plus/report.html", ["trial", "trial-response", "trial-toxicity"]),
    ("stop_her2", "report.html", ["trial", "trial-restart", "trial-toxicity", "trial-reported"]),
    ("stop_her2", "cohorts/stop/report.html", ["trial", "trial-restart", "trial-toxicity", "trial-reported"]),
    ("stop_her2", "cohorts/continue/report.html", ["trial", "trial-toxicity", "trial-reported"]),
])  # fmt: skip
def test_every_page_opens_with_the_trial(pages, study, page, first):
    found = titles(pages[study][page])
    assert found[: len(first)] == first
    assert not any(anchor.startswith("trial") for anchor in found[len(first):])


def test_a_study_that_states_no_trial_has_no_such_section(factory):
    assert sections(factory.results()) == {}


def test_the_primary_comparison_stands_in_a_sentence_with_its_level_and_sign(pages):
    page = text_of(pages["br1801"]["report.html"])
    assert "ER+, PFS, T-DM1 + abemaciclib vs T-DM1: one-sided stratified log-rank z = 0.48, P = 0.32 at a level of 0.1" in page
    assert "0.87 (0.61–1.24) at 80%; 56 events of the 58 planned" in page


def test_each_cohort_of_a_chosen_study_answers_for_itself(pages, results):
    page = text_of(pages["stop_her2"]["report.html"])
    assert "PFS at one year 51% (36–65) (Kaplan–Meier, exact 95% limits), 52 patients" in page
    assert "of those followed for it 24 of 48 (50%), one-sided P = 0.56 against 0.5" in page
    assert "24 of 29 (83%); no hypothesis is stated" in page
    assert "no number here compares them" in page
    trial = results["stop_her2"].trial.endpoints
    assert "hazard ratio" not in set(trial["estimand"])


def rounded(row):
    """Every way in which a number of an endpoint row may be shown."""
    from biomarkers.domain import numbers

    low, high, value = (float(row[k]) for k in ("conf_low", "conf_high", "estimate"))
    out = {share(value, low, high), points(value, low, high), numbers.interval(value, low, high)}
    out.add(f"z = {numbers.decimal(value)}")
    out |= {numbers.median(value, low, high, unit) for unit in ("weeks", "months")}
    return {x.replace("\xa0", " ") for x in out} | {"not known"}


@pytest.mark.parametrize("study", ["br1801", "stop_her2"])
@pytest.mark.parametrize("cohort", [None, 0, 1])
def test_every_number_is_the_row_of_the_table_it_names(results, study, cohort):
    result = results[study]
    name = None if cohort is None else result.design.cohorts[cohort]
    checked = 0
    for section in sections(result, name).values():
        for block in section.blocks:
            if block.kind != "table":
                continue
            for row in block.grid.rows:
                sources = [(row.source, c) for c in row.cells] if row.source else [(c.source, c) for c in row.cells]
                for source, cell in sources:
                    if not source.startswith("trial_endpoints") or not re.search(r"\d", cell.text):
                        continue
                    line = result.trial.endpoints.iloc[int(source.split(":")[1]) - 1]
                    shown = cell.text.replace("\xa0", " ")
                    if shown in (f"{line['n']} ({line['n_events']})", str(line["n"]), str(line["note"])):
                        continue
                    p_alone = re.fullmatch(r"[<>]?[\d.]+", shown)
                    head = shown.split(", P")[0].split(", CMH")[0]
                    assert p_alone or head in rounded(line) or shown == tables.numbers.label(line["note"], 240), (shown, line)
                    checked += 1
    assert checked > 10


def test_toxicity_counts_are_of_the_treated(results):
    section = sections(results["br1801"], "ER+")["trial-toxicity"]
    (table,) = [b for b in section.blocks if b.kind == "table"]
    trial = results["br1801"].trial.toxicity
    for row in table.grid.rows:
        term = "any" if row.head == "Any event" else row.head
        mine = trial[(trial["cohort"] == "ER+") & (trial["term"] == term)]
        shown = [int(re.match(r"\d+", row.cells[i].text).group()) for i in (0, 2)]
        assert shown == mine["any_grade"].tolist()
    assert table.grid.head[1].replace("\xa0", " ").endswith("(n = 32)")


def test_figures_carry_their_numbers_in_words_and_as_files(results):
    gallery = Gallery()
    result = results["br1801"]
    lines = tuple(tables.lines(result.table, result.design))
    view = View(result, "ER+", lines, {"ER+": "er-plus", "ER-": "er-minus"})
    made = [build() for build in trial_sections(view, Numbering(), gallery, "er-plus")]
    alts = [b.alt for s in made if s for b in s.blocks if b.kind == "picture"]
    assert alts[0] == "ER+: 64 registered, 64 analysed for PFS, 56 events."
    assert all(re.search(r"\d", alt) for alt in alts)
    names = {"er-plus-consort.svg", "er-plus-trial-pfs.svg", "er-plus-waterfall.svg", "er-plus-toxicity.svg"}
    assert names <= set(gallery.files)


def test_what_cannot_be_told_is_said_with_its_reason(studies, factory):
    study = studies["br1801"]
    bad = study.adverse_events.copy()
    bad.loc[0, "grade"] = 7
    hurt = replace(study, tables=study.tables | {"adverse_events": bad})
    found = account(hurt)
    assert found.refused["part"].tolist() == ["toxicity"]
    assert found.toxicity.empty
    assert len(found.endpoints) == len(account(study).endpoints)
    page = text_of(report_files(with_trial(factory.results(), hurt))["report.html"])
    assert "▲ Not told: toxicity. 1 grades are not 0 to 5" in page


def test_no_patient_is_named(results, studies):
    ids = set(studies["br1801"].subjects["subject"])
    for name, table in results["br1801"].trial:
        values = set(table.select_dtypes(exclude="number").astype(str).to_numpy().ravel())
        assert not ids & values, name


def test_hostile_names_are_inert(factory, studies):
    study, evil = studies["stop_her2"], '<script>alert(1)</script>'
    pros = study.pros.assign(instrument=evil)
    events = study.adverse_events.assign(term=evil)
    pros = pros.drop_duplicates(["subject", "day"])
    found = account(replace(study, tables=study.tables | {"pros": pros, "adverse_events": events}))
    pages = report_files(replace(factory.results(cohorts=("continue", "stop")), design=study.design, trial=found))
    assert all(b"<script>alert" not in page for name, page in pages.items() if name.endswith((".html", ".svg")))
    assert b"&lt;script&gt;alert(1)" in pages["report.html"]


def test_an_empty_account_is_empty():
    assert list(Account()) == []
    assert isinstance(Account().endpoints, pd.DataFrame)


def test_days_are_said_as_protocols_say_them():
    assert [day_words(d) for d in (168, 365, 1096, 100)] == ["24 weeks", "one year", "three years", "day 100"]
