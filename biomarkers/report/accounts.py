"""Sections that account for the rest: every test, every REMARK item, every problem of the data, and where it all came from."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.design import Design
from biomarkers.domain.problems import SEVERITIES
from biomarkers.domain.states import number, state, text
from biomarkers.report.blocks import Blank, Definitions, Numbering, Remark, Section, Table
from biomarkers.report.view import View, is_main
from biomarkers.tables import Grid, GridRow, cells, sign, together

Asked = tuple[str, str, str, float | None]
"""Analysis, cohort, term and P of a test."""
MOST_PROBLEMS = 40


def ledger_section(view: View, count: Numbering) -> Section | None:
    """Every test that was run, whatever its answer, then what was not computed."""
    tests = tables.records(view.part(view.results.ledger))
    if not tests:
        return None
    if view.crowded:
        return _ledger_by_family(view, tests, count)
    # Rows of the arms of one analysis share their term; their P, which the ledger copies, tells them apart.
    labels: dict[Asked, list[tables.Line]] = {}
    for x in view.lines:
        for p in (None, x.p_value):
            labels.setdefault((x.analysis, x.cohort, x.term, p), []).append(x)
    rows: list[GridRow] = []
    by_cohort = view.cohort is None
    planned = [r for r in tests if bool(r["prespecified"]) and math.isfinite(number(r["p_adjusted"]))]
    for family, part in together(planned, lambda r: text(r["family"])):
        size = max((int(number(r["family_size"])) for r in part if math.isfinite(number(r["family_size"]))), default=len(part))
        method = {"holm": "Holm", "bh": "BH", "by": "BY"}.get(
            text(part[0]["adjust_method"]).lower(), text(part[0]["adjust_method"])
        )
        rows.append(
            GridRow(
                f"{tables.capital(numbers.label(family))}, {numbers.plural(size, 'test')}, {numbers.label(method)}",
                kind="g",
            )
        )
        rows += [_test(r, labels, by_cohort, view.design) for r in part]
    outside = [r for r in tests if r not in planned]
    if outside:
        rows.append(GridRow("Not adjusted", kind="g"))
        rows += [_test(r, labels, by_cohort, view.design) for r in outside]
    silent = [x for x in view.main if x.state in ("descriptive", "refused")]
    if silent:
        rows.append(GridRow("Not computed", kind="g"))
        rows += [GridRow(_name(x.title, x.cohort, by_cohort), cells(sign(x.state), "", "", ""), "i d") for x in silent]
    grid = Grid(
        "Every test that was run, whatever its answer.",
        ("Test", "Status", "By", "P", f"P, {view.adjust}"),
        tuple(rows),
        (False, False, False, True, True),
    )
    return Section("ledger", "Multiplicity ledger", "8, 10", (Table(count.table(), grid, long=True),))


def _ledger_by_family(view: View, tests: list[dict[str, Any]], count: Numbering) -> Section:
    """Counts by family, where single tests would fill a book; every one stands in ledger.csv and with its cohort."""
    rows = []
    for (family, planned), part in together(tests, lambda r: (text(r["family"]), bool(r["prespecified"]))):
        raw = sum(number(r["p_value"]) < 0.05 for r in part)
        held = sum(number(r["p_adjusted"]) < 0.05 for r in part)
        rows.append(
            GridRow(
                numbers.label(family),
                cells(
                    sign("prespecified" if planned else "exploratory"),
                    numbers.whole(len(part)),
                    numbers.whole(raw),
                    numbers.decimal(0.05 * len(part), 1),
                    numbers.whole(held) if planned else "",
                ),
                "" if planned else "e",
            )
        )
    grid = Grid(
        "Tests that were run, by family, whatever their answer.",
        ("Family", "Status", "Tests", "P < 0.05", "Expected by chance", f"P < 0.05, {view.adjust}"),
        tuple(rows),
        (False, False, True, True, True, True),
        "Each test stands in ledger.csv and in the report of its cohort.",
    )
    return Section("ledger", "Multiplicity ledger", "8, 10", (Table(count.table(), grid, long=True),))


def _name(label: str, cohort: str, by_cohort: bool) -> str:
    where = "pooled" if cohort == tables.POOLED else tables.cohort_label(cohort)
    return f"{label}, {where}" if by_cohort else label


def _unasked(analysis: str, term: str, design: Design) -> str:
    """A test beside the plan, "stil with standard variables", in the reader's word for its marker."""
    if analysis.startswith(f"{term} "):
        return f"{tables.marker_label(term, design)}{numbers.label(analysis.removeprefix(term))}"
    return numbers.label(f"{analysis}, {term}")


