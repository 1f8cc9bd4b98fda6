"""A million damages to the files of a study: no traceback, no hang, no signal, and no number that changed in silence.

    python benchmarks/door_fuzz.py rows  --n 700000 --seed 1     # CSV: every damaged row is a mutation, thousands in each file
    python benchmarks/door_fuzz.py files --n 20000               # CSV: bytes anywhere in a small file, one file a mutation
    python benchmarks/door_fuzz.py toml  --n 100000              # study.toml
    python benchmarks/door_fuzz.py vcf   --n 200000              # VCF text, both lanes of the caller
    python benchmarks/door_fuzz.py all   --n 400                 # a little of each: what the tests run

Every mutation goes through the door of `biomarkers check` (`read_study_file`, `read_tables`, `check`) or of `genotype`, in a
forked worker that is watched: its death or its silence for two minutes is counted and named with the seed that repeats it.

After each, what was read is held against what the file now says, by a second reading that shares no code with the product
(`said` below): a row nobody touched keeps all its values; a touched cell has the value its text says, or no value and a
problem that names its line or its text; a row that is gone is named; digits never become a missing value unannounced.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import multiprocessing
import random
import re
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from biomarkers.domain.errors import DataProblem
from biomarkers.domain.loci import find_loci
from biomarkers.domain.problems import Problem
from biomarkers.genotype.calls import COLUMNS, call_file
from biomarkers.genotype.options import Options
from biomarkers.readers.study_file import read_study_file
from biomarkers.readers.tables import read_tables
from biomarkers.study.checks import check

DESIGN = """name = "small"
cohorts = ["A", "B"]
arms = ["x", "y"]
strata = ["liver_mets"]
[visits.baseline]
day = 0
window = [-28, 0]
[visits.week6]
day = 42
window = [-7, 7]
"""
"""Two cohorts, two arms, two visits: tests/study/test_checks.py begins with it too."""
STUDY = DESIGN + """[endpoints.pfs]
label = "Progression-free survival"
time = "pfs_months"
unit = "months"
event = "pfs_event"
event_is = 1
censored_is = 0
[markers.stil]
column = "til"
[markers.tk1_dul]
lod = 20.0
[tables]
subjects = "subjects.csv"
blood = { path = "blood.csv", ND = "not_detected" }
"""
SUBJECT_COLUMNS = ("subject", "cohort", "arm", "liver_mets", "pfs_months", "pfs_event", "til")
BLOOD_COLUMNS = ("subject", "day", "marker", "value", "unit")

BAITS = (
    "\x00", "\x1b", "\ufeff", "\u202e", ";", "\t", ",", "=1+1", "nan", "inf", "1e999", "-", "ND", "<", ">", "<20", ">1000",
    "5-10", "10-5", "20-Oct", "\u2212", "３", "١", "1_000", "0x1F", "1,234", "1.234,5", "9" * 40, "NA", "N/A", "#DIV/0!", "'",
    "true", "1.5", "-99999999999999999999", "2023-03", "%", "?", "~", "to", " ", "\u00a0", "1e3", "1e-400", ".", "+", "e", "0",
    "missing", "QNS", "BLQ", "neg", "H", "*", "Du/L", "months", "²", "½", "Ⅷ", "1/2", "12 %", "--", "1 000", "0.0", "A", "b",
)  # fmt: skip


# --- damage ----------------------------------------------------------------------------------------------------------------


def damaged(text: str, chance: random.Random) -> str:
    """One to three small damages of a text: a bait dropped in, a stretch lost or doubled, a sign exchanged."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        place, length = chance.randrange(len(text) + 1), chance.randint(1, 4)
        kind = chance.randrange(6)
        if kind == 0:
            text = text[:place] + chance.choice(BAITS) + text[place:]
        elif kind == 1:
            text = text[:place] + text[place + length :]
        elif kind == 2:
            text = text[:place] + text[place : place + length] + text[place:]
        elif kind == 3:
            text = text[:place] + chr(chance.choice((chance.randrange(32, 127), chance.randrange(256)))) + text[place + 1 :]
        elif kind == 4:
            text = text[:place] + chance.choice("0123456789.-<>,") + text[place:]
        else:
            text = text[:place] + chance.choice(BAITS) + text[place + length :]
    return text


