"""What holds for every marker: one value per draw, one unit, one assay, one scale, and the quality gates of the registry."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from biomarkers.domain.flow import MISSING_REASONS
from biomarkers.domain.marker import Gate, Marker
from biomarkers.domain.schema import TEXT
from biomarkers.study.checks.facts import TYPE_OF_MATRIX, Facts
from biomarkers.study.measurements import VALID, VERSIONS, apart

TYPED = ("tissue_reads", "blood")
RATIOS = (10.0, 100.0, 1000.0, 1e6)


def by_marker(facts: Facts, table: str) -> Iterator[tuple[Marker, pd.DataFrame]]:
    """Every marker of a table with its rows."""
    for name, rows in facts[table].groupby("marker", sort=False):
        yield facts.design.markers[str(name)], rows


def usable(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with a valid value that no check has taken out."""
    return rows[rows["status"].isin(VALID) & rows["excluded"].isna()]


# ---- one value per draw ----------------------------------------------------------------------------------------------


def _draw_groups(rows: pd.DataFrame, *more: str) -> Iterator[pd.DataFrame]:
    """Rows of one subject, marker, day and replicate (and of whatever more) that are more than one."""
    known = rows[rows["subject"].notna() & rows["day"].notna()]
    columns = ["subject", "marker", "day", "replicate", *more]
    key = pd.DataFrame({c: known[c].astype(TEXT).fillna("") for c in columns}, index=known.index)
    key["replicate"] = key["replicate"].replace("", "1")
    twice = key[key.duplicated(keep=False)]
    for _, group in twice.groupby(columns, sort=False):
        yield known.loc[group.index]


def two_scales(facts: Facts) -> None:
    """One set of draws delivered twice, a constant factor apart: two units under one name."""
    for marker, rows in by_marker(facts, "blood"):
        groups = list(_draw_groups(rows))
        pairs = [group.iloc[:2] for group in groups if (group["value"] > 0).iloc[:2].all()]
        if len(pairs) < 3:
            continue
        ratio = np.array([pair["value"].iloc[1] / pair["value"].iloc[0] for pair in pairs])
        for factor in RATIOS:
            for sign in (factor, 1 / factor):
                fits = np.abs(ratio / sign - 1) < 0.01
                if fits.sum() >= 3 and fits.mean() > 0.5:
                    second = pd.concat([pair.iloc[[1]] for pair, fit in zip(pairs, fits, strict=True) if fit])
                    first = pairs[int(np.argmax(fits))].iloc[0]
                    row = second.iloc[0]
                    facts.report(
                        "blood",
                        row,
                        "two_scales",
                        f"{marker.name}: the same draws stand in {first['source_file']} with a constant ratio of "
                        f"{factor:g}: two units under one name",
                        "keep the file in the right unit",
                        column="value",
                        value=row["raw_value"],
                        rows=second,
                    )
                    facts.explained |= {index for group in groups for index in group.index}


def duplicates(facts: Facts) -> None:
    """Two different values for one subject, draw and marker: never resolved by row order."""
    rule = facts.source_of("blood").replicates
    spelled = {name: marker for marker, name in facts.source_of("blood").marker_names.items()}
    rows = _before_the_event(facts, usable(facts["blood"]))
    told: set[tuple[str, int]] = set()
    for group in _draw_groups(rows, "visit"):
        row = group.iloc[-1]
        place = (str(row["source_file"]), int(row["source_row"]))
        if set(group.index) & facts.explained or place in told:
            continue
        told.add(place)
        values = list(dict.fromkeys(_said(r) for _, r in group.iterrows()))
        visit = f" ({row['visit']})" if row["visit"] is not pd.NA else ""
        facts.report(
            "blood",
            row,
            "two_values",
            f"{spelled.get(row['marker'], row['marker'])}: {len(group)} values for one draw of day {row['day']}{visit}: "
            f"{' and '.join(values)}",
            'keep one, or declare what replicates become: replicates = "mean"',
            column="value",
            value=_said(row),
            rows=group,
            severity="note" if rule != "error" else "error" if len(values) > 1 else "warning",
        )
    for group in _draw_groups(rows):
        row = group.iloc[-1]
        if group["visit"].nunique() == len(group) and not set(group.index) & facts.explained:
            labels = " and ".join(group["visit"])
            facts.report(
                "blood",
                row,
                "two_labels",
                f"two draws on one day, labelled {labels}: neither is chosen by its label",
                column="day",
                value=row["day"],
                severity="note",
                same=(str(row["subject"]), str(row["day"])),
            )
    _tissue_duplicates(facts)


