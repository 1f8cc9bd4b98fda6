"""Checks of the work itself: a small study is written, broken in known ways, read, run, altered and interrupted."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from biomarkers.qualify.check import Finding, close, holds, same

if TYPE_CHECKING:
    from biomarkers.plan.results import Results

CANARY = "Canary Q. Public"
FORMULA = "=1+cmd|' /C calc'!A0"
MARKUP = "<script>alert(1)</script>"

STUDY = """name = "Qualification study"
cohorts = ["1", "2"]
arms = ["0", "1"]
[tables.subjects]
path = "sheet.csv"
columns = { cohort = "stratum" }
[endpoints.pfs]
time = "time"
unit = "days"
event = "event"
[markers.tk1_dul]
column = "marker"
[markers.fcgr3a_158]
column = "genotype"
"""
PLAN = """title = "Qualification plan"
permutations = 199
power_replicates = 0
[[analysis]]
id = "tk1"
marker = "tk1_dul"
family = "blood"
[[analysis]]
id = "fcgr3a"
marker = "fcgr3a_158"
family = "germline"
"""


def sheet() -> list[str]:
    """The lines of the reference frame."""
    return (resources.files("biomarkers.qualify") / "reference" / "frame.csv").read_text(encoding="utf-8").splitlines()


def study_in(folder: Path, change: Callable[[str], str] = str, *, study: str = STUDY, plan: str = PLAN) -> Path:
    """A study of one sheet in a folder of its own; `change` acts on each line after the header."""
    folder.mkdir(parents=True)
    lines = sheet()
    text = "\n".join([lines[0], *(change(line) for line in lines[1:]), ""])
    for name, content in (("sheet.csv", text), ("study.toml", study), ("plan.toml", plan)):
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def _results(folder: Path) -> Results:
    from biomarkers.plan.plan import Plan

    plan = Plan.read(folder / "plan.toml")
    return plan.run(plan.read_study())


def _written(folder: Path, out: Path) -> Path:
    from biomarkers.report.folder import report

    report(_results(folder), out)
    return out


def hashes(folder: Path) -> dict[str, str]:
    """sha256 by name of every file below a folder, but for the log, which may mention a clock."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "run.log"]
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def everything_written(folder: Path) -> str:
    """All text below a folder."""
    return "\n".join(p.read_text(encoding="utf-8", errors="replace") for p in sorted(folder.rglob("*")) if p.is_file())


# -- what comes in ---------------------------------------------------------------------------------------------------------


def faults_are_named(folder: Path) -> Iterator[Finding]:
    """Ten cells, one fault each; each must stop the work and be named by file, line, column, value and a remedy."""
    from biomarkers.domain.errors import DataProblem
    from biomarkers.study.study import read_study

    faults = {
        "a negative time": (7, "-14", "time"), "a time in words": (7, "6 mo", "time"), "a third event code": (8, "2", "event"),
        "infinity": (4, "inf", "marker"), "a value below zero": (4, "-3", "marker"),
        "a spreadsheet error": (4, "#DIV/0!", "marker"),
        "an underscore in a number": (4, "1_000", "marker"), "another genotype": (5, "V/X", "genotype"),
        "an undeclared arm": (2, "2", "arm"), "an undeclared cohort": (1, "3", "stratum"),
    }
    for i, (what, (column, cell, header)) in enumerate(faults.items()):
        def broken(line: str, column: int = column, cell: str = cell) -> str:
            cells = line.split(",")
            return ",".join([*cells[:column], cell, *cells[column + 1:]]) if cells[0] == "Q010" else line

        place = study_in(folder / str(i), broken)
        try:
            read_study(place / "study.toml")
            said = "accepted"
        except DataProblem as problem:
            said = next((line for line in str(problem).splitlines() if "sheet.csv:11" in line), str(problem).splitlines()[0])
        named = all(part in said for part in (f"sheet.csv:11:{header}", cell, "→"))
        yield Finding(what, f"refused at sheet.csv:11:{header}, naming {cell!r}, with a remedy", said, named)
        yield same(f"{what}: files beside the input", 3, len(list(place.iterdir())))


