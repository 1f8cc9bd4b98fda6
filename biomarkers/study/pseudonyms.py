"""Identifiers leave a study as soon as it is read and checked: tables, messages and names of files hold pseudonyms only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from biomarkers.domain.privacy import pseudonyms, replacer
from biomarkers.domain.problems import Problem

WHOLE = ("subject", "sample")
"""Columns that are an identifier."""
PARTS = ("specimen", "file", "source_file", "raw_value", "paired_with", "excluded_why")
"""Columns that may hold one within other text."""

Frames = dict[str, pd.DataFrame]


def without_identifiers(
    frames: Frames, problems: Sequence[Problem], inputs: Mapping[str, dict[str, Any]], key: bytes
) -> tuple[Frames, list[Problem], dict[str, dict[str, Any]]]:
    """The tables, problems and input records of a study under pseudonyms.

    Parameters
    ----------
    frames : dict of str to DataFrame
    problems : sequence of Problem
        Also their values and sentences are searched.
    inputs : mapping of str to dict
        By path; files named after a subject or a sample are renamed in the record.
    key : bytes
        Appears in nothing that is returned.
    """
    columns = [frame[c] for frame in frames.values() for c in WHOLE if c in frame]
    known = {str(name) for column in columns for name in column.dropna()} | {p.subject for p in problems if p.subject}
    names = pseudonyms(sorted(known), key)
    pattern = replacer(names)

    def scrubbed(text: str) -> str:
        return pattern.sub(lambda found: names[found.group()], text)

    def cell(value: object) -> object:
        return scrubbed(value) if isinstance(value, str) else value

    made = {}
    for table, frame in frames.items():
        changed = {c: frame[c].map(names, na_action="ignore").astype(frame[c].dtype) for c in WHOLE if c in frame}
        changed |= {c: frame[c].map(cell, na_action="ignore").astype(frame[c].dtype) for c in PARTS if c in frame}
        made[table] = frame.assign(**changed)
    told = [
        replace(p, subject=names.get(p.subject, p.subject), file=scrubbed(p.file), value=names.get(p.value, scrubbed(p.value)),
                problem=scrubbed(p.problem), remedy=scrubbed(p.remedy))
        for p in problems
    ]
    return made, told, {scrubbed(path): {**record, "path": scrubbed(path)} for path, record in inputs.items()}
