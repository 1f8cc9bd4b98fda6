"""Calling one file: header, build, lines, views, decision, rows. Nothing here raises for a file's sake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from biomarkers.domain.loci import Locus
from biomarkers.genotype.cells import NO_NUMBERS, CellReader, Numbers, combine, read_column
from biomarkers.genotype.decide import Decision, Verdict, with_code
from biomarkers.genotype.header import (
    Build,
    Header,
    HeaderProblem,
    declared_contigs,
    declares_blocks,
    find_build,
    has_contig_lines,
    parse_header,
)
from biomarkers.genotype.options import Options
from biomarkers.genotype.reader import FileProblem, Lines, Region, read_lines
from biomarkers.genotype.record import Record, View, parse_record, view_record

COLUMNS = ("file", "sample", "locus", "build", "call", "n_copies", "n_v", "bases", "dosage", "phased", "reason", "dp", "gq",
           "ad_ref", "ad_alt", "filter", "pos", "ref", "alt", "note")


class Head(NamedTuple):
    """The columns of a record that stand in its rows; empty where no record was used."""

    filter: str = ""
    pos: int | None = None
    ref: str = ""
    alt: str = ""


NO_HEAD = Head()


@dataclass(slots=True)
class LocusCalls:
    """One file at one locus: a verdict per distinct combination of facts, a code per sample, and the numbers.

    Parameters
    ----------
    file, locus, build : str
    samples : tuple of str, (n,)
    verdicts : list of Verdict
    codes : sequence of int, (n,)
        Index into `verdicts`.
    heads : list of Head
        Per verdict, FILTER, POS, REF and ALT of the record it rests on.
    numbers : sequence of Numbers, (n,), or dict of arrays, or None
    """

    file: str
    locus: str
    build: str
    samples: Sequence[str]
    verdicts: list[Verdict]
    codes: Sequence[int] | np.ndarray
    heads: list[Head]
    numbers: Sequence[Numbers] | dict[str, np.ndarray] | None = None

    def rows(self) -> Iterator[tuple[object, ...]]:
        """One tuple per sample, in the order of `COLUMNS`; None where there is no value."""
        codes = self.codes.tolist() if isinstance(self.codes, np.ndarray) else self.codes
        file, locus, build = self.file, self.locus, self.build
        for sample, code, (dp, gq, ad_ref, ad_alt, dosage) in zip(self.samples, codes, self._numbers(), strict=True):
            v, (flt, pos, ref, alt) = self.verdicts[code], self.heads[code]
            if v.reason == "SAMPLE_DUP_DISCORDANT":
                dosage = None
            elif dosage is None and v.call:
                dosage = float(v.n_v or 0)
            yield (file, sample, locus, build, v.call, v.n_copies, v.n_v, v.bases, dosage, v.phased, v.reason, dp, gq,
                   ad_ref, ad_alt, flt, pos, ref, alt, v.note)

    def _numbers(self) -> Sequence[Numbers] | Iterator[tuple[object, ...]]:
        if self.numbers is None:
            return [NO_NUMBERS] * len(self.samples)
        if isinstance(self.numbers, dict):
            empty = [None] * len(self.samples)
            columns = (self.numbers[k].tolist() if k in self.numbers else empty for k in Numbers._fields)
            return zip(*columns, strict=True)
        return self.numbers


def _head(record: Record) -> Head:
    return Head(record.filter, record.pos, record.ref_text, record.alt_text)


def call_file(path: str, loci: Sequence[Locus], options: Options, *, lane: str = "auto") -> list[LocusCalls]:
    """All samples of one file at every locus; a file that cannot be used gives one row per locus, or per sample where known.

    Parameters
    ----------
    path : str
        As it shall stand in the column `file`; `-` reads standard input.
    """
    plan = _Plan(loci, options)
    try:
        lines = read_lines(path, plan, lane=lane)
        header = plan.header or parse_header(lines.header)
    except HeaderProblem as problem:
        return refuse_file(path, loci, problem.reason, problem.message)
    except FileProblem as problem:
        # Damage behind a header that could be read costs each of its samples.
        return refuse_file(path, loci, "FILE_ERROR", str(problem), plan.header.samples if plan.header else ("",))
    found = [_call_locus(printable(path), locus, options, header, lines) for locus in loci]
    _note_paralog_sites(loci, found)
    return found


def _note_paralog_sites(loci: Sequence[Locus], found: Sequence[LocusCalls]) -> None:
    """Where the paralog's own base was called as well, and is not the paralog's, the call of the locus says so."""
    for locus, calls in zip(loci, found, strict=True):
        if locus.paralog is None or calls.build not in locus.position:
            continue
        there = locus.position[calls.build] + locus.paralog.offset
        for other, those in zip(loci, found, strict=True):
            if other.chromosome == locus.chromosome and other.position.get(calls.build) == there and those.build == calls.build:
                _note_where_carried(calls, those)


def _note_where_carried(calls: LocusCalls, those: LocusCalls) -> None:
    astray = {i for i, verdict in enumerate(those.verdicts) if verdict.n_v}
    if not astray:
        return
    noted: dict[int, int] = {}
    codes = list(calls.codes)
    for j, (code, that) in enumerate(zip(codes, those.codes, strict=True)):
        verdict = calls.verdicts[code]
        if that in astray and verdict.call:
            if code not in noted:
                noted[code] = len(calls.verdicts)
                calls.verdicts.append(verdict._replace(note=with_code(verdict.note, "PARALOG_SITE")))
                calls.heads.append(calls.heads[code])
            codes[j] = noted[code]
    calls.codes = [int(code) for code in codes]


def refuse_file(path: str, loci: Sequence[Locus], reason: str, message: str,
                samples: Sequence[str] = ("",)) -> list[LocusCalls]:
    """Rows without a call: one per locus, and per sample where the samples are known."""
    return [_refuse(printable(path), locus, samples, reason, message) for locus in loci]


def printable(path: str) -> str:
    """A path as it stands in the table; a name that is no UTF-8 keeps its bytes as escapes."""
    return path.encode("utf-8", "backslashreplace").decode()


class _Plan:
    """Asks first for the sites in the build that the header names, then, where nothing stands there, in the other build."""

    def __init__(self, loci: Sequence[Locus], options: Options) -> None:
        self.loci, self.options = loci, options
        self.header: Header | None = None
        self.builds: list[str] = []

    def everything(self) -> list[Region]:
        return [Region(locus.chromosome.names, *locus.window(build)) for locus in self.loci for build in locus.position]

    def first(self, header: bytes) -> list[Region]:
        self.header = parse_header(header)
        self.builds = [_find_build(self.header, locus, self.options).name for locus in self.loci]
        return [Region(locus.chromosome.names, *locus.window(build))
                for locus, build in zip(self.loci, self.builds, strict=True) if build in locus.position]

    def then(self, lines: Lines) -> list[Region]:
        regions = []
        for locus, build in zip(self.loci, self.builds, strict=True):
            p, names = locus.position.get(build), locus.chromosome.names
            if p is not None and not any(name in names and pos <= p <= end for name, pos, end, _ in lines.found):
                regions += [Region(names, other, other) for b, other in locus.position.items() if b != build]
        return regions


def _refuse(path: str, locus: Locus, samples: Sequence[str], reason: str, message: str, build: str = "") -> LocusCalls:
    verdict = Verdict("", None, None, "", False, reason, message, -1)
    return LocusCalls(path, locus.id, build, samples, [verdict], [0] * len(samples), [NO_HEAD])


def _call_locus(path: str, locus: Locus, options: Options, header: Header, lines: Lines) -> LocusCalls:
    samples = header.samples
    if header.somatic:
        return _refuse(path, locus, samples, "SOMATIC_SUSPECT", "written by a somatic caller")
    build = _build(locus, options, header, lines)
    if build.reason:
        return _refuse(path, locus, samples, build.reason, build.message)
    names = locus.chromosome.names
    invalid = [f"{n}: {why}" for n, why in lines.invalid.items() if n in names]
    if invalid:
        return _refuse(path, locus, samples, "BAD_RECORD", invalid[0], build.name)
    p = locus.position[build.name]
    first, last = locus.window(build.name)
    views: list[View] = []
    has_blocks = len(samples) == 1 and declares_blocks(header.meta)
    for name, pos, end, line in lines.found:
        if name in names and pos <= last and end >= first:
            record = parse_record(line, len(samples), header.meta)
            has_blocks |= record.is_block
            views += view_record(record, locus, p, options)
    for view in sorted(views, key=lambda v: v.refused[0] != "BAD_RECORD"):
        if view.refused[0]:
            return _refused_by(path, locus, samples, view, build.name)
    if not any(v.kind in ("site", "block") for v in views) and (elsewhere := _at_other_build(locus, build.name, lines)):
        return _refuse(path, locus, samples, "BUILD_CONFLICT", elsewhere)
    decision = Decision(locus, views, options, may_assume=bool(lines.seen & names), has_blocks=has_blocks, notes=lines.notes)
    return _decide(path, locus, build.name, samples, views, decision, options, header)


def _refused_by(path: str, locus: Locus, samples: Sequence[str], view: View, build: str) -> LocusCalls:
    calls = _refuse(path, locus, samples, *view.refused, build)
    calls.heads = [_head(view.record)]
    return calls


def _find_build(header: Header, locus: Locus, options: Options) -> Build:
    return find_build(header.meta, header.contigs, locus.chromosome, options.build)


def _build(locus: Locus, options: Options, header: Header, lines: Lines) -> Build:
    build = _find_build(header, locus, options)
    if build.reason in ("", "BUILD_UNKNOWN") and not lines.seen & locus.chromosome.names \
            and has_contig_lines(header.contigs) and not declared_contigs(header.contigs, locus.chromosome):
        return Build("", "NO_CONTIG", f"no contig of chromosome {locus.chromosome.name} under any of its names "
                                      f"({', '.join(sorted(locus.chromosome.names))})")
    if not build.reason and build.name not in locus.position:
        return Build("", "BUILD_UNSUPPORTED", f"{locus.id} has no position in {build.name}")
    return build


def _at_other_build(locus: Locus, build: str, lines: Lines) -> str:
    """Where the locus stands at its position in another build, the header names the wrong build."""
    for other, p in locus.position.items():
        if other == build:
            continue
        for name, pos, _, line in lines.found:
            fields = line.split(b"\t", 5)
            if name in locus.chromosome.names and pos == p and len(fields) > 4:
                named = locus.rsid.encode() in fields[2].split(b";")
                lettered = (fields[3].upper(), fields[4].upper()) == (locus.ref.encode(), locus.alt.encode())
                if named or lettered:
                    return f"{locus.rsid or locus.id} stands at its {other} position {p}, the file says {build}"
    return ""


def _decide(path: str, locus: Locus, build: str, samples: Sequence[str], views: list[View], decision: Decision,
            options: Options, header: Header) -> LocusCalls:
    n, p = len(samples), locus.position[build]
    if not views:
        return LocusCalls(path, locus.id, build, samples, [decision.verdict(())], [0] * n if n < 64 else np.zeros(n, np.intp),
                          [NO_HEAD])
    columns = [read_column(CellReader(v, p, options, gp_is_phred=header.gp_is_phred), n) for v in views]
    codes, combinations = combine(columns, n)
    verdicts = [decision.verdict(facts) for facts in combinations]
    heads = [_head(views[v.used].record) if v.used >= 0 else NO_HEAD for v in verdicts]
    used = {v.used for v in verdicts}
    numbers: Sequence[Numbers] | dict[str, np.ndarray] | None
    if len(used) == 1:
        i = used.pop()
        numbers = columns[i].numbers if i >= 0 else None
    else:
        numbers = _gather(columns, [v.used for v in verdicts], codes)
    return LocusCalls(path, locus.id, build, samples, verdicts, codes, heads, numbers)


def _gather(columns: list, used: list[int], codes: Sequence[int] | np.ndarray) -> list[Numbers]:
    """Each sample's numbers from the record that its own verdict rests on."""
    rows = []
    for column in columns:
        if column.numbers is None:
            rows.append(None)
        elif isinstance(column.numbers, dict):
            n = len(column.codes)
            empty = [None] * n
            rows.append([Numbers(*t) for t in zip(*(column.numbers[k].tolist() if k in column.numbers else empty
                                                    for k in Numbers._fields), strict=True)])
        else:
            rows.append(column.numbers)
    codes = codes.tolist() if isinstance(codes, np.ndarray) else codes
    return [NO_NUMBERS if used[c] < 0 or rows[used[c]] is None else rows[used[c]][i] for i, c in enumerate(codes)]