def identifiers_are_text(folder: Path) -> Iterator[Finding]:
    """Q001 becomes 0001 and Q002 becomes NA: both stay who they are."""
    from biomarkers.study.study import read_study

    place = study_in(folder / "ids", lambda line: line.replace("Q001,", "0001,").replace("Q002,", "NA,"))
    people = set(read_study(place / "study.toml").subjects["subject"])
    yield same("subjects", 90, len(people))
    yield holds("0001 and NA are among them", {"0001", "NA"} <= people)


def limits_and_gaps(folder: Path) -> Iterator[Finding]:
    """One value below its limit, one missing: the first is counted as measured, the second as not."""
    from biomarkers.plan.analysis import associate
    from biomarkers.study.study import read_study

    def change(line: str) -> str:
        cells = line.split(",")
        cells[4] = {"Q001": "<20", "Q002": ""}.get(cells[0], str(float(cells[4]) * 40))
        return ",".join(cells)

    study = read_study(study_in(folder / "limits", change) / "study.toml")
    values = study.measured(study.design.marker("tk1_dul")).set_index("subject")
    yield same("status of <20", "below", str(values.loc["Q001", "status"]))
    yield same("status of an empty cell", "missing", str(values.loc["Q002", "status"]))
    flow = associate(study, "tk1_dul", permutations=0).flow
    yield same("lost for want of a value", 1, int(flow.loc[flow["reason"].ne("included"), "n_excluded"].sum()))


def undeclared_columns_are_not_read(folder: Path) -> Iterator[Finding]:
    """A column of names stands in the sheet: in no table, no message and no file of the run."""
    from biomarkers.study.study import read_study

    lines = sheet()
    place = study_in(folder / "names")
    text = "\n".join([f"{lines[0]},patient_name", *(f"{line},{CANARY}" for line in lines[1:]), ""])
    (place / "sheet.csv").write_text(text, encoding="utf-8")
    study = read_study(place / "study.toml")
    held = "".join(table.to_csv() for table in study.tables.values()) + study.problems.to_csv() + study._repr_html_()
    yield holds("in no table, message or notebook", CANARY not in held)
    yield holds("in no file of the run", CANARY not in everything_written(_written(place, folder / "out")))


def genotypes_by_letters(folder: Path) -> Iterator[Finding]:
    """FCGR3A-158 from a VCF of four samples and from two that are wrong."""
    import biomarkers as bm

    head = ("##fileformat=VCFv4.2\n##contig=<ID=chr1,length=248956422,assembly=GRCh38>\n"
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n##FORMAT=<ID=DP,Number=1,Type=Integer,Description="d">\n'
            "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\tS2\tS3\tS4\n")
    record = "chr1\t161544752\t.\t{}\t{}\t99\tPASS\t.\tGT:DP\t{}\n"
    good = record.format("A", "C", "0/0:40\t0/1:40\t1|1:40\t0/1:3")
    swapped = record.format("G", "C", "0/0:40\t0/1:40\t1/1:40\t0/1:40")
    (folder / "good.vcf").write_text(head + good, encoding="utf-8")
    (folder / "swapped.vcf").write_text(head + swapped, encoding="utf-8")
    (folder / "empty.vcf").write_text(head, encoding="utf-8")
    calls = bm.call_genotypes([folder / "good.vcf"], build="GRCh38").set_index("sample")
    yield same("three clear samples", "F/F, V/F, V/V", ", ".join(calls.loc[["S1", "S2", "S3"], "call"]))
    yield holds("three reads are too few for a call", not calls.loc["S4", "call"] or calls["call"].isna()["S4"],
                str(calls.loc["S4", "reason"]))
    for name in ("swapped", "empty"):
        rows = bm.call_genotypes([folder / f"{name}.vcf"], build="GRCh38")
        none = not rows["call"].fillna("").astype(bool).any()
        reasons = sorted(set(rows["reason"]))
        yield holds(f"{name}: no call, and a reason", none and "OK" not in reasons, ", ".join(reasons))


