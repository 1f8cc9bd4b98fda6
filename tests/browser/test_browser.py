"""Every page the product makes, in a real Chromium: quiet, accessible, complete without scripts, narrow and on paper.

`make test-browser` prepares the machine and runs this; without node, a Chromium or the packages of package-lock.json the
tests are skipped with the reason, and fail where BIOMARKERS_BROWSER is "required", as in CI. Set BIOMARKERS_PICTURES to a
folder to keep the screenshots and PDFs: a machine does not see ugliness.
"""

import contextlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SECONDS_PER_PAGE = 90
GROUPS = ("written", "demo", "mrd", "genotypes", "qualify", "docs")
REPORTS = ("written", "demo", "mrd")


def lacking(reason: str):
    """Skip on a desk, fail where the browser is required."""
    if os.environ.get("BIOMARKERS_BROWSER") == "required":
        pytest.fail(f"the browser tests are required here, but: {reason}")
    pytest.skip(reason)


def _browser() -> str | None:
    given = os.environ.get("CHROMIUM")
    known = [given] if given else ["chromium", "chromium-browser", "google-chrome", "chrome"]
    return next((path for name in known for path in [shutil.which(name)] if path), None)


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser's program."""
    if shutil.which("node") is None:
        lacking("needs node: run `make test-browser`")
    if not (HERE / "node_modules" / "playwright-core").is_dir() or not (HERE / "node_modules" / "axe-core").is_dir():
        lacking("needs playwright-core and axe-core: run `make test-browser`")
    found = _browser()
    if found is None:
        lacking("needs a Chromium; name it in CHROMIUM where it is not on the path, or run `make test-browser`")
    return found


def _load(name: str, path: Path):
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def _command(*words: str, folder: Path, codes: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run([Path(sys.executable).parent / "biomarkers", *words], cwd=folder, capture_output=True, text=True,
                          timeout=1200, check=False)
    assert done.returncode in codes, done.stderr


def _made(group: str, folder: Path) -> list[Path]:
    """The pages of a group, made by the product."""
    if group == "written":    # a run with every state of a row, and the same with hostile names
        from biomarkers.report import write_report

        factory = _load("biomarkers_report_factory", HERE.parent / "report" / "factory.py")
        for name, run in (("two", factory.results()), ("hostile", factory.results(hostile=True))):
            write_report(run, folder / name)
    elif group == "demo":
        _command("demo", "demo", "--jobs", "2", folder=folder)
    elif group == "mrd":
        _command("run", str(ROOT / "sample_data" / "stop_her2" / "plan.toml"), "--out", "report", "--jobs", "2", folder=folder)
    elif group == "genotypes":
        vcfs = sorted(map(str, (ROOT / "sample_data" / "br1801" / "vcf").glob("*.vcf.gz")))
        _command("genotype", *vcfs, "--out", "calls.tsv", folder=folder)
        _command("genotype-qc", "calls.tsv", "--out", "quality", folder=folder)
    elif group == "qualify":
        # 1 where a file of the installation was edited: the page then says which, and is looked at all the same
        _command("qualify", "--out", "qualified", folder=folder, codes=(0, 1))
    else:
        given = os.environ.get("BIOMARKERS_SITE")
        if given:             # built a moment ago, by `make docs`
            return sorted(Path(given).resolve().rglob("*.html"))
        if importlib.util.find_spec("myst_nb") is None:
            lacking("needs the extra `docs`")
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = _load("biomarkers_docs_build", ROOT / "docs" / "site" / "build.py").build(folder / "site", jobs=2)
        assert code == 0, said.getvalue()
    return sorted(folder.rglob("*.html"))


@pytest.fixture(scope="module", params=GROUPS)
def group(request) -> str:
    """A kind of page."""
    return request.param


@pytest.fixture(scope="module")
def seen(chromium, group, tmp_path_factory):
    """What the browser saw on every page of a group."""
    if group not in ("written", "genotypes") and not os.environ.get("BIOMARKERS_BROWSER"):
        pytest.skip("minutes of work: run `make test-browser`")
    pages = _made(group, tmp_path_factory.mktemp(group))
    pictures = os.environ.get("BIOMARKERS_PICTURES", "-")
    done = subprocess.run(
        ["node", str(HERE / "pages.mjs"), chromium, pictures if pictures == "-" else f"{pictures}/{group}", *map(str, pages)],
        capture_output=True,
        text=True,
        cwd=HERE,
        env={**os.environ, **({"MANY": "1"} if group == "docs" else {})},
        timeout=SECONDS_PER_PAGE * len(pages),
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    least = {"written": 6, "demo": 3, "mrd": 3, "genotypes": 1, "qualify": 1, "docs": 40}[group]
    assert len(found) == len(pages) >= least
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


def test_every_link_to_a_file_finds_it(seen):
    lost = {}
    for page in seen:
        for link in page["widths"]["1280"]["links"]:
            path = link.partition("#")[0].partition("?")[0]
            outside = "://" in path or path.startswith(("data:", "mailto:"))
            if not outside and not (Path(page["file"]).parent / path).exists():
                lost.setdefault(page["file"], []).append(link)
    assert lost == {}


def test_headings_are_in_order_with_one_h1(seen):
    assert {p["file"]: (p["widths"]["1280"]["h1"], p["widths"]["1280"]["jumps"]) for p in seen
            if (p["widths"]["1280"]["h1"], p["widths"]["1280"]["jumps"]) != (1, 0)} == {}


def test_every_image_is_shown_and_has_words(seen):
    assert {p["file"]: p["widths"]["1280"]["images"] for p in seen if p["widths"]["1280"]["images"]} == {}


def test_no_interval_is_broken_over_two_lines(seen):
    assert [p["file"] for p in seen for w in (*p["widths"].values(), p["print"]) if w["broken"]] == []


def test_no_words_are_smaller_than_nine_pixels(seen):
    assert [(p["file"], w["small"]) for p in seen for w in p["widths"].values() if w["small"]] == []


def test_the_search_of_the_documentation_finds_a_word(seen, group):
    found = [p["found"] for p in seen if p["file"].endswith("search.html")]
    assert (len(found) == 1 and found[0] >= 5) if group == "docs" else found == []


def test_without_scripts_the_text_is_the_same(seen, group):
    for page in seen:
        if page["file"].endswith("search.html"):
            assert "needs a script" in page["bare"]
        else:
            assert page["bare"] == page["text"], page["file"]
            assert len(page["text"]) > (5000 if group in REPORTS else 40), page["file"]      # the list of modules has two


def test_paper_is_light_carries_its_fonts_and_splits_no_row(seen, group):
    for page in seen:
        assert page["print"]["light"] == "rgb(255, 255, 255)", "printed from a dark screen"
        assert page["print"]["rows"] == 0, page["file"]
        assert page["print"]["fonts"] >= (2 if group in REPORTS else 1)
        # A cohort of the sample trial has 22 sections on 27 pages: every test, its power and every item of REMARK in full.
        most = 30 if group in ("demo", "mrd") and "cohorts" in page["file"] else 40
        assert 1 <= page["print"]["pages"] <= most, page["file"]
        assert page["print"]["bytes"] < (1_500_000 if group in REPORTS else 2_500_000), page["file"]
