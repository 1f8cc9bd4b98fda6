"""Genotypes of subjects, from calls or from a column of letters; a missing call is missing, never the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from biomarkers.domain.design import Design
from biomarkers.domain.flow import MISSING_REASONS
from biomarkers.domain.marker import Marker
from biomarkers.domain.schema import TABLES, TEXT
from biomarkers.readers.cells import Cell, parse_cell
from biomarkers.readers.columns import Sheet, typed
from biomarkers.readers.findings import Findings

REFUSED: frozenset[str] = frozenset(
    {
        "FILE_ERROR",
        "NO_SAMPLES",
        "SOMATIC_SUSPECT",
        "BUILD_UNKNOWN",
        "BUILD_CONFLICT",
        "BUILD_UNSUPPORTED",
        "BAD_RECORD",
        "BAD_GT",
        "REF_MISMATCH",
        "STRAND_FLIPPED",
        "OTHER_ALLELE",
        "DUPLICATE_CONFLICT",
        "SAMPLE_DUP_DISCORDANT",
    }
)
"""Reasons of the caller that say that a file, or what it says of a sample, is wrong: an error, not a failed assay."""

SITE_ABSENT: frozenset[str] = frozenset({"ABSENT", "NO_CONTIG"})
"""Nothing was said about the site: missing, and easily taken for the reference."""


def marker_of(locus: str, design: Design) -> Marker | None:
    """The marker of a locus: FCGR3A-158 is `fcgr3a_158`."""
    return design.markers.get(locus.lower().replace("-", "_"))


def genotypes_of(sheet: Sheet, design: Design, found: Findings) -> pd.DataFrame:
    """Typed rows of `genotypes`: one per subject and locus."""
    schema = TABLES["genotypes"]
    columns = {column.name: typed(sheet, column, found) for column in schema.columns}
    frame = pd.DataFrame({name: columns[name] for name in schema.names})
    frame["locus"] = frame["locus"].fillna(sheet.source.locus[0])
    called = "reason" in sheet.frame and "n_v" in sheet.frame
    read = _called if called else _spelled
    delivered = (sheet.frame["call"] if "call" in sheet.frame else frame["call"]).fillna("").astype(str).tolist()
    lines, names = sheet.frame["source_row"].tolist(), frame["locus"].tolist()
    reasons, calls, counts = (frame[c].tolist() for c in ("reason", "call", "n_v"))
    cells = [
        read(_Row(i, delivered[i], lines[i], names[i], reasons[i], calls[i], counts[i]), design, sheet, found)
        for i in range(len(frame))
    ]
    markers = [marker_of(locus, design) for locus in frame["locus"]]
    frame["marker"] = pd.array([marker.name if marker is not None else None for marker in markers], dtype=TEXT)
    frame["raw_value"] = pd.array([cell.raw_value for cell in cells], dtype=TEXT)
    frame["value"] = np.array([cell.value for cell in cells], float)
    frame["n_v"] = pd.array([None if np.isnan(cell.value) else int(cell.value) for cell in cells], dtype="Int64")
    frame["call"] = pd.array([cell.call or None for cell in cells], dtype=TEXT)
    frame["status"] = pd.array([cell.status for cell in cells], dtype=TEXT)
    frame["missing_reason"] = pd.array([cell.reason or None for cell in cells], dtype=TEXT)
    if not called:
        frame["reason"] = pd.array(["OK" if cell.call else (cell.reason or cell.code).upper() for cell in cells], dtype=TEXT)
    return frame


@dataclass(frozen=True, slots=True)
class _Row:
    """What one row says, as plain values."""

    position: int
    text: str
    line: Any
    locus: str
    reason: Any
    call: Any
    n_v: Any


def _spelled(row: _Row, design: Design, sheet: Sheet, found: Findings) -> Cell:
    """A genotype in letters."""
    marker, column = marker_of(row.locus, design), sheet.called("call")
    place = {"line": int(row.line), "column": column, "subject": sheet.subject(row.position), "value": row.text}
    if marker is None:
        known = ", ".join(m.label for m in design.markers.values() if m.kind == "genotype")
        found.add("unknown_locus", f"locus {row.locus!r} is not known", f"known: {known}", same=(row.locus,), **place)
        return Cell(raw_value=row.text, status="invalid")
    cell = parse_cell(row.text, marker, sheet.source.spelling_of(marker.name))
    if cell.problem:
        found.add(cell.code, f"{column}: {cell.problem}", cell.remedy, **place)
    elif cell.status == "missing":
        said = f"{marker.label}: missing, {MISSING_REASONS[cell.reason]}"
        found.add("missing", said, severity="note", same=(cell.reason,), **place)
    return cell


def _called(row: _Row, design: Design, sheet: Sheet, found: Findings) -> Cell:
    """A call of the caller with its reason."""
    from biomarkers.genotype.decide import REASONS

    reason = "" if row.reason is pd.NA else str(row.reason)
    if reason == "OK" and row.call is not pd.NA and row.n_v is not pd.NA:
        n_v = float(row.n_v)
        return Cell(raw_value=row.text, value=n_v, lower=n_v, upper=n_v, call=str(row.call))
    marker = marker_of(row.locus, design)
    label = row.locus if marker is None else marker.label
    line = None if row.line is pd.NA else int(row.line)
    place = {"line": line, "column": label, "subject": sheet.subject(row.position), "value": reason}
    said = f"{label}: no call, {reason} ({REASONS.get(reason, 'an unknown reason')})"
    if reason in REFUSED:
        found.add("genotype_file", said, "correct the file or its declarations", **place)
    elif reason in SITE_ABSENT:
        remedy = 'ask for the site, or declare options = { absent = "hom_ref" } where the caller wrote variants only'
        found.add("site_absent", f"{said}: missing, not the reference", remedy, severity="warning", **place)
    else:
        found.add("no_call", said, severity="note", **place)
    missing = "not_given" if reason in SITE_ABSENT else "assay_failed"
    return Cell(raw_value=row.text or reason, status="missing", reason=missing)