# -- what is asked ---------------------------------------------------------------------------------------------------------


def the_future_is_refused(_: Path) -> Iterator[Finding]:
    """Markers known only later, asked from time zero, and cohorts that patients chose, asked as an effect."""
    import biomarkers as bm
    from biomarkers.domain.errors import Refused

    br, stop = bm.load_example("br1801"), bm.load_example("stop_her2")
    questions: dict[str, Callable[[], object]] = {
        "change on treatment, from time zero": lambda: bm.associate(br, "ctdna_mtm", feature="change"),
        "ever cleared, from time zero": lambda: bm.associate(br, "ctdna_mtm", feature="ever_cleared"),
        "both arms on treatment without arm": lambda: bm.associate(br, "ctc", at="week6", adjust=()),
        "chosen cohorts as an effect": lambda: bm.time_dependent(stop, "mrd", max_age=126, by=None, adjust=["cohort"]),
    }
    for what, ask in questions.items():
        try:
            ask()
            said = "answered"
        except Refused as refused:
            said = str(refused)
        yield Finding(what, "refused, with what to type instead", said[:160], "Instead: " in said)


def few_events_are_described(folder: Path) -> Iterator[Finding]:
    """All but four subjects of the first cohort censored: it is described, the other cohort is modelled."""
    import biomarkers as bm

    def change(line: str) -> str:
        cells = line.split(",")
        quiet = cells[1] == "1" and int(cells[0][1:]) > 10
        return ",".join([*cells[:8], "0"]) if quiet else line

    study = bm.read_study(study_in(folder / "few", change) / "study.toml")
    table = bm.associate(study, "fcgr3a_158", permutations=0).table
    first = table[(table["cohort"] == "1") & (table["estimand"] == "hazard ratio")]
    other = table[(table["cohort"] == "2") & (table["estimand"] == "hazard ratio")]
    yield holds("no P-value in the cohort of few events", len(first) > 0 and first["p_value"].isna().all(),
                str(first["note"].iloc[0])[:120])
    yield holds("a P-value in the other", len(other) > 0 and other["p_value"].notna().any())


def everybody_is_counted(_: Path) -> Iterator[Finding]:
    """The sample study: lost and left add up to the cohort, at baseline and at a landmark."""
    import biomarkers as bm

    study = bm.load_example("br1801")
    for at in ("baseline", "week6"):
        found = bm.associate(study, "tk1_dul", at=at, permutations=0)
        for cohort, block in found.flow.groupby("cohort", observed=True):
            total = int((study.subjects["cohort"] == cohort).sum())
            if not total:
                continue
            last = block.groupby("arm", sort=False, observed=True)["n_left"].last().sum()
            lost = int(block.loc[block["reason"] != "included", "n_excluded"].sum())
            yield same(f"{at}, {cohort}: lost and left", total, lost + int(last))


# -- what is written -------------------------------------------------------------------------------------------------------


def same_bytes_and_every_byte_hashed(folder: Path) -> Iterator[Finding]:
    """One plan run in two places; then one byte changed, one file removed and one added."""
    from biomarkers.report.folder import verify

    first = _written(study_in(folder / "a"), folder / "first")
    second = _written(study_in(folder / "elsewhere" / "b"), folder / "second")
    one, two = hashes(first), hashes(second)
    yield same("files of the run", len(one), len(two))
    yield same("files whose bytes differ", "none", ", ".join(sorted(n for n in one if one[n] != two.get(n))) or "none")
    yield same("faults found in the untouched run", 0, len(verify(first)))
    results = first / "results.csv"
    results.write_bytes(results.read_bytes()[:-2] + b"0\n")
    (first / "flow.csv").unlink()
    (first / "note.txt").write_text("x", encoding="utf-8")
    yield same("faults found after three changes", "flow.csv: missing; note.txt: not part of the run; results.csv: altered",
               "; ".join(sorted(verify(first))))