def _before_the_event(facts: Facts, rows: pd.DataFrame) -> pd.DataFrame:
    """Draws that could predict: on the day of the event a scheduled tube and the one drawn because of it may both exist."""
    end = facts.clock["end"].where((facts.clock["event"] == 1).fillna(False))
    last = pd.to_numeric(rows["subject"].map(end), errors="coerce").astype(float)
    return rows[~(rows["day"].astype(float) >= last)]


def _said(row: pd.Series) -> str:
    return str(row["call"]) if row["call"] is not pd.NA else str(row["raw_value"])


def _tissue_duplicates(facts: Facts) -> None:
    rows = usable(facts["tissue_reads"])
    key = ["specimen", "marker", "compartment", "reader", "read_no"]
    twice = rows[rows["specimen"].notna() & rows.duplicated(key, keep=False)]
    for _, group in twice.groupby([twice[c].astype(TEXT).fillna("") for c in key], sort=False):
        if group["consensus"].nunique() > 1:
            continue
        row = group.iloc[-1]
        facts.report(
            "tissue_reads",
            row,
            "two_values",
            f"{row['marker']}: {len(group)} values for one read of {row['specimen']}: "
            f"{' and '.join(map(str, group['raw_value']))}",
            "number the reads (reader, read_no), or keep one",
            column="value",
            value=row["raw_value"],
            rows=group,
        )


# ---- quality ---------------------------------------------------------------------------------------------------------


def gates(facts: Facts) -> None:
    """The quality gates of the registry: a row outside them leaves with its reason."""
    tubes = facts["specimens"].drop_duplicates("specimen").set_index("specimen")
    for table in TYPED:
        for marker, rows in by_marker(facts, table):
            for gate in marker.gates:
                if gate.column != "matrix":
                    _gate(facts, table, marker, gate, usable(facts[table].loc[rows.index]), tubes)
    _flags(facts)


def _gate(facts: Facts, table: str, marker: Marker, gate: Gate, rows: pd.DataFrame, tubes: pd.DataFrame) -> None:
    if gate.column in rows and rows[gate.column].notna().any():
        values = rows[gate.column]
    elif gate.column in tubes:
        values = rows["specimen"].map(tubes[gate.column])
    else:
        return
    if gate.allowed:
        outside = values.notna() & ~values.astype(TEXT).str.casefold().isin([a.casefold() for a in gate.allowed]).fillna(False)
    else:
        number = pd.to_numeric(values, errors="coerce").astype(float)
        outside = (number < (gate.low if gate.low is not None else -np.inf)) | (
            number > (gate.high if gate.high is not None else np.inf)
        )
    if gate.only_if is not None:
        outside &= (rows["status"] == gate.only_if) | (rows["call"] == gate.only_if).fillna(False)
    for index, row in rows[outside.fillna(False).astype(bool)].iterrows():
        limit = ", ".join(
            f"{word} {value:g}" for word, value in (("at least", gate.low), ("at most", gate.high)) if value is not None
        ) or " or ".join(gate.allowed)
        shown = values[index] if isinstance(values[index], str) else f"{values[index]:g}"
        why = f"{marker.name}: {gate.column} {shown}, where {limit} is needed: {gate.reason}"
        natural = gate.only_if is not None
        facts.report(
            table,
            row,
            "quality_gate",
            f"{why}; the value is set aside, not used as it stands",
            f"correct {gate.column} if the record is wrong",
            column=gate.column,
            value=shown,
            severity="note" if natural else "warning",
            same=(marker.name, gate.column) if natural else None,
        )
        facts.exclude(table, pd.Index([index]), gate.reason, why)


def _flags(facts: Facts) -> None:
    """Hemolyzed or clotted, and a value all the same."""
    rows = usable(facts["blood"])
    for column in ("hemolyzed", "clotted"):
        for index, row in rows[(rows[column] == "yes").fillna(False)].iterrows():
            facts.report(
                "blood",
                row,
                "quality_gate",
                f"{row['marker']}: {MISSING_REASONS[column]}, and a value all the same; it is set aside",
                f"correct {column} if the record is wrong",
                column=column,
                value="yes",
                severity="warning",
            )
            facts.exclude("blood", pd.Index([index]), column, MISSING_REASONS[column])