def _line_of(r: dict[str, Any], labels: dict[Asked, list[tables.Line]]) -> tables.Line | None:
    """The row of a test: sensitivity for sensitivity; rows that share even their P are taken one after the other."""
    key = (text(r["analysis"]), text(r["cohort"]), text(r["term"]))
    found = labels.get((*key, number(r["p_value"]))) or labels.get((*key, None))
    if not found:
        return None
    departs = text(r["family"]).endswith(": sensitivity")
    line = next((x for x in found if departs == any(n.startswith("sensitivity") for n in x.notes)), found[0])
    if len(found) > 1:
        found.remove(line)
    return line


def _test(r: dict[str, Any], labels: dict[Asked, list[tables.Line]], by_cohort: bool, design: Design) -> GridRow:
    line = _line_of(r, labels)
    label = line.title if line else _unasked(text(r["analysis"]), text(r["term"]), design)
    if text(r["term"]).startswith("marker:") and " against " not in label:
        label = f"{label}: difference between {numbers.label(text(r['term']).removeprefix('marker:'))}s"
    shown = state(line.row) if line else "prespecified" if bool(r["prespecified"]) else "exploratory"
    return GridRow(
        _name(label, text(r["cohort"]), by_cohort),
        cells(
            sign(shown), numbers.label(text(r["test"])), numbers.p(number(r["p_value"])), numbers.p(number(r["p_adjusted"]))
        ),
        "i" if bool(r["prespecified"]) else "i e",
    )


# -- REMARK ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Item:
    """One REMARK item: what it asks, which sections answer it, and what else it needs from the study.

    `given` says whether the sections hold the whole answer; `missing` names the field to fill.
    """

    number: int
    asks: str
    anchors: tuple[str, ...]
    given: Callable[[View], bool]
    missing: str


def _always(_: View) -> bool:
    return True


def _never(_: View) -> bool:
    return False


ITEMS: tuple[Item, ...] = (
    Item(1, "Marker, objectives, prespecified hypotheses", ("study", "ledger"), _always, ""),
    Item(2, "Patients: source, stage, eligibility, how they were found", ("patients",), _never, ""),
    Item(3, "Treatments received and how they were chosen", ("study",), lambda v: len(v.design.arms) > 0, "arms"),
    Item(4, "Specimens: controls, preservation, storage", ("assays",), _never, ""),
    Item(5, "Assay: protocol, reagents, quality control, scoring, blinding to outcome", ("assays",), _never, ""),
    Item(6, "Case selection, design, period, end and median of follow-up", ("endpoints",), _never, ""),
    Item(7, "Endpoints examined", ("endpoints",), lambda v: len(v.results.endpoints) > 0, "[endpoints.<name>] label"),
    Item(8, "Every variable examined or considered", ("ledger", "patients"), lambda v: bool(v.design.covariates), "covariates"),
    Item(9, "Sample size: power and effect size", ("power",), _always, ""),
    Item(10, "Statistical methods: selection, assumptions, missing data", ("study", "ledger"), _always, ""),
    Item(11, "Handling of marker values, cut-points", ("assays", "dist"), _always, ""),
    Item(12, "Flow of patients: numbers and events at each stage, reasons for leaving", ("flow",), _always, ""),
    Item(13, "Distributions of patient characteristics and of the marker, with missing", ("dist", "patients"), _always, ""),
    Item(14, "Marker against standard prognostic variables", ("byvariable",), _always, "covariates"),
    Item(15, "Marker and outcome, univariable: effect, interval, curves", ("assoc", "matrix", "km", "mrd"), _always, ""),
    Item(16, "Multivariable: effect and interval of every term", ("multivariable",), _always, "covariates"),
    Item(
        17,
        "Marker with standard variables, whatever their significance",
        ("multivariable", "assoc", "matrix"),
        lambda v: bool(v.design.covariates),
        "covariates",
    ),
    Item(18, "Further checks: assumptions, sensitivity, internal validation", ("sens",), _always, ""),
    Item(19, "Interpretation in the light of hypotheses and other studies; limits", ("interpretation",), _always, ""),
    Item(20, "Implications for research and clinical value", ("interpretation",), _always, ""),
)
"""The twenty items, in our words (McShane 2005; Altman 2012)."""


