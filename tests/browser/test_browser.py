"""Every page the product makes, in a real Chromium: quiet, accessible, complete without scripts, narrow and on paper.

Needs node, a Chromium, and the two packages of package.json (`npm install` in this folder); skipped with the reason otherwise.
Set BIOMARKERS_PICTURES to a folder to keep the screenshots and PDFs: a machine does not see ugliness.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SECONDS_PER_PAGE = 90


def _browser() -> str | None:
    given = os.environ.get("CHROMIUM")
    known = [given] if given else ["chromium", "chromium-browser", "google-chrome", "chrome"]
    return next((path for name in known for path in [shutil.which(name)] if path), None)


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser's program."""
    if shutil.which("node") is None:
        pytest.skip("needs node")
    if not (HERE / "node_modules" / "playwright-core").is_dir() or not (HERE / "node_modules" / "axe-core").is_dir():
        pytest.skip("needs playwright-core and axe-core: run `npm install` in tests/browser")
    found = _browser()
    if found is None:
        pytest.skip("needs a Chromium; name it in CHROMIUM where it is not on the path")
    return found


def _factory():
    name = "biomarkers_report_factory"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HERE.parent / "report" / "factory.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="module")
def seen(chromium, tmp_path_factory):
    """What the browser saw on every page of two runs: the usual one, and one with hostile names."""
    from biomarkers.report import write_report

    folder = tmp_path_factory.mktemp("pages")
    made = [
        path
        for name, run in (("two", _factory().results()), ("hostile", _factory().results(hostile=True)))
        for path in write_report(run, folder / name)
    ]
    pages = [str(path) for path in made if path.suffix == ".html"]
    pictures = os.environ.get("BIOMARKERS_PICTURES", "-")
    done = subprocess.run(
        ["node", str(HERE / "pages.mjs"), chromium, pictures, *pages],
        capture_output=True,
        text=True,
        cwd=HERE,
        timeout=SECONDS_PER_PAGE * len(pages),
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert len(found) == len(pages) == 6
    return found


def test_no_page_asks_the_network_for_anything(seen):
    assert {p["file"]: p["requests"] for p in seen if p["requests"]} == {}


def test_no_page_complains_or_opens_a_dialog(seen):
    assert {p["file"]: (p["console"], p["dialogs"]) for p in seen if p["console"] or p["dialogs"]} == {}


def test_axe_finds_no_violation_in_light_and_dark_wide_and_narrow(seen):
    assert {p["file"]: p["axe"] for p in seen if p["axe"]} == {}


@pytest.mark.parametrize("width", ["1280", "820", "390"])
def test_no_page_scrolls_sideways(seen, width):
    assert {p["file"]: p["widths"][width]["overflow"] for p in seen if p["widths"][width]["overflow"] > 0} == {}


def test_every_anchor_has_its_target_and_no_id_is_used_twice(seen):
    assert {
        p["file"]: (p["widths"]["1280"]["dead"], p["widths"]["1280"]["twice"])
        for p in seen
        if p["widths"]["1280"]["dead"] or p["widths"]["1280"]["twice"]
    } == {}


def test_headings_are_in_order_with_one_h1(seen):
    assert {(p["widths"]["1280"]["h1"], p["widths"]["1280"]["jumps"]) for p in seen} == {(1, 0)}


def test_every_image_is_shown_and_has_words(seen):
    assert sum(p["widths"]["1280"]["images"] for p in seen) == 0


def test_no_interval_is_broken_over_two_lines(seen):
    assert [p["file"] for p in seen for w in p["widths"].values() if w["broken"]] == []


def test_no_words_are_smaller_than_nine_pixels(seen):
    assert [(p["file"], w["small"]) for p in seen for w in p["widths"].values() if w["small"]] == []


def test_without_scripts_the_text_is_the_same(seen):
    for page in seen:
        assert page["bare"] == page["text"]
        assert len(page["text"]) > 5000


def test_paper_is_light_and_carries_its_fonts(seen):
    for page in seen:
        assert page["print"]["light"] == "rgb(255, 255, 255)", "printed from a dark screen"
        assert page["print"]["fonts"] >= 2
        assert 3 <= page["print"]["pages"] <= 25
        assert page["print"]["bytes"] < 1_500_000