def damaged_line(line: str, chance: random.Random) -> str:
    """A row's text, damaged within itself: a quotation mark or a line end would reach its neighbours (the lane `files`)."""
    while True:
        found = damaged(line, chance)
        if found != line and found.strip() and not re.search('["\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]', found):
            return found


# --- the second reading ----------------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}([ \u00a0\u2009\u202f'’,]\d{3})+(\.\d+)?", re.ASCII)


def said(text: str) -> set[float]:
    """The numbers a cell may be said to state, by a reading of its own; empty where it states none."""
    text = text.strip()
    for mark in ("~", "≈", "ca.", "ca", "c.", "approx.", "approx", "about"):
        if text.casefold().startswith(mark):
            text = text[len(mark) :].strip()
            break
    forms = {text, text.rstrip("?").strip()}
    forms |= {re.sub(r"(\*|#|HH|LL|H|L|hh|ll|h|l)$", "", form).strip() for form in set(forms)}
    forms |= {re.sub(r"\s*(%|Du/L|DuA|cells)$", "", form, flags=re.IGNORECASE).strip() for form in set(forms)}
    found = set()
    for form in forms:
        form = "-" + form[1:] if form[:1] in ("\u2212", "\u2013") else form
        if _GROUPED.fullmatch(form):
            form = re.sub(r"[^0-9.+-]", "", form)
        if _NUMBER.fullmatch(form):
            found.add(float(form))
    return found


def all_numbers(text: str) -> set[float]:
    """Every number that stands anywhere in a cell."""
    return {float(m.group()) for m in re.finditer(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII)} | {
        v for part in re.split(r"[<>≤≥=⩽⩾]|\bto\b|[-–—]", text) for v in said(part)
    }


KEPT = ("subject", "cohort", "arm", "liver_mets", "time", "raw_time", "event", "day", "marker", "value", "lower", "upper",
        "status", "censor", "raw_value")  # fmt: skip
JUDGED = ("subjects", "outcomes", "tissue_reads", "blood")
"""Tables of which each row is one line of one file; a specimen is made of several."""


class Reading:
    """What the product read of one study: rows by line, and problems by line and by text."""

    def __init__(self, frames: Mapping[str, pd.DataFrame], problems: list[Problem]) -> None:
        self.problems = problems
        self.lines = Counter((p.file, p.line) for p in problems)
        self.texts = {(p.file, p.value) for p in problems}
        self.listed: dict[str, set[int]] = {}
        for p in problems:
            named = re.findall(r"\b\d+\b", p.problem) if "row" in p.problem else []
            self.listed.setdefault(p.file, set()).update(int(k) for k in named if len(k) < 9)
        self.shortened = {p.file for p in problems if "more)" in p.problem}
        self.whole = {p.file for p in problems if p.severity == "error" and (p.line in (None, 1))}
        self.rows = {name: by_line(frames[name]) for name in JUDGED}

    def told(self, file: str, line: int, text: str = "") -> bool:
        """Whether a problem names this line, this text, or a list of lines that holds it."""
        if self.lines[file, line] or file in self.whole or (text and (file, text) in self.texts):
            return True
        return file in self.shortened or line in self.listed.get(file, ())


def by_line(frame: pd.DataFrame) -> dict[int, list[dict[str, Any]]]:
    rows: dict[int, list[dict[str, Any]]] = {}
    names = [name for name in (*KEPT, "source_file", "source_row") if name in frame]
    columns = [frame[name].tolist() for name in names]
    for values in zip(*columns, strict=True):
        row = dict(zip(names, values, strict=True))
        rows.setdefault(int(row["source_row"]), []).append(row)
    return rows


def read_all(folder: Path) -> Reading:
    """The door of `check`, and what came through it."""
    study = read_study_file(folder / "study.toml")
    tables = read_tables(study)
    frames, found = check({name: table.rows for name, table in tables.items()}, study.design, study.sources)
    problems = [problem for table in tables.values() for problem in table.problems] + found
    for problem in problems:
        if not problem.problem or any(sign in str(problem) for sign in "\x00\x1b\u202e"):
            raise AssertionError(f"a problem without words, or with control signs: {problem!r}")
    return Reading(frames, problems)


