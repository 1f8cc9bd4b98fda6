"""Text from the data is never run: not by a browser, whatever the page, and not by a spreadsheet, whatever the file."""

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from biomarkers.qualify import practice
from biomarkers.qualify.check import Check, Finding, carried_out
from biomarkers.qualify.kit import Qualification, write

RAN = "document.documentElement.setAttribute('data-ran','1')"
PAYLOADS = (
    f"<script>{RAN}</script>",
    f'<img src=x onerror="{RAN}">',
    f"\"><svg onload={RAN}>",
    f"'--></style></script><script>{RAN}</script>",
    f"</title><script>{RAN}</script>",
    "=HYPERLINK(1)",
    "+1+cmd|' /C calc'!A0",
    "@SUM(1)",
)
CSP = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


def chromium() -> str:
    found = next((shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome") if shutil.which(name)), None)
    if found is None:
        pytest.skip("whether a page runs anything shows only in a browser: needs Chromium, which `make test-browser` installs")
    return found


def ran(page: Path, folder: Path) -> bool:
    """Whether a script of the data ran on a page, its security policy taken away so that only its escaping stands."""
    bare = folder / "bare.html"
    bare.write_text(CSP.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    done = subprocess.run(
        [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
         f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=3000", "--dump-dom", bare.as_uri()],
        capture_output=True, text=True, timeout=180, check=False)
    assert "</html>" in done.stdout, done.stderr[-500:]
    return bool(re.search(r"<html[^>]*data-ran", done.stdout))


def command(*words, cwd):
    done = subprocess.run([sys.executable, "-m", "biomarkers.cli", *map(str, words)], cwd=cwd, capture_output=True, text=True,
                          timeout=600, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run, its export, a quality page and a qualification, every name of them a payload."""
    place = tmp_path_factory.mktemp("hostile")
    script, image, svg, closing, title, link, formula, at = PAYLOADS
    toml = "'''{}'''".format
    study = (practice.STUDY.replace('"Qualification study"', toml(script))
             .replace('arms = ["0", "1"]', f"arms = [{toml(image)}, {toml(formula)}]\nnotes = [{toml(svg)}]")
             .replace('cohorts = ["1", "2"]', f"cohorts = [{toml(svg)}, {toml(link)}]")
             .replace('event = "event"', f'event = "event"\nlabel = {toml(title)}')
             .replace("[markers.tk1_dul]", f"[markers.tk1_dul]\nlabel = {toml(closing)}"))
    plan = practice.PLAN.replace('"Qualification plan"', toml(title)).replace('id = "tk1"', f"id = {toml(image)}").replace(
        '"germline"', toml(link))

    def change(line):
        cells = line.split(",")
        cells[0] = {"Q001": at, "Q002": link, "Q003": script}.get(cells[0], cells[0])
        cells[1], cells[2] = (svg, link)[int(cells[1]) - 1], (image, formula)[int(cells[2])]
        return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)

    practice.study_in(place / "study", change, study=study, plan=plan)
    command("run", "study/plan.toml", "--out", "run", cwd=place)
    command("export", "study/plan.toml", "--out", "export", cwd=place)
    samples = "\t".join(text.replace("\t", " ") for text in PAYLOADS)
    vcf = ("##fileformat=VCFv4.2\n##contig=<ID=chr1,length=248956422,assembly=GRCh38>\n"
           '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n##FORMAT=<ID=DP,Number=1,Type=Integer,Description="d">\n'
           f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{samples}\n"
           "chr1\t161544752\t.\tA\tC\t99\tPASS\t.\tGT:DP\t" + "\t".join(["0/1:40"] * len(PAYLOADS)) + "\n")
    (place / "=cmd.vcf").write_text(vcf, encoding="utf-8")
    command("genotype", "=cmd.vcf", "--build", "GRCh38", "--out", "calls.tsv", cwd=place)
    with (place / "samples.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("sample", "subject", "cohort", "platform"), *(
            (sample, f"{i % 4}", PAYLOADS[i % 2], PAYLOADS[2 + i % 2]) for i, sample in enumerate(PAYLOADS))])
    command("genotype-qc", "calls.tsv", "--out", "quality", "--samples", "samples.csv", cwd=place)
    hostile = Check("IQ-1", ("R-001",), script, image, lambda _: [Finding(text, text, text, False, text) for text in PAYLOADS])
    from datetime import UTC, datetime

    outcome = carried_out(hostile, place)
    write(Qualification((outcome,), {"biomarkers": svg, "system": closing, "Python": title}, datetime(2026, 1, 1, tzinfo=UTC)),
          place / "qualification")
    return place


def test_the_payload_would_run(tmp_path):
    """Without escaping it does: so a page on which it does not is a page that escapes."""
    for i, payload in enumerate(PAYLOADS[:3]):
        page = tmp_path / f"{i}.html"
        page.write_text(f"<!doctype html><html><body><p title=\"{payload if i == 2 else ''}\">{payload}</p></body></html>",
                        encoding="utf-8")
        assert ran(page, tmp_path), payload


def test_no_page_runs_a_word_of_the_data(folder, tmp_path):
    pages = sorted(folder.rglob("*.html"))
    assert {page.relative_to(folder).parts[0] for page in pages} == {"run", "quality", "qualification"}
    assert len(pages) >= 5
    assert not [page.name for page in pages if ran(page, tmp_path)]


def test_every_page_shows_the_words_all_the_same(folder):
    for page in folder.rglob("*.html"):
        assert "&lt;" in page.read_text(encoding="utf-8"), page.name


def test_no_cell_of_any_table_is_a_formula(folder):
    seen = 0
    for path in sorted([*folder.rglob("*.csv"), *folder.rglob("*.tsv")]):
        if "study" in path.relative_to(folder).parts or path.name == "samples.csv":
            continue
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ","):
                seen += len(row)
                assert not [cell for cell in row if practice._runs(cell)], path.relative_to(folder).as_posix()
    assert seen > 1000


def test_nothing_is_written_outside_the_folders_that_were_named(folder):
    assert {path.name for path in folder.iterdir()} <= {
        "study", "run", "export", "=cmd.vcf", "samples.csv", "calls.tsv", "calls.tsv.json", "quality", "qualification"}