def a_failed_write_changes_nothing(folder: Path) -> Iterator[Finding]:
    """The disk is full at the first, the middle and the last write of a run over an earlier one."""
    from biomarkers.domain import atomic
    from biomarkers.report.folder import report

    one = PLAN.partition('[[analysis]]\nid = "fcgr3a"')[0]
    results = _results(study_in(folder / "study", plan=one))
    out = folder / "out"
    real, calls = os.fsync, 0

    def counted(handle: int) -> None:
        nonlocal calls
        calls += 1
        real(handle)

    with mock.patch.object(atomic.os, "fsync", counted):
        report(results, out)
    before, total = hashes(out), calls
    for k in (1, total // 2, total - 2):
        left = k

        def full(handle: int) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                raise OSError(errno.ENOSPC, "no space left on device")
            real(handle)

        try:
            with mock.patch.object(atomic.os, "fsync", full):
                report(results, out, force=True)
            said = "written"
        except OSError as error:
            said = str(error.strerror)
        yield same(f"write {k} of {total} fails: it is said", "no space left on device", said)
        yield holds(f"write {k} of {total} fails: the earlier run is whole", hashes(out) == before)
    left_there = sorted(p.name for p in folder.iterdir() if not p.name.endswith(".lock"))
    yield same("left beside it", "out, study", ", ".join(left_there))


def every_test_is_in_the_ledger(folder: Path) -> Iterator[Finding]:
    """A P-value of the results has its line in the ledger; Holm by hand over a family; a misspelt key is refused by line."""
    from biomarkers.domain.errors import PlanError
    from biomarkers.plan.plan import Plan

    place = study_in(folder / "plan")
    results = _results(place)
    ledger = results.ledger
    adjusted = ledger[ledger["adjust_method"].eq("holm") & ledger["p_value"].notna()]
    yield holds("families adjusted together", adjusted["family"].nunique() >= 2, str(adjusted["family"].nunique()))
    for family, block in adjusted.groupby("family"):
        largest, m = 0.0, len(block)
        for rank, (p, ours) in enumerate(sorted(zip(block["p_value"], block["p_adjusted"], strict=True))):
            largest = max(largest, min(1.0, (m - rank) * p))
            yield close(f"{family}: P-value {rank + 1} of {m}, by Holm", largest, ours, tolerance=1e-12)
    written = results.table["p_value"].dropna()
    yield holds("every P-value of the table is in the ledger", set(written) <= set(ledger["p_value"].dropna()))
    (place / "plan.toml").write_text(PLAN.replace("marker =", "markr =", 1), encoding="utf-8")
    try:
        Plan.read(place / "plan.toml")
        said = "accepted"
    except PlanError as error:
        said = "; ".join(error.lines)
    named = "plan.toml:" in said and "'marker'" in said
    yield Finding("markr = ...", "refused with its line and the right key", said[:160], named)


def text_is_never_run(folder: Path) -> Iterator[Finding]:
    """An arm that is markup, a subject and a cohort that are formulas."""
    study = STUDY.replace('arms = ["0", "1"]', f'arms = ["0", "{MARKUP}"]').replace(
        'cohorts = ["1", "2"]', f'cohorts = ["1", "{FORMULA}"]')

    def change(line: str) -> str:
        cells = line.split(",")
        cells[1] = FORMULA if cells[1] == "2" else cells[1]
        cells[2] = MARKUP if cells[2] == "1" else cells[2]
        cells[0] = "@SUM(1)" if cells[0] == "Q001" else cells[0]
        return ",".join(cells)

    out = _written(study_in(folder / "hostile", change, study=study), folder / "out")
    pages = "\n".join(p.read_text(encoding="utf-8") for p in out.rglob("*.html"))
    yield holds("no markup of the data in a page", MARKUP not in pages and "&lt;script&gt;" in pages)
    yield holds("no page may load or run anything else", pages.count("default-src 'none'") == len(list(out.rglob("*.html"))))
    live = [f"{p.name}:{i}" for p in out.rglob("*.csv") for i, cell in enumerate(_cells(p)) if _runs(cell)]
    yield same("cells that a spreadsheet would run", "none", ", ".join(live[:5]) or "none")


def _cells(path: Path) -> Iterator[str]:
    import csv

    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            yield from row


def _runs(cell: str) -> bool:
    """Whether a spreadsheet would take a cell for a formula; a number is none."""
    if not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def pseudonyms_hold(folder: Path) -> Iterator[Finding]:
    """One study under a key, again under it, and under another: no name and no key in any file, the same numbers."""
    from biomarkers.plan.plan import Plan
    from biomarkers.report.folder import report

    key = "the secret of this qualification"
    (folder / "key").write_text(key, encoding="utf-8")
    (folder / "other").write_text("another secret, of some length", encoding="utf-8")
    plan = Plan.read(study_in(folder / "study") / "plan.toml")
    plain, one, again, other = (plan.read_study(pseudonyms=k and folder / k) for k in (None, "key", "key", "other"))
    people = [set(study.subjects["subject"]) for study in (plain, one, again, other)]
    yield holds("the same key gives the same pseudonyms", people[1] == people[2] and len(people[1]) == 90)
    yield holds("another key gives others, and none is a name",
                not (people[0] | people[1]) & people[3] and not people[0] & people[1])
    results = plan.run(one)
    yield holds("no number changes", plan.run(plain).table.equals(results.table))
    report(results, folder / "out")
    text = everything_written(folder / "out")
    yield same("names in the files of the run", "none", ", ".join(sorted(n for n in people[0] if n in text)[:5]) or "none")
    yield holds("the key is in no file", key not in text)


def few_are_not_counted(folder: Path) -> Iterator[Finding]:
    """A minimum cell size of 5: every count in the tables is hidden or a multiple of 5."""
    import csv

    study = STUDY + "\n[privacy]\nminimum_cell_size = 5\n"
    out = _written(study_in(folder / "study", study=study), folder / "out")
    hidden = others = 0
    exact = []
    for path in sorted(out.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for name in {"n", "n_events", "n_excluded", "n_left", "n_risk", "n_event", "total"} & set(row):
                    hidden += row[name] == "<5"
                    others += row[name] not in ("", "<5")
                    if row[name] not in ("", "<5") and float(row[name]) % 5:
                        exact.append(f"{path.name} {name} {row[name]}")
    yield holds("counts seen", hidden > 0 and others > 0, f"{hidden} hidden, {others} rounded")
    yield same("counts that are neither", "none", "; ".join(exact[:5]) or "none")


def provenance(folder: Path) -> Iterator[Finding]:
    """run.json names inputs, plan, versions and outputs by hash, and neither user nor folder."""
    out = _written(study_in(folder / "study"), folder / "out")
    text = (out / "run.json").read_text(encoding="utf-8")
    record = json.loads(text)
    written, recorded = set(hashes(out)) - {"run.json"}, {entry["path"] for entry in record["outputs"]}
    yield same("outputs with a hash", len(written), len(recorded))
    yield same("outputs on one side only", "none", ", ".join(sorted(written ^ recorded)) or "none")
    sheet_hash = hashlib.sha256((folder / "study" / "sheet.csv").read_bytes()).hexdigest()
    yield holds("the sheet's hash is recorded", any(entry["sha256"] == sheet_hash for entry in record["inputs"]))
    yield holds("no folder of this machine", str(folder) not in text and str(Path.home()) not in text)
