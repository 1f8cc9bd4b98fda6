"""On paper: the report as an A4 PDF by a real Chromium; no row, no figure and no interval is split, no heading stands alone.

Each cell and figure of a copy of the page gets a word of its own, far too small to see; pdftotext says on which page it came
out.
"""

import os
import re
import shutil
import subprocess
from collections import defaultdict

import pytest

TINY = '<span style="font-size:1px;line-height:0;color:transparent">{}</span>'


def lacking(reason):
    """Skip on a desk, fail where the browser is required."""
    if os.environ.get("BIOMARKERS_BROWSER") == "required":
        pytest.fail(f"the browser tests are required here, but: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def programs():
    """A Chromium and poppler's pdftotext."""
    given = os.environ.get("CHROMIUM")
    names = [given] if given else ["chromium", "chromium-browser", "google-chrome", "chrome"]
    browser = next((path for name in names for path in [shutil.which(name)] if path), None)
    if browser is None:
        lacking("needs a Chromium; name it in CHROMIUM where it is not on the path")
    if shutil.which("pdftotext") is None:
        lacking("needs pdftotext (poppler-utils)")
    return browser, shutil.which("pdftotext")


def marked(page: str) -> tuple[str, dict[str, list[str]]]:
    """The page with words at both ends of every cell, around every figure, after every heading; which must stay together."""
    groups: dict[str, list[str]] = defaultdict(list)
    count = iter(range(10**6))

    def word(group: str) -> str:
        name = f"zq{next(count):05d}x"
        groups[group].append(name)
        return TINY.format(name)

    def row(found: re.Match[str]) -> str:
        group = f"row {next(count)}: {re.sub('<[^>]+>', ' ', found[0])[:60].strip()}"
        cells = re.sub(r"(<t[hd]\b[^>]*>)", lambda tag: tag[0] + word(group), found[0])
        return re.sub(r"(</t[hd]>)", lambda tag: word(group) + tag[0], cells)

    head, _, body = page.partition("<body>")
    body = re.sub(r"<tr\b[^>]*>.*?</tr>", row, body, flags=re.DOTALL)

    def figure(found: re.Match[str]) -> str:
        group = f"figure {next(count)}"
        whole = found[0].replace("<img ", word(group) + "<img ", 1)
        return whole.replace("</figcaption>", word(group) + "</figcaption>", 1)

    body = re.sub(r"<figure\b.*?</figure>", figure, body, flags=re.DOTALL)

    def heading(found: re.Match[str]) -> str:
        group = f"heading {next(count)}: {re.sub('<[^>]+>', '', found[1])}"
        return re.sub(r"(<h2[^>]*>)", lambda tag: tag[0] + word(group), found[1]) + found[2] + word(group)

    def table(found: re.Match[str]) -> str:
        group = f"table {next(count)}: {re.sub('<[^>]+>', ' ', found[1])[:60]}"
        return found[1] + word(group) + found[2] + word(group)

    # A table's caption and the first of its rows; a section's heading, and the first thing that is said under it.
    said = r"<p[^>]*>|<dl[^>]*>\s*<dt>|<div class=\"wrap[^>]*><table[^>]*><caption>|<figure[^>]*><div[^>]*>"
    body = re.sub(r"(<caption>.*?)(</caption>.*?<tbody>\s*<tr[^>]*><th[^>]*>)", table, body, flags=re.DOTALL)
    first = rf'(<div class="sh"><h2[^>]*>[^<]*</h2>(?:<small>[^<]*</small>)?</div>\s*)({said})'
    body = re.sub(first, heading, body, flags=re.DOTALL)
    return head + "<body>" + body, groups


def pages_of(programs, page: str, folder) -> dict[str, int]:
    """Word to the page of the PDF on which it stands."""
    browser, pdftotext = programs
    (folder / "page.html").write_text(page, encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
               f"--user-data-dir={folder / 'profile'}", "--no-pdf-header-footer", f"--print-to-pdf={folder / 'page.pdf'}",
               (folder / "page.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    if not (folder / "page.pdf").is_file():
        lacking(f"the browser printed nothing: {done.stderr[-300:]}")
    text = subprocess.run([pdftotext, "-raw", folder / "page.pdf", "-"], capture_output=True, text=True, timeout=60,
                          check=True).stdout
    found: dict[str, int] = {}
    for number, words in enumerate(text.split("\f"), start=1):
        for name in re.findall(r"zq\d{5}x", words):
            found.setdefault(name, number)
    return found


@pytest.mark.parametrize("name", ["cohorts/er-plus/report.html", "report.html"])
def test_no_row_no_figure_and_no_heading_is_split_on_a4(programs, pages, name, tmp_path):
    page, groups = marked(pages[name].decode())
    where = pages_of(programs, page, tmp_path)
    seen = split = 0
    for group, words in groups.items():
        on = {where[w] for w in words if w in where}
        if not on:                          # a head without cells of its own on paper
            continue
        seen += 1
        split += len(on) > 1
        assert len(on) == 1, (group, sorted(on))
    assert seen > 100
    assert {g.split()[0] for g in groups} == {"row", "figure", "heading", "table"}


def test_a_row_that_is_split_would_be_found(programs, pages, tmp_path):
    """The same page with the rule against splitting removed and its rows made tall."""
    page = pages["cohorts/er-plus/report.html"].decode()
    assert "tr,figure" in page
    loose = page.replace("tr,figure", "xx,yy").replace("</td>", "<br>" * 25 + "</td>", 150)
    broken, groups = marked(loose)
    where = pages_of(programs, broken, tmp_path)
    assert any(len({where[w] for w in words if w in where}) > 1 for words in groups.values())