def absent(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def differs(kind: str, text: str, value: object) -> bool:
    """Whether a typed value is something else than its text says; an absent value is judged elsewhere."""
    if kind == "number":
        return not any(v == value for v in said(text))
    if kind == "day":
        return not any(math.isfinite(v) and math.floor(v + 0.5) == value for v in said(text))
    if kind == "event":
        return {"1": 1, "0": 0, "1.0": 1, "0.0": 0, "true": 1, "false": 0}.get(text.strip().casefold()) != value
    return str(value).strip() != text.strip()


def blank(text: str) -> bool:
    """Nothing is said: no letter and no digit, or a word for nothing."""
    return not any(sign.isalnum() for sign in text) or text.strip().casefold() in (
        "na", "n/a", "nan", "null", "none", "missing", "#n/a", "<na>", "n.a.", "nil", "n/d", "not available", "unknown", "unk",
    )  # fmt: skip


def marker_cell(text: str, row: Mapping[str, Any], told: bool) -> str:
    """What is wrong with a parsed marker cell; empty if nothing."""
    status = row["status"]
    if row["censor"] == "interval":
        ends, digits = {row["lower"], row["upper"]}, all_numbers(text)
        return "" if ends <= digits and absent(row["value"]) else f"a range of {sorted(ends)}"
    if status == "measured":
        return "" if any(v == row["value"] for v in said(text)) else f"reads {row['value']!r}"
    if not absent(row["value"]):
        return f"{status} with the value {row['value']!r}"
    if status in ("below", "above"):
        digits = all_numbers(text)
        ends = [row[k] for k in ("lower", "upper") if not absent(row[k]) and math.isfinite(row[k])]
        return "" if not digits or any(e in digits for e in ends) or told else f"{status} with {ends}"
    if status == "missing":
        return "" if not any(sign.isdigit() for sign in text) or told or "96" in text else "digits became missing, unannounced"
    return "" if told else f"{status}, and no problem says so"


def audit(file: str, line: int, header: tuple[str, ...], cells: list[str], found: Reading) -> Iterator[str]:
    """Everything of one row that is not as its text says."""
    told = found.told(file, line)
    if len(cells) != len(header):
        extra = cells[len(header) :]
        if len(cells) < len(header) or any(cell.strip() for cell in extra):
            for table, rows in found.rows.items():
                if any(row["source_file"] == file for row in rows.get(line, [])):
                    yield f"{len(cells)} cells where {len(header)} are due, and yet a row of {table}"
            if not told:
                yield "a row of the wrong length that nobody named"
            return
    says = dict(zip(header, cells, strict=False))
    plans: dict[str, dict[str, tuple[str, str]]] = (
        {
            "subjects": {c: (c, "text") for c in ("subject", "cohort", "arm", "liver_mets")},
            "outcomes": {"raw_time": ("pfs_months", "number"), "event": ("pfs_event", "event"), "subject": ("subject", "text")},
            "tissue_reads": {"subject": ("subject", "text")},
        }
        if "pfs_months" in header
        else {"blood": {"subject": ("subject", "text"), "day": ("day", "day"), "marker": ("marker", "text")}}
    )
    for table, columns in plans.items():
        rows = [row for row in found.rows.get(table, {}).get(line, []) if row["source_file"] == file]
        if not rows and not told and not (table == "tissue_reads" and blank(says.get("til", ""))):
            yield f"no row of {table}, and no problem says why"
        for row in rows:
            for column, (place, kind) in columns.items():
                text = says[place]
                if absent(row[column]):
                    if not blank(text) and not found.told(file, line, text):
                        yield f"{table}.{column} is missing where {text!r} stands, unannounced"
                elif differs(kind, text, row[column]) and not (kind == "text" and found.told(file, line, text)):
                    yield f"{table}.{column} is {row[column]!r} where {text!r} stands"
            if "raw_time" in columns and not absent(row["time"]) and row["time"] != math.floor(row["raw_time"] * 30.4375 + 0.5):
                yield f"{row['time']} days of {row['raw_time']} months"
            if "status" in row:
                text = says["til" if table == "tissue_reads" else "value"]
                wrong = marker_cell(text, row, found.told(file, line, text))
                if wrong:
                    yield f"{table}: {wrong} where {text!r} stands"


# --- lanes -----------------------------------------------------------------------------------------------------------------


def base_rows(n: int) -> tuple[list[str], list[str]]:
    """Rows of an undamaged wide sheet and of an undamaged list of tubes, of n subjects."""
    subjects = [
        f"S-{i:04d},{'AB'[i % 2]},{'xyx'[i % 3]},{i % 2},{1.5 + (i * 7 % 311) / 10},{int(i % 5 < 3)},{(i * 3) % 96}"
        for i in range(1, n + 1)
    ]
    blood = [
        f"S-{i:04d},{day},{marker},{value},{unit}"
        for i in range(1, n + 1)
        for day, marker, value, unit in (
            (-(i % 9), "tk1_dul", f"{100 + i % 400}", "Du/L"),
            (40 + i % 5, "tk1_dul", "<20" if i % 4 else f"{25.5 + i % 7}", "Du/L"),
            (-(i % 9), "ctc", f"{i % 13}", "cells/7.5 mL"),
        )
    ]
    return subjects, blood


def write(folder: Path, subjects: list[str], blood: list[str], study: str = STUDY) -> None:
    for name, header, rows in (("subjects.csv", SUBJECT_COLUMNS, subjects), ("blood.csv", BLOOD_COLUMNS, blood)):
        (folder / name).write_text("\n".join([",".join(header), *rows]) + "\n", encoding="utf-8", newline="")
    (folder / "study.toml").write_text(study, encoding="utf-8")


def kept(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return sorted(tuple(repr(row.get(c)) for c in KEPT) for row in rows)


def unclear(problem: Problem) -> bool:
    """Whether a problem says nothing, or what a terminal would obey."""
    return not problem.problem or any(sign in str(problem) for sign in "\x00\x1b\u202e")


class Rows:
    """Lane `rows`: a file of many rows, nearly half of them damaged, each by itself."""

    SIZE, SHARE = 1500, 0.45

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.subjects, self.blood = base_rows(self.SIZE)
        write(folder, self.subjects, self.blood)
        self.base = read_all(folder)
        loud = [p for p in self.base.problems if p.severity == "error"]
        if loud:
            raise AssertionError(f"the undamaged study is not clean: {loud[0]}")

    def round(self, seed: int) -> Iterator[tuple[int, str]]:
        chance = random.Random(seed)
        subjects, blood = list(self.subjects), list(self.blood)
        name, victim, header = (
            ("subjects.csv", subjects, SUBJECT_COLUMNS) if chance.random() < 0.4 else ("blood.csv", blood, BLOOD_COLUMNS)
        )
        hit = {i: damaged_line(victim[i], chance) for i in chance.sample(range(len(victim)), int(self.SHARE * len(victim)))}
        for i, line in hit.items():
            victim[i] = line
        write(self.folder, subjects, blood)
        found = read_all(self.folder)
        if name in found.whole:
            silent = [p for p in found.problems if p.line in (None, 1) and p.severity == "error" and p.file == name]
            yield 0, f"one row's damage is told as the whole file's: {silent[0]}"
            return
        for i, line in hit.items():
            cells = next(csv.reader([line]))
            for wrong in audit(name, i + 2, header, cells, found):
                yield 0, f"{wrong}   [{line!r}]"
        gone = {i + 2 for i in hit}
        for table in JUDGED:
            for line, before in self.base.rows[table].items():
                if line in gone and before[0]["source_file"] == name:
                    continue
                now = found.rows.get(table, {}).get(line, [])
                if kept(now) != kept(before) and not (not now and found.told(str(before[0]["source_file"]), line)):
                    yield 0, f"{table} line {line}, which nobody touched, was {kept(before)} and is {kept(now)}"
        yield len(hit), ""


class Files:
    """Lane `files`: small files, bytes anywhere, one file a mutation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subjects, blood = base_rows(6)
        write(folder, subjects, blood)
        self.bytes = {name: (folder / name).read_bytes() for name in ("subjects.csv", "blood.csv")}
        self.baits = [bait.encode() for bait in BAITS]
        self.baits += [b'"', b"\n", b"\r", b"\r\n", b'""', b"\xff", b"\xc3\x28", b"\xb5", b"\x80", b"\xff\xfe", b"9" * 400]
        self.baits += [b"[", b"]", b"{", b"}", b"#", b"\\"]

    def damaged(self, data: bytes, chance: random.Random) -> bytes:
        for _ in range(chance.choice((1, 1, 2, 4))):
            place, length = chance.randrange(len(data) + 1), chance.randint(1, 12)
            kind = chance.randrange(5)
            if kind == 0:
                data = data[:place] + chance.choice(self.baits) + data[place:]
            elif kind == 1:
                data = data[:place] + data[place + length :]
            elif kind == 2:
                data = data[:place] + data[place : place + 8 * length] + data[place:]
            elif kind == 3:
                data = data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
            elif chance.random() < 0.3:
                lines = data.split(b"\n")
                chance.shuffle(lines)
                data = b"\n".join(lines)
        return data

    def round(self, seed: int) -> Iterator[tuple[int, str]]:
        chance = random.Random(seed)
        victim = chance.choice(sorted(self.bytes))
        for name, data in self.bytes.items():
            (self.folder / name).write_bytes(self.damaged(data, chance) if name == victim else data)
        found = read_all(self.folder)
        for problem in found.problems:
            if unclear(problem):
                yield 0, f"a problem without words, or with control signs: {problem!r}"
        accepted = not any(p.severity == "error" for p in found.problems)
        if accepted:
            data = (self.folder / victim).read_bytes().removeprefix(b"\xef\xbb\xbf")
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError:
                text = data.decode("cp1252")
            separator = ";" if ";" in text.split("\n", 1)[0] and "," not in text.split("\n", 1)[0] else ","
            records = [(i, r) for i, r in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator), 1)
                       if any(cell.strip() for cell in r)]
            header = tuple(cell.strip() for cell in records[0][1])
            while header and not header[-1]:
                header = header[:-1]
            if set(SUBJECT_COLUMNS if victim == "subjects.csv" else BLOOD_COLUMNS) <= set(header):
                for line, cells in records[1:]:
                    for wrong in audit(victim, line, header, cells, found):
                        yield 0, f"{wrong}   [{cells!r}]"
        yield 1, "" if accepted else "refused"


class Toml:
    """Lane `toml`: what is accepted is what stands there, and no key is passed over."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subjects, blood = base_rows(4)
        write(folder, subjects, blood)
        self.base = tomllib.loads(STUDY)
        self.data = STUDY.encode()
        self.files = Files(folder)

    def round(self, seed: int) -> Iterator[tuple[int, str]]:
        chance = random.Random(seed)
        data = self.files.damaged(self.data, chance)
        (self.folder / "study.toml").write_bytes(data)
        try:
            study = read_study_file(self.folder / "study.toml")
        except DataProblem as fault:
            for problem in fault.problems:
                if unclear(problem):
                    yield 0, f"a problem without words, or with control signs: {problem!r}"
            yield 1, "refused"
            return
        now = tomllib.loads(data.decode("utf-8").removeprefix("\ufeff"))
        design = study.design
        visits = {name: (visit.day, tuple(visit.window)) for name, visit in design.visits.items()}
        claims = [
            (list(design.cohorts), now.get("cohorts", []), "cohorts"),
            (list(design.arms), now.get("arms", []), "arms"),
            (list(design.strata), now.get("strata", []), "strata"),
            (visits, {k: (v["day"], tuple(v["window"])) for k, v in now.get("visits", {}).items()}, "visits"),
        ]
        source = study.source("subjects")
        for name, said_of in now.get("endpoints", {}).items():
            rule = source.endpoints.get(name.casefold()) if source else None
            if rule is None:
                yield 0, f"endpoint {name} is not there"
                continue
            # 1 alone leaves 0 for censoring, and 0 alone 1; any other code leaves it to be said.
            left = {("1",): ["0"], ("0",): ["1"]}.get(tuple(texts(said_of.get("event_is", []))), [])
            uncensored = left if "event_is" in said_of else list(rule.censored_is)
            claims += [
                ((rule.time, rule.event), (said_of.get("time"), said_of.get("event")), f"endpoints.{name}"),
                (list(rule.event_is), texts(said_of.get("event_is", list(rule.event_is))), f"endpoints.{name}.event_is"),
                (list(rule.censored_is), texts(said_of.get("censored_is", uncensored)), f"endpoints.{name}.censored_is"),
                (rule.unit, said_of.get("unit", rule.unit), f"endpoints.{name}.unit"),
            ]
        for name, said_of in now.get("markers", {}).items():
            marker = design.markers.get(name)
            if marker is None:
                yield 0, f"marker {name} is not there"
            elif "lod" in said_of:
                claims.append((marker.lod, float(said_of["lod"]), f"markers.{name}.lod"))
        claims.append(([s.table for s in study.sources], sorted(now.get("tables", {}), key=list(TABLE_ORDER).index), "tables"))
        for got, wanted, where in claims:
            if got != wanted:
                yield 0, f"{where} is {got!r} where {wanted!r} stands"
        unknown = set(paths(now)) - set(paths(self.base)) - {p for p in paths(now) if fits(p)}
        if unknown:
            yield 0, f"keys that no one knows were accepted: {sorted(unknown)}"
        yield 1, ""


TABLE_ORDER = {"subjects": 0, "outcomes": 1, "specimens": 2, "tissue_reads": 3, "blood": 4, "genotypes": 5}
OPTIONAL = {"label", "time", "unit", "event", "event_is", "censored_is", "column", "lod", "day", "window", "path", "ND", "name"}


def texts(value: Any) -> list[str]:
    every = value if isinstance(value, list) else [value]
    return [("true" if v else "false") if isinstance(v, bool) else str(v) for v in every]


def paths(value: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*at, key))
    else:
        yield at


def fits(path: tuple[str, ...]) -> bool:
    """A key that the base has elsewhere, under a name that the user gives (a visit, an endpoint)."""
    return len(path) == 3 and path[0] in ("visits", "endpoints", "markers") and path[2] in OPTIONAL


VCF = """##fileformat=VCFv4.2
##contig=<ID=chr1,length=248956422>
##FILTER=<ID=LowQual,Description="low">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\tS2\tS3\tS4
chr1\t161544000\t.\tG\tT\t50\tPASS\t.\tGT:DP:GQ\t0/1:30:50\t0/0:30:50\t0/0:30:50\t1/1:31:52
chr1\t161544752\trs396991\tA\tC\t50\tPASS\t.\tGT:DP:GQ\t0/1:30:50\t0/0:28:60\t1/1:40:99\t0|1:22:45
chr1\t161545100\t.\tC\tG\t50\tPASS\t.\tGT:DP:GQ\t0/0:30:50\t0/1:30:50\t0/0:30:50\t./.:0:0
"""
SITE, VALINE, PHENYLALANINE = 161544752, "C", "A"


class Vcf:
    """Lane `vcf`: a call is made of the letters that the line now says, or there is none."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "f.vcf"
        self.loci = find_loci(["FCGR3A-158"])
        self.files = Files(folder)

    def round(self, seed: int) -> Iterator[tuple[int, str]]:
        chance = random.Random(seed)
        lines = VCF.encode().split(b"\n")
        if chance.random() < 0.5:  # half of the damage to the line of the locus
            lines[8] = self.files.damaged(lines[8], chance)
            data = b"\n".join(lines)
        else:
            data = self.files.damaged(VCF.encode(), chance)
        self.path.write_bytes(data)
        calls = call_file(str(self.path), self.loci, Options(), lane=chance.choice(["auto", "scan"]))
        rows = [dict(zip(COLUMNS, row, strict=True)) for c in calls for row in c.rows()]
        if not rows:
            yield 0, "no row"
        for row in rows:
            if (row["call"] != "") != (row["reason"] == "OK"):
                yield 0, f"{row['call']!r} with {row['reason']!r}"
            if row["call"]:
                allowed = letters(data, str(row["sample"]))
                bases = re.split(r"[/|]", str(row["bases"]))
                if tuple(sorted(bases)) not in allowed:
                    yield 0, f"{row['sample']} is {row['bases']} where {allowed} stands"
                call = "/".join(sorted(("V" if base == VALINE else "F" for base in bases), reverse=True))
                if call != row["call"]:
                    yield 0, f"{row['bases']} is called {row['call']}"
        yield 1, "" if any(row["call"] for row in rows) else "refused"


def letters(data: bytes, sample: str) -> set[tuple[str, ...]]:
    """The pairs of letters that a sample's cell at the site may be said to state."""
    lines = [[plain(cell) for cell in line.rstrip(b"\r").split(b"\t")] for line in data.split(b"\n")]
    header = next(line for line in lines if line[0] == "#CHROM")
    found = set()
    for line in lines:
        if len(line) < 10 or not re.fullmatch(r"[0-9]+", line[1]):
            continue
        start, reference = int(line[1]), line[3].upper()
        within = SITE - start
        for column, name in enumerate(header):
            if name != sample or column < 9 or column >= len(line):
                continue
            for part in line[column].split(":"):
                indices = re.split(r"[/|]", part.lstrip("/|"))
                alleles = [reference, *line[4].upper().split(",")]
                if all(re.fullmatch(r"[0-9]+", i) and int(i) < len(alleles) for i in indices) and len(indices) == 2:
                    pair = [alleles[int(i)] for i in indices]
                    if within >= 0 and all(len(p) > within for p in pair):
                        found.add(tuple(sorted(p[within] for p in pair)))
    return found


def plain(cell: bytes) -> str:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return cell.decode("latin-1")


LANES: dict[str, Any] = {"rows": Rows, "files": Files, "toml": Toml, "vcf": Vcf}


# --- the watched worker ----------------------------------------------------------------------------------------------------


def worker(lane: str, first: int, wanted: int, pipe: Any) -> None:
    """Rounds until so many mutations are done; after each, what happened is told."""
    with tempfile.TemporaryDirectory() as name:
        try:
            runner = LANES[lane](Path(name))
        except Exception:
            pipe.send((first, 0, ["it cannot begin: " + traceback.format_exc(limit=-3)], False))
            pipe.send(None)
            return
        done, seed = 0, first
        while done < wanted:
            wrong, n, refused = [], 0, False
            try:
                for count, text in runner.round(seed):
                    n += count
                    refused = text == "refused"
                    if text and not refused:
                        wrong.append(text)
            except Exception:
                wrong.append("traceback: " + traceback.format_exc(limit=-7))
            done += max(n, 1)
            pipe.send((seed, n, wrong, refused))
            seed += 1
    pipe.send(None)


def run(lane: str, n: int, seed: int, *, show: int = 5, patience: float = 120.0, minutes: float = 1e9) -> Counter[str]:
    """Mutations of one lane, in watched workers; a dead or silent one is counted, and the next goes on behind it."""
    counts: Counter[str] = Counter()
    started = time.monotonic()
    while counts["mutations"] < n and time.monotonic() - started < 60 * minutes:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(
            target=worker, args=(lane, seed, min(n - counts["mutations"], 20_000), theirs)
        )
        process.start()
        theirs.close()
        while True:
            try:
                message = ours.recv() if ours.poll(patience) else "hang"
            except EOFError:
                message = "signal"
            if message is None:
                break
            if isinstance(message, str):
                counts[message] += 1
                print(f"{lane} seed {seed}: {message}", flush=True)
                process.kill()
                seed += 1
                break
            seed, done, wrong, refused = message
            seed += 1
            counts["files"] += 1
            counts["mutations"] += done
            counts["refused"] += refused
            for text in wrong:
                kind = "tracebacks" if text.startswith(("traceback", "it cannot")) else "silent changes"
                counts[kind] += 1
                if counts[kind] <= show:
                    print(f"{lane} seed {seed - 1}: {text}", flush=True)
            if time.monotonic() - started > 60 * minutes:
                process.kill()
                break
        process.join()
        if counts["tracebacks"] and not counts["mutations"]:
            break
    return counts


def main() -> int:
    """Run the lanes that are asked for, and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lane", choices=[*LANES, "all"])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so long, whatever --n says")
    asked = parser.parse_args()
    bad = 0
    for lane in LANES if asked.lane == "all" else [asked.lane]:
        start = time.perf_counter()
        c = run(lane, asked.n, asked.seed, show=asked.show, minutes=asked.minutes)
        lost = c["tracebacks"] + c["silent changes"] + c["hang"] + c["signal"]
        bad += lost
        print(
            f"{lane}: {c['mutations']:,} mutations in {c['files']:,} files from seed {asked.seed}, "
            f"{time.perf_counter() - start:.0f} s: {c['tracebacks']} tracebacks, {c['hang']} hangs, {c['signal']} signals, "
            f"{c['silent changes']} silent changes" + (f"; {c['refused']:,} files refused" if lane != "rows" else ""),
            flush=True,
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