def remark_section(view: View, count: Numbering, anchors: dict[str, str]) -> Section:
    """All twenty items, each with a place on this page or the field of study.toml that is missing.

    Parameters
    ----------
    view : View
    count : Numbering
    anchors : dict of anchor to title
        The sections that exist on this page.
    """
    notes = _remark_notes(view.design.notes)
    known = {**anchors, "interpretation": "Box below"}
    rows = []
    for item in ITEMS:
        where = next((a for a in item.anchors if a in known), "")
        said = notes.get(item.number, "")
        field = f"{item.missing} in study.toml" if item.missing else f'notes in study.toml: "REMARK {item.number}: ..."'
        if item.anchors == ("interpretation",):
            rows.append((str(item.number), item.asks, "people", said or "for the investigators", where, known[where]))
        elif said:
            rows.append((str(item.number), item.asks, "given", said, where, known.get(where, "")))
        elif where and item.given(view):
            rows.append((str(item.number), item.asks, "given", "answered", where, known[where]))
        elif where:
            rows.append(
                (str(item.number), item.asks, "partly", f"in part; the rest is not supplied: give {field}", where, known[where])
            )
        else:
            rows.append((str(item.number), item.asks, "missing", f"not supplied: give {field}", "", ""))
    given = sum(r[2] == "given" for r in rows)
    return Section(
        "remark",
        "REMARK",
        "all items",
        (
            Remark(
                count.table(), f"The 20 items of REMARK: {given} answered here, the others say what is missing.", tuple(rows)
            ),
            Blank(
                "interpretation",
                "Interpretation, limits and implications (items 19 and 20). Left empty by the program on purpose.",
            ),
        ),
    )


def _remark_notes(notes: Sequence[str]) -> dict[int, str]:
    """Notes of study.toml that answer an item: "REMARK 2: women with ..."."""
    found = {}
    for note in notes:
        match = re.match(r"\s*REMARK\s+(\d{1,2})\s*[:.]\s*(.+)", note, re.IGNORECASE | re.DOTALL)
        if match:
            found[int(match[1])] = numbers.label(match[2].strip(), 600)
    return found


# -- problems and provenance ----------------------------------------------------------------------------------------------


