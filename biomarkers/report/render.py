"""The report of a run: one page for all cohorts, one for each cohort, and the figures as files for journals.

A page is a single file without script (but for a sorting aid that hides itself), network or clock: the same results give the
same bytes. Every text is escaped by the template engine; figures stand in images; the content security policy allows nothing
but data images and the page's own style.
"""

from __future__ import annotations

import base64
import gc
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import DictLoader, Environment, StrictUndefined, select_autoescape
from markupsafe import Markup

from biomarkers import tables
from biomarkers.domain import atomic, numbers
from biomarkers.domain.states import STATES, text
from biomarkers.figures.tokens import MONO, SANS, SERIF, TOKENS
from biomarkers.report import (
    accounts,
    associations,
    landmarks,
    over_time,
    prediction,
    residual_disease,
    robustness,
    specimens,
    variables,
)
from biomarkers.report.blocks import Links, Numbering, Section, Summary
from biomarkers.report.drawings import Gallery, forest_picture
from biomarkers.report.methods import methods
from biomarkers.report.paper import csv_bytes, sheets, word_bytes
from biomarkers.report.summary import summary
from biomarkers.report.trial_sections import trial_sections
from biomarkers.report.view import View, slugs
from biomarkers.report.words import results_text

if TYPE_CHECKING:
    from biomarkers.plan.results import Results

TEMPLATES = ("page.html", "parts.html", "look.css", "sort.js")
_CSS = {
    "prespecified": "pre",
    "exploratory": "exp",
    "descriptive": "des",
    "not_estimable": "ne",
    "refused": "ref",
    "flagged": "flag",
    "below": "lod",
}


@dataclass(frozen=True)
class Page:
    """Everything the template sets."""

    title: str
    name: str
    eyebrow: str
    heading: str
    meta: tuple[tuple[str, str], ...]
    bars: tuple[int, ...]
    summary: Summary
    sections: tuple[Section, ...]
    links: Links | None
    elsewhere: tuple[tuple[str, str], ...]
    navigation: bool

    @property
    def contents(self) -> tuple[tuple[str, str], ...]:
        """Anchors and titles for the navigation."""
        return (("summary", "Summary"), *((s.anchor, s.title) for s in self.sections))


def write_report(results: Results, out_dir: str | os.PathLike[str], *, pdf: bool = False, word: bool = False) -> list[Path]:
    """Write the report of a run.

    Parameters
    ----------
    results : Results
    out_dir : path-like
        Made where it does not exist. Written: ``report.html``, ``cohorts/<slug>/report.html``, ``methods.md``, ``results.md``,
        ``figures/*.svg``, ``tables/*.csv``; nothing outside it, each file whole or not at all.
    pdf, word : bool
        Also ``figures/*.pdf`` and ``tables/*.docx``.

    Returns
    -------
    list of Path
        The files, in the order in which they were written.
    """
    folder = Path(out_dir)
    written = []
    for name, content in report_files(results, pdf=pdf, word=word).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, content)
        written.append(path)
    return written


def report_files(results: Results, *, pdf: bool = False, word: bool = False) -> dict[str, bytes]:
    """The report as bytes by relative name: a pure function of the results.

    Parameters
    ----------
    results : Results
    pdf, word : bool
        Each figure as a PDF too; the tables of each page as a Word file too.

    Returns
    -------
    dict of str to bytes
        ``report.html`` first, then the cohorts in the order of the design, ``methods.md``, ``results.md``, the figures, the
        tables.
    """
    gallery, views = Gallery(pdf=pdf), []
    lines = tuple(tables.lines(results.table, results.design))
    every = View(results, None, lines, {})
    every = View(results, None, lines, slugs(every.cohorts))
    with _settled():
        pages = {"all": _overall(every, gallery)}
        files = {"report.html": _html(pages["all"])}
        for cohort in every.cohorts:
            view = View(results, cohort, lines, every.slugs)
            views.append(view)
            name = every.slugs[cohort]
            pages[name] = _cohort(view, every, gallery)
            files[f"cohorts/{name}/report.html"] = _html(pages[name])
    files["methods.md"] = methods(every).encode("utf-8")
    files["results.md"] = results_text(every, views).encode("utf-8")
    files |= {f"figures/{name}": data for name, data in gallery.files.items()}
    for name, page in pages.items():
        printed = list(sheets(page.sections))
        files |= {f"tables/{name}-{sheet.name}.csv": csv_bytes(sheet) for sheet in printed}
        if word:
            files[f"tables/{name}.docx"] = word_bytes(page.title, [sheet for sheet in printed if sheet.of == "Table"])
    return files


