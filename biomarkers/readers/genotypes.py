"""Genotypes of subjects, from calls or from a column of letters; a missing call is missing, never the reference."""

from __future__ import annotations

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
    cells = [
        _called(frame, i, design, sheet, found) if called else _spelled(frame, i, design, sheet, found)
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


def _spelled(frame: pd.DataFrame, i: int, design: Design, sheet: Sheet, found: Findings) -> Cell:
    """A genotype in letters."""
    raw = sheet.frame["call"].fillna("").iat[i] if "call" in sheet.frame else ""
    marker = marker_of(frame["locus"].iat[i], design)
    place = {
        "line": int(sheet.frame["source_row"].iat[i]),
        "column": sheet.called("call"),
        "subject": sheet.subject(i),
        "value": raw,
    }
    if marker is None:
        known = ", ".join(m.label for m in design.markers.values() if m.kind == "genotype")
        found.add(
            "unknown_locus",
            f"locus {frame['locus'].iat[i]!r} is not known",
            f"known: {known}",
            same=(str(frame["locus"].iat[i]),),
            **place,
        )
        return Cell(raw_value=raw, status="invalid")
    cell = parse_cell(raw, marker, sheet.source.spelling_of(marker.name))
    if cell.problem:
        found.add(cell.code, f"{sheet.called('call')}: {cell.problem}", cell.remedy, **place)
    elif cell.status == "missing":
        found.add(
            "missing", f"{marker.label}: missing, {MISSING_REASONS[cell.reason]}", severity="note", same=(cell.reason,), **place
        )
    return cell


def _called(frame: pd.DataFrame, i: int, design: Design, sheet: Sheet, found: Findings) -> Cell:
    """A call of the caller with its reason."""
    from biomarkers.genotype.decide import REASONS

    reason = str(frame["reason"].iat[i]) if frame["reason"].iat[i] is not pd.NA else ""
    call, n_v = frame["call"].iat[i], frame["n_v"].iat[i]
    marker = marker_of(frame["locus"].iat[i], design)
    if reason == "OK" and call is not pd.NA and n_v is not pd.NA:
        return Cell(raw_value=str(call), value=float(n_v), lower=float(n_v), upper=float(n_v), call=str(call))
    line = sheet.frame["source_row"].iat[i]
    label = marker.label if marker is not None else str(frame["locus"].iat[i])
    place = {"line": None if line is pd.NA else int(line), "column": label, "subject": sheet.subject(i), "value": reason}
    said = f"{label}: no call, {reason} ({REASONS.get(reason, 'an unknown reason')})"
    if reason in REFUSED:
        found.add("genotype_file", said, "correct the file or its declarations", **place)
    elif reason in SITE_ABSENT:
        found.add(
            "site_absent",
            f"{said}: missing, not the reference",
            'ask for the site, or declare options = { absent = "hom_ref" } where the caller wrote variants only',
            severity="warning",
            **place,
        )
    else:
        found.add("no_call", said, severity="note", **place)
    raw_value = str(call) if call is not pd.NA else reason
    return Cell(raw_value=raw_value, status="missing", reason="not_given" if reason in SITE_ABSENT else "assay_failed")