def problems_section(view: View, count: Numbering) -> Section | None:
    """What was wrong with the files, by kind: no subject, no value, so that the page can be passed on."""
    rows = tables.records(view.results.problems)
    if not rows or view.cohort is not None:
        return None
    body: list[GridRow] = []
    kinds = together(rows, lambda r: (text(r["severity"]), text(r["code"]), text(r["file"]), text(r["column"])))
    kinds.sort(key=lambda pair: SEVERITIES.index(pair[0][0]) if pair[0][0] in SEVERITIES else len(SEVERITIES))  # type: ignore[arg-type]
    for (severity, _code, file, column), part in kinds[:MOST_PROBLEMS]:
        places = [numbers.whole(number(r["line"])) for r in part if math.isfinite(number(r["line"]))]
        shown = ", ".join(places[:6]) + (f" and {len(places) - 6} more" if len(places) > 6 else "")
        body.append(
            GridRow(
                numbers.label(file) or "–",
                cells(
                    numbers.label(column),
                    severity,
                    numbers.whole(len(part)),
                    shown,
                    _without_subject(part[0]),
                    numbers.label(text(part[0]["remedy"]), 200),
                ),
            )
        )
    counts = ", ".join(
        f"{numbers.plural(n, name)}" for name in SEVERITIES for n in [sum(text(r["severity"]) == name for r in rows)] if n
    )
    more = f" {len(kinds) - MOST_PROBLEMS} further kinds are listed by biomarkers check." if len(kinds) > MOST_PROBLEMS else ""
    grid = Grid(
        f"What was found in the files: {counts}.",
        ("File", "Column", "Severity", "n", "Lines", "Problem", "Remedy"),
        tuple(body),
        (False, False, False, True, False, False, False),
        f"The first of each kind is described; identifiers and values are left out.{more}",
    )
    return Section("problems", "Problems of the data", "10", (Table(count.table(), grid, long=True),))


def _without_subject(row: dict[str, Any]) -> str:
    words = text(row["problem"])
    for private in (text(row["subject"]), text(row["value"])):
        if private.strip():
            words = words.replace(private, "…").replace(private.strip(), "…")
    return numbers.label(words, 200)


def provenance_section(view: View) -> Section:
    """Plan, inputs, software, seeds, command: enough to make the same bytes again."""
    given, plan = view.results.provenance, view.results.plan
    rows: list[tuple[str, tuple[str, ...]]] = [
        (
            "Plan",
            tuple(
                filter(
                    None,
                    (
                        numbers.label(text(plan.get("path"))),
                        f"sha256 {text(plan.get('sha256'))}" if plan.get("sha256") else "",
                        f"version {numbers.label(text(plan.get('version')))}" if plan.get("version") else "",
                        numbers.plural(number(plan.get("n_tests")), "test") if plan.get("n_tests") is not None else "",
                    ),
                )
            ),
        ),
    ]
    for key, value in given.items():
        shown = tuple(numbers.label(w, 400) for w in _facts(key, value))
        if shown and key not in ("plan", "plan_sha256"):
            rows.append((_title(key), shown))
    rows.append(
        (
            "Numbers",
            (
                "Every number of the results on this page stands unrounded in results.csv, flow.csv or ledger.csv; a row's "
                "data-r is its line there, counted without the header.",
            ),
        )
    )
    return Section("prov", "Provenance", "10", (Definitions(tuple(rows), code=True),), keep=True)


def _title(key: str) -> str:
    words = numbers.label(key.replace("_", " "))
    return words[:1].upper() + words[1:]


def _facts(key: str, value: Any) -> list[str]:
    if key == "seeds" and isinstance(value, dict) and len(value) > 6:
        return [f"{len(value)}, one per analysis; each stands in run.json"]
    if isinstance(value, dict) and set(value) & {"sha256", "file", "path"}:
        return [_file(value)]
    if isinstance(value, dict):
        return [f"{k}: {_inline(v)}" for k, v in value.items() if v not in (None, "", {}, [])]
    if isinstance(value, list | tuple):
        return [_file(v) if isinstance(v, dict) else str(v) for v in value]
    return [str(value)] if text(value) else []


def _inline(value: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)


def _file(value: dict[str, Any]) -> str:
    name = next((str(value[k]) for k in ("file", "path", "name") if value.get(k)), "")
    size = next((number(value[k]) for k in ("bytes", "size") if value.get(k) is not None), math.nan)
    sha = text(value.get("sha256"))
    rest = [f"{k} {v}" for k, v in value.items() if k not in ("file", "path", "name", "bytes", "size", "sha256") and text(v)]
    return " · ".join(
        filter(None, (name, f"sha256 {sha[:16]}…" if sha else "", numbers.size(size) if math.isfinite(size) else "", *rest))
    )


__all__ = ["ITEMS", "is_main", "ledger_section", "problems_section", "provenance_section", "remark_section"]