@contextmanager
def _settled() -> Iterator[None]:
    """What is in memory now stays there: the garbage collector need not search it again for each of ten thousand marks.

    A sixth of the time of a page went into that search. Whoever has frozen objects already keeps them so.
    """
    ours = gc.get_freeze_count() == 0
    if ours:
        gc.freeze()
    try:
        yield
    finally:
        if ours:
            gc.unfreeze()


Build = Callable[[], Section | None]


def _cohort(view: View, every: View, gallery: Gallery) -> Page:
    assert view.cohort is not None
    count, name = Numbering(), view.slugs[view.cohort]
    builds: tuple[Build, ...] = (
        *trial_sections(view, count, gallery, name),
        lambda: specimens.study_section(view),
        lambda: specimens.flow_section(view, count, gallery, name),
        lambda: specimens.patients_section(view, count),
        lambda: specimens.assays_section(view, count),
        lambda: specimens.endpoints_section(view, count),
        lambda: specimens.distributions_section(view, count, gallery, name),
        lambda: over_time.genotype_section(view, count, gallery, name),
        lambda: variables.by_variable_section(view, count),
        lambda: associations.association(view, count),
        lambda: associations.answers_section(view, count),
        lambda: associations.kaplan_meier_section(view, count, gallery, name),
        lambda: variables.multivariable_section(view, count, gallery, name),
        lambda: associations.interaction_section(view, count, gallery, name),
        lambda: landmarks.landmark_section(view, count, gallery, name),
        lambda: residual_disease.mrd_section(view, count, gallery, name),
        lambda: over_time.over_time_section(view, count, gallery, name),
        lambda: prediction.prediction_section(view, count),
        lambda: associations.assumptions_section(view, count, gallery, name),
        lambda: accounts.ledger_section(view, count),
        lambda: robustness.amendments_section(view, count),
        lambda: robustness.power_section(view, count),
    )
    sections = _sections(builds, view, count)
    if view.main:
        gallery.keep(f"{name}-forest", forest_picture(view, "family"))
    label = tables.cohort_label(view.cohort)
    others = tuple((tables.cohort_label(c), f"../{view.slugs[c]}/report.html") for c in every.cohorts if c != view.cohort)
    return Page(
        f"Markers and {_endpoints(view, short=True)}, {label}: {numbers.label(view.design.name)}",
        label,
        f"Marker association report · cohort {every.cohorts.index(view.cohort) + 1} of {len(every.cohorts)}",
        f"{_heading(view)} {view.here_words}",
        _meta(view),
        (view.place,),
        summary(view),
        sections,
        None,
        (("All cohorts", "../../report.html"), *others),
        navigation=True,
    )


def _overall(view: View, gallery: Gallery) -> Page:
    count = Numbering()
    several = bool(view.cohorts)
    builds: tuple[Build, ...] = (
        *trial_sections(view, count, gallery, "all"),
        lambda: associations.matrix(view, count) if several else associations.association(view, count),
        lambda: associations.forest_section(view, count, gallery),
        lambda: associations.answers_section(view, count),
        lambda: associations.kaplan_meier_section(view, count, gallery, "all"),
        lambda: specimens.study_section(view),
        lambda: specimens.flow_section(view, count, gallery, "all"),
        lambda: specimens.patients_section(view, count),
        lambda: specimens.endpoints_section(view, count),
        lambda: specimens.assays_section(view, count),
        lambda: specimens.distributions_section(view, count, gallery, "all"),
        lambda: over_time.genotype_section(view, count, gallery, "all"),
        lambda: variables.by_variable_section(view, count),
        lambda: variables.multivariable_section(view, count, gallery, "all"),
        lambda: associations.interaction_section(view, count, gallery, "all"),
        lambda: landmarks.landmark_section(view, count, gallery, "all"),
        lambda: residual_disease.mrd_section(view, count, gallery, "all"),
        lambda: over_time.over_time_section(view, count, gallery, "all"),
        lambda: prediction.prediction_section(view, count),
        lambda: associations.assumptions_section(view, count, gallery, "all"),
        lambda: accounts.ledger_section(view, count),
        lambda: robustness.amendments_section(view, count),
        lambda: robustness.power_section(view, count),
        lambda: accounts.problems_section(view, count),
    )
    sections = _sections(builds, view, count)
    places = tuple(view.design.cohorts.index(c) for c in view.cohorts) or (0,)
    return Page(
        f"Markers and {_endpoints(view, short=True)}: {numbers.label(view.design.name)}",
        numbers.label(view.design.name),
        "Marker association report · all cohorts",
        f"{_heading(view)} {view.here_words}".strip(),
        _meta(view),
        places,
        summary(view),
        sections,
        associations.cohort_links(view),
        (),
        navigation=False,
    )