def matrix(facts: Facts) -> None:
    """A marker of serum measured in plasma."""
    tubes = facts["specimens"].drop_duplicates("specimen").set_index("specimen")
    for marker, rows in by_marker(facts, "blood"):
        need = TYPE_OF_MATRIX.get(marker.matrix)
        if need is None:
            continue
        kind = rows["matrix"].fillna(rows["specimen"].map(tubes["type"]) if len(tubes) else pd.NA).astype(TEXT).str.casefold()
        legal = {need, marker.matrix}
        wrong = rows[(kind.notna() & ~kind.isin(legal)).fillna(False).astype(bool)]
        for specimen, group in wrong.groupby("specimen", sort=False):
            row = group.iloc[0]
            said = kind[group.index[0]]
            tube = facts["specimens"][facts["specimens"]["specimen"] == specimen]
            at = ("specimens", tube.iloc[0], "type") if row["matrix"] is pd.NA and len(tube) else ("blood", row, "matrix")
            facts.report(
                at[0],
                at[1],
                "matrix",
                f"{marker.label} needs {marker.matrix}, and specimen {specimen} is recorded as {said}: the wrong "
                "matrix; its value is set aside",
                "correct the type, if the record is wrong",
                column=at[2],
                value=said,
                severity="warning",
            )
            facts.exclude("blood", group.index, "not_evaluable", f"matrix {said}, not {marker.matrix}")


# ---- one assay, one scale --------------------------------------------------------------------------------------------


def one_assay(facts: Facts) -> None:
    """Two compartments, parent gates, assays or methods under one name."""
    for table in TYPED:
        for marker, rows in by_marker(facts, table):
            for column in marker.one_of:
                if column in VERSIONS or column not in rows:
                    continue
                for level, others in _minorities(rows, column):
                    main = rows[column].mode().iloc[0]
                    facts.report(
                        table,
                        others.iloc[0],
                        "mixed_" + column,
                        f"{marker.name}: {column} {level} in some rows and {main} in the others: two markers under one name",
                        f"give them two marker names, or correct {column}",
                        column=column,
                        value=level,
                        rows=others,
                    )


def versions(facts: Facts) -> None:
    """Two versions of an assay or panel: levels are not pooled, and no ratio crosses them."""
    for table in TYPED:
        for marker, rows in by_marker(facts, table):
            for column in VERSIONS:
                if not apart(marker, column):
                    continue
                for level, others in _minorities(rows, column):
                    main = rows[column].mode().iloc[0]
                    if any({str(level), str(main)} <= set(group) for group in marker.version_compat):
                        continue
                    facts.report(
                        table,
                        others.iloc[0],
                        "versions",
                        f"{marker.name}: {column} {level} in {len(others)} of {len(rows)} rows, otherwise {main}: a ratio "
                        "across versions is refused, and levels are not pooled",
                        f'if they may be pooled, declare [markers.{marker.name}] version_compat = [["{main}", "{level}"]]',
                        column=column,
                        value=level,
                        severity="warning",
                        rows=others,
                    )


def _minorities(rows: pd.DataFrame, column: str) -> Iterator[tuple[object, pd.DataFrame]]:
    """Every level but the commonest, per file, with its rows."""
    counts = rows[column].value_counts()
    for level in counts.index[1:]:
        for _, others in rows[(rows[column] == level).fillna(False)].groupby("source_file", sort=False):
            yield level, others


def fractions(facts: Facts) -> None:
    """Fractions among percentages: a unit that changes inside a column."""
    for table in TYPED:
        for marker, rows in by_marker(facts, table):
            if marker.legal != (0, 100) or not marker.unit.startswith("%"):
                continue
            positive = rows[(rows["status"] == "measured") & (rows["value"] > 0)]
            small = positive[positive["value"] < 1]
            large = positive[positive["value"] > 1]
            if len(small) < 3 or large.empty:
                continue
            # readers do write 0.5; two other fractions in a column of whole numbers are another unit
            rounded = (large["value"] % 1 == 0).mean() > 0.9 and small.loc[small["value"] != 0.5, "value"].nunique() >= 2
            half = len(small) >= 0.3 * len(positive) and 1 / 3 < 100 * small["value"].median() / large["value"].median() < 3
            if rounded or half:
                row = small.iloc[0]
                facts.report(
                    table,
                    row,
                    "fractions",
                    f"{marker.name}: {len(small)} values below 1 among {len(large)} above: "
                    "fractions in a column of per cent, two units in one marker",
                    "multiply them by 100, or deliver them with their unit",
                    column="value",
                    value=row["raw_value"],
                    rows=small,
                )


def all_missing(facts: Facts) -> None:
    """A marker without a single value."""
    for table in TYPED:
        for marker, rows in by_marker(facts, table):
            if len(rows) and (rows["status"] == "missing").all() and rows["reason"].eq("not_given").all():
                row = rows.iloc[0]
                facts.report(
                    table,
                    row,
                    "all_missing",
                    f"{marker.name}: no value in any of {len(rows)} rows: {marker.label} cannot be analysed",
                    "check the column",
                    column="value",
                    severity="warning",
                )
