"""Marker values of a sheet: unit, limits and spelling of each row decide how its cell is read; densities are counted."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from biomarkers.domain import vocabulary as words
from biomarkers.domain.design import Design
from biomarkers.domain.flow import MISSING_REASONS
from biomarkers.domain.marker import Marker
from biomarkers.domain.nearest import did_you_mean
from biomarkers.domain.problems import Problem
from biomarkers.domain.schema import TABLES, TEXT, VALUE
from biomarkers.readers.cells import Cell, parse_cell
from biomarkers.readers.columns import Sheet, typed
from biomarkers.readers.findings import Findings

_DENSITY = "log2(x+c)"


def values_of(sheet: Sheet, design: Design, found: Findings) -> pd.DataFrame:
    """Typed rows of `tissue_reads` or `blood`, with the columns of `schema.VALUE`; `c` is one cell in the counted area."""
    schema = TABLES[sheet.source.table]
    columns = {column.name: typed(sheet, column, found) for column in schema.columns}
    columns["marker"] = pd.Series(pd.array(_markers(sheet, design, found), dtype=TEXT))
    frame = pd.DataFrame({name: columns[name] for name in schema.names})
    if "internal_control" in frame:
        frame["internal_control"] = _control(sheet, frame["internal_control"], found)
    _constants_of_markers(frame, sheet)
    rows = _Rows(sheet, frame, design, found)
    cells = [rows.cell(i) for i in range(len(frame))]
    for name, dtype in VALUE.items():
        made = [_joined(getattr(cell, name)) for cell in cells]
        frame[name] = np.array(made, float) if dtype == "float64" else pd.array(made, dtype=TEXT)
    if "call" in frame:
        calls = pd.array([cell.call or None for cell in cells], dtype=TEXT)
        frame["call"] = pd.Series(calls).where(pd.Series(calls).notna(), frame["call"])
        frame["call_reason"] = frame["call_reason"].where(
            frame["call_reason"].notna(), frame["reason"].where(frame["reason"] != "")
        )
    frame["c"] = np.nan
    if "area_mm2" in frame:
        _densities(frame, sheet, design)
    frame["source_file"], frame["source_row"] = sheet.file, pd.array(sheet.frame["source_row"], dtype="Int64")
    return _with_levels(frame, sheet, design, found) if "level" in sheet.frame else frame


def _joined(value: object) -> object:
    return ";".join(value) if isinstance(value, tuple) else value


def _markers(sheet: Sheet, design: Design, found: Findings) -> list[str | None]:
    """Names of the registry for the spellings of the file."""
    lines = sheet.frame["source_row"].tolist()
    known = {**{name: name for name in design.markers}, **sheet.source.marker_names}
    named: list[str | None] = []
    for i, raw in enumerate(sheet.frame["marker"].fillna("").tolist()):
        text = raw.strip()
        name = known.get(text)
        if name is None:
            hint = did_you_mean(text, known, "")
            found.add(
                "unknown_marker",
                f"marker {text!r} is not known" if text else "no marker is named",
                f"{hint} map it under marker_names, or define it under [markers]".strip(),
                same=(text,),
                line=int(lines[i]),
                column=sheet.called("marker"),
                value=raw,
            )
        named.append(name)
    return named


def _control(sheet: Sheet, column: pd.Series, found: Findings) -> pd.Series:
    values, lines = [], sheet.frame["source_row"].tolist()
    for i, text in enumerate(column.tolist()):
        if text is pd.NA:
            values.append(pd.NA)
            continue
        known = words.CONTROL.get(text.casefold())
        if known is None:
            found.add(
                "internal_control",
                "neither positive nor negative",
                "correct the cell",
                value=text,
                line=int(lines[i]),
                column=sheet.called("internal_control"),
                subject=sheet.subject(i),
            )
        values.append(known if known is not None else pd.NA)
    return pd.Series(pd.array(values, dtype=TEXT))


def _constants_of_markers(frame: pd.DataFrame, sheet: Sheet) -> None:
    """Constants that `[markers.X]` gives for its rows, where the file says nothing."""
    for name, declared in sheet.source.markers.items():
        for column, value in declared.extra.items():
            if column in frame:
                frame.loc[(frame["marker"] == name) & frame[column].isna(), column] = value


class _Rows:
    """Reads the cells of one sheet; columns are taken out once, equal cells are parsed once."""

    def __init__(self, sheet: Sheet, frame: pd.DataFrame, design: Design, found: Findings) -> None:
        self.sheet, self.design, self.found = sheet, design, found
        empty = [""] * len(frame)
        self.texts = sheet.frame["value"].fillna("").tolist() if "value" in sheet.frame else empty
        self.calls = sheet.frame["call"].fillna("").tolist() if "call" in sheet.frame else empty
        self.markers = frame["marker"].tolist()
        self.units = [None if unit is pd.NA else unit for unit in frame["unit"]]
        self.lods = frame["lod"].tolist() if "lod" in frame else [math.nan] * len(frame)
        self.uloqs = frame["uloq"].tolist() if "uloq" in frame else [math.nan] * len(frame)
        self.reasons = frame["call_reason"].fillna("").tolist() if "call_reason" in frame else empty
        self.evaluable = frame["evaluable"].fillna("").tolist() if "evaluable" in frame else empty
        self.counts = frame["count"].tolist() if "count" in frame else [math.nan] * len(frame)
        self.areas = frame["area_mm2"].tolist() if "area_mm2" in frame else [math.nan] * len(frame)
        self.lines = sheet.frame["source_row"].tolist()
        self.spellings = {name: sheet.source.spelling_of(name) for name in set(self.markers) if name is not pd.NA}
        self.known: dict[tuple[object, ...], Cell] = {}

    def cell(self, i: int) -> Cell:
        name = self.markers[i]
        if name is pd.NA or name is None:
            return Cell(raw_value=self.texts[i], status="invalid")
        marker = self.design.markers[name]
        column = "value"
        text = self.texts[i]
        if not marker.quantitative and self.calls[i].strip():
            text, column = self.calls[i], "call"
        key = (text, name, self.units[i], self.lods[i], self.uloqs[i])
        if key not in self.known:
            self.known[key] = parse_cell(
                text,
                marker,
                self.spellings[name],
                unit=self.units[i],
                lod=self.lods[i],
                uloq=self.uloqs[i],
                decimal_seen=self.sheet.decimal_seen,
            )
        cell = self._explained_missing(self.known[key], i)
        self._note(cell, marker, column, i)
        return cell

    def _explained_missing(self, cell: Cell, i: int) -> Cell:
        """A blank has the reason that another column of its row gives."""
        if cell.status != "missing" or cell.reason != "not_given":
            return cell
        said = words.MISSING.get(self.reasons[i].strip().casefold())
        if said is None and self.evaluable[i] == "no":
            said = "not_evaluable"
        return cell if said is None else replace(cell, reason=said)

    def _note(self, cell: Cell, marker: Marker, column: str, i: int) -> None:
        """A problem of its own row for a cell that cannot be read; one counted note for each kind that can."""
        place = {
            "line": int(self.lines[i]),
            "column": self.sheet.called(column),
            "subject": self.sheet.subject(i),
            "value": cell.raw_value,
        }
        name = self.sheet.called(marker.name)
        if cell.problem:
            self.found.add(cell.code, f"{name}: {cell.problem}", cell.remedy, **place)
            return
        if cell.note:
            self.found.add("spelling", f"{name}: {cell.note}", severity="note", same=(marker.name, cell.note), **place)
            return
        if cell.status == "missing" and math.isnan(self.counts[i]):
            words_of = MISSING_REASONS[cell.reason]
            self.found.add("missing", f"{name}: missing, {words_of}", severity="note", same=(marker.name, cell.reason), **place)
        elif cell.status in ("below", "above"):
            limit = f"{'below its lower' if cell.status == 'below' else 'above its upper'} limit"
            self.found.add(
                cell.status, f"{name}: {limit}, kept as a bound", severity="note", same=(marker.name, cell.status), **place
            )
        elif cell.censor == "interval":
            self.found.add(
                "range", f"{name}: a range, kept as an interval", severity="note", same=(marker.name, "range"), **place
            )


def _densities(frame: pd.DataFrame, sheet: Sheet, design: Design) -> None:
    """Count over area is the density wherever both are given; c is one cell in that area."""
    for name in frame["marker"].dropna().unique():
        marker = design.markers[name]
        if marker.scale != _DENSITY:
            continue
        rows = frame["marker"] == name
        declared = sheet.source.spelling_of(name).area_mm2
        if declared is not None:
            frame.loc[rows & frame["area_mm2"].isna(), "area_mm2"] = declared
        area = frame["area_mm2"].where(frame["area_mm2"] > 0)
        frame.loc[rows, "c"] = 1.0 / area[rows]
        counted = rows & frame["count"].notna() & area.notna() & frame["status"].isin(["measured", "missing"])
        density = frame.loc[counted, "count"] / area[counted]
        legal = density.map(marker.is_legal)
        frame.loc[counted, ["value", "lower", "upper"]] = np.repeat(density.where(legal).to_numpy()[:, None], 3, axis=1)
        frame.loc[counted, "status"] = np.where(legal, "measured", "invalid")
        frame.loc[counted, "censor"] = "none"
        frame.loc[counted, "reason"] = ""


def offsets(frame: pd.DataFrame, design: Design) -> tuple[pd.DataFrame, list[Problem]]:
    """The constant `c` where no area gives it: half the smallest value above zero of that marker; and a note that says so."""
    notes = []
    for name in frame["marker"].dropna().unique():
        if design.markers[name].scale != _DENSITY:
            continue
        rows = frame["marker"] == name
        without = rows & frame["c"].isna() & frame["value"].notna()
        positive = frame.loc[rows & (frame["value"] > 0), "value"]
        if not without.any() or positive.empty:
            continue
        half = float(positive.min()) / 2
        frame.loc[rows & frame["c"].isna(), "c"] = half
        notes.append(
            Problem(
                file=str(frame.loc[without, "source_file"].iloc[0]),
                column=str(name),
                severity="note",
                problem=f"{name}: {int(without.sum())} densities without a counted area: {half:g}, half the smallest value "
                "above zero, is added before the logarithm",
                remedy="give the area of the reads, or once for all: area_mm2 = ...",
                code="no_area",
            )
        )
    return frame, notes


def _with_levels(frame: pd.DataFrame, sheet: Sheet, design: Design, found: Findings) -> pd.DataFrame:
    """The quantity beside a call as rows of its own marker: `mrd` with a level gives `mrd_level` too.

    A call of not detected is a level below the limit of its row; a call that is missing leaves no level.
    """
    made = []
    for name in frame["marker"].dropna().unique():
        level = design.markers.get(f"{name}_level")
        if design.markers[name].kind != "call" or level is None:
            continue
        rows = frame[(frame["marker"] == name)].copy()
        wrong = (
            rows["unit"].notna()
            & (rows["unit"] != level.unit)
            & ~rows["unit"].isin(list(level.convertible))
            & rows["level"].notna()
        )
        for i, row in rows[wrong].iterrows():
            unit = str(row["unit"])
            found.add(
                "unit",
                f"{level.name}: unit {unit!r} is not {level.unit}, its unit",
                "correct the unit",
                line=int(row["source_row"]),
                column=sheet.called("unit"),
                subject=sheet.subject(int(str(i))),
                value=unit,
                same=(unit,),
            )
        calls = design.markers[name].levels  # not detected, detected
        detected, absent = rows["call"] == calls[1], rows["call"] == calls[0]
        measured = detected & rows["level"].notna() & ~wrong
        rows["marker"], rows["call"], rows["call_reason"] = level.name, pd.NA, pd.NA
        rows["raw_value"] = sheet.frame["level"].iloc[rows.index].to_numpy()
        rows["value"] = rows["lower"] = rows["upper"] = rows["level"].where(measured)
        rows.loc[absent, "lower"], rows.loc[absent, "upper"] = 0.0, rows.loc[absent, "lod"]
        rows["censor"] = np.where(absent, "left", "none")
        rows["status"] = np.select([measured, absent], ["measured", "below"], "missing")
        rows["reason"] = np.where(rows["status"] == "missing", np.where(rows["reason"] == "", "not_given", rows["reason"]), "")
        # Before pandas 3 an all-missing column without its type would lose its type in the concatenation, with a warning.
        made.append(rows.astype(frame.dtypes.to_dict()))
    return pd.concat([frame, *made], ignore_index=True) if made else frame