def _sections(builds: tuple[Build, ...], view: View, count: Numbering) -> tuple[Section, ...]:
    """Sections with data, then the REMARK table, which knows them, and where it all came from."""
    found = [section for build in builds for section in [build()] if section is not None]
    anchors = {section.anchor: section.title for section in found}
    return (*found, accounts.remark_section(view, count, anchors), accounts.provenance_section(view))


def _heading(view: View) -> str:
    names = _endpoints(view)
    return f"Markers, {names}" if " and " in names else f"Markers and {names}"


def _endpoints(view: View, *, short: bool = False) -> str:
    names = [view.short(e) if short else tables.endpoint_label(e, view.design) for e in view.endpoints]
    names = names if short else [n[:1].lower() + n[1:] for n in names]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "outcome"


def _meta(view: View) -> tuple[tuple[str, str], ...]:
    plan = view.results.plan
    sha, version = text(plan.get("sha256"))[:8], text(plan.get("version"))
    stamp = ", ".join(filter(None, (sha, f"version {numbers.label(version)}" if version else "")))
    arms = " and ".join(numbers.label(a) for a in view.arms)
    rows = [
        ("Study", numbers.label(view.design.name)),
        ("Arms", arms if len(view.arms) > 1 else ""),
        ("Plan", numbers.label(view.results.title)),
        ("sha256", stamp),
    ]
    return tuple((name, value) for name, value in rows if value)


# -- setting --------------------------------------------------------------------------------------------------------------


_ONLY_FIGURES = ("loss", "class", "reference", "experimental", "lod-line")
_HYPHENED = re.compile(r"(?<![\w&;-])[\w+]{1,14}(?:-[\w+]{1,14}){1,3}(?![\w;-])")


def _unbroken(words: str) -> Markup:
    """Text with short hyphened names (T-DM1) kept on one line; everything is escaped first."""
    whole = str(Markup.escape(words)).replace("% CI)", f"%{numbers.NBSP}CI)")
    return Markup(_HYPHENED.sub(r'<span class="nw">\g<0></span>', whole))  # noqa: S704 - escaped above


def _html(page: Page) -> bytes:
    script = _sources()["sort.js"].strip() if not page.navigation else ""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    wide = not page.navigation and len(page.bars) > 3
    kinds = {block.kind for section in page.sections for block in section.blocks}
    style = _css(max(3, min(6, len(page.summary.facts))), wide, page.navigation, "forest" in kinds, "matrix" in kinds)
    trusted = {"css_text": Markup(style), "script": Markup(script)}  # noqa: S704 - files of this package
    made = (
        _environment()
        .get_template("page.html")
        .render(page=page, script_hash=digest, css=_CSS, states=STATES, nbsp=numbers.NBSP, **trusted)
    )
    return made.encode("utf-8")


@lru_cache(maxsize=16)
def _css(n_facts: int, landscape: bool, nav: bool, forest: bool, matrix: bool) -> str:
    variables = [
        ";".join(f"--{role}:{pair[place]}" for role, pair in TOKENS.items() if not role.startswith(_ONLY_FIGURES))
        for place in (0, 1)
    ]
    sheet = Environment(autoescape=False, undefined=StrictUndefined, trim_blocks=True)  # noqa: S701 - CSS of this package
    made = sheet.from_string(_sources()["look.css"]).render(
        light=variables[0] + ";",
        dark=variables[1],
        sans=",".join(SANS),
        serif=",".join(SERIF),
        mono=",".join(MONO),
        n_facts=n_facts,
        landscape=landscape,
        nav=nav,
        forest=forest,
        matrix=matrix,
    )
    lines = [line.strip() for line in made.splitlines()]
    return "".join(line for line in lines if line and not (line.startswith("/*") and line.endswith("*/")))


@lru_cache(maxsize=1)
def _sources() -> dict[str, str]:
    folder = resources.files("biomarkers.report") / "templates"
    return {name: (folder / name).read_text(encoding="utf-8") for name in TEMPLATES}


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=DictLoader(_sources()),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"unbroken": _unbroken, "people": numbers.count}
    return made
