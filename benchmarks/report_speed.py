"""How long does a page of the report take beyond the fitting, and which of its sections take the time?

The sample study with its plan, and a made run of 60 markers in 6 cohorts (tests/report/factory.py): the page of all cohorts,
then each cohort's, with everything that is written for it (HTML, figures for journals). Processor time, the least of several
repetitions; with the pages, their size and that of the files of their figures. The target is 3 s a page.

    python benchmarks/report_speed.py [--repeat 3] [--made-only]
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import biomarkers as bm
from biomarkers import tables
from biomarkers.report import render
from biomarkers.report.drawings import Gallery
from biomarkers.report.view import View, slugs

TARGET, ROOT = 3.0, Path(__file__).resolve().parents[1]


def made() -> Any:
    """Sixty markers, six cohorts, every state a row can have."""
    name = "biomarkers_report_factory"
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "report" / "factory.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.results(n_markers=60, cohorts=("A", "B", "C", "D", "E", "F"))


def sample() -> Any:
    """The sample study and its plan; the fitting is not timed."""
    return bm.Plan.read(ROOT / "sample_data" / "br1801" / "plan.toml").run(bm.load_example("br1801"), jobs=1)


def pages(results: Any) -> tuple[dict[str, tuple[float, int, int]], dict[str, dict[str, float]]]:
    """Seconds, bytes of the page and bytes of its figures, by page; and seconds by section."""
    shares: dict[str, dict[str, float]] = defaultdict(dict)
    found: dict[str, tuple[float, int, int]] = {}
    whole = render._sections

    def timed(builds: Any, view: View, count: Any) -> Any:
        def clocked(build: Any) -> Any:
            def run() -> Any:
                began = time.process_time()
                section = build()
                if section is not None:
                    shares[view.cohort or "all cohorts"][section.anchor] = time.process_time() - began
                return section

            return run

        return whole(tuple(map(clocked, builds)), view, count)

    gallery = Gallery()
    lines = tuple(tables.lines(results.table, results.design))
    every = View(results, None, lines, {})
    every = View(results, None, lines, slugs(every.cohorts))
    render._sections = timed
    try:
        with render._settled():
            for cohort in (None, *every.cohorts):
                before, began = set(gallery.files), time.process_time()
                view = every if cohort is None else View(results, cohort, lines, every.slugs)
                page = render._overall(view, gallery) if cohort is None else render._cohort(view, every, gallery)
                html = render._html(page)
                taken = time.process_time() - began
                files = sum(len(gallery.files[name]) for name in set(gallery.files) - before)
                found[cohort or "all cohorts"] = (taken, len(html), files)
    finally:
        render._sections = whole
    return found, dict(shares)


def main() -> None:
    """Time both runs and print them."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--repeat", type=int, default=3)
    parse.add_argument("--made-only", action="store_true")
    given = parse.parse_args()
    slowest = 0.0
    for title, results in {"60 markers, 6 cohorts": made(), **({} if given.made_only else {"sample study": sample()})}.items():
        runs = [pages(results) for _ in range(given.repeat)]
        print(f"\n{title}\n{'page':<14}{'seconds':>8}{'page KiB':>10}{'figures KiB':>13}  sections of 0.1 s and more")
        for page in runs[0][0]:
            best = min(runs, key=lambda run, page=page: run[0][page][0])
            seconds, html, files = best[0][page]
            slowest = max(slowest, seconds)
            sections = sorted(best[1][page].items(), key=lambda item: -item[1])
            words = ", ".join(f"{name} {taken:.2f}" for name, taken in sections if taken >= 0.1)
            print(f"{page:<14}{seconds:>8.2f}{html / 1024:>10.0f}{files / 1024:>13.0f}  {words}")
    print(f"\nslowest page {slowest:.2f} s of processor time, target {TARGET:g} s")


if __name__ == "__main__":
    main()
