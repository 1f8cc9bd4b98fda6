"""A study that a test writes in three lines: files by name, study.toml as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from biomarkers.domain.problems import Problem
from biomarkers.readers.study_file import read_study_file
from biomarkers.readers.table import Table
from biomarkers.readers.tables import read_tables

Read = Callable[..., dict[str, Table]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """`read(toml, **{"subjects.csv": text})` gives the canonical tables."""

    def go(toml: str, files: dict[str, str | bytes]) -> dict[str, Table]:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        (tmp_path / "study.toml").write_text('name = "test"\n' + toml, encoding="utf-8")
        return read_tables(read_study_file(tmp_path / "study.toml"))

    return go


def errors(tables: dict[str, Table], *severities: str) -> list[Problem]:
    """Problems of all tables, errors by default."""
    wanted = severities or ("error",)
    return [problem for table in tables.values() for problem in table.problems if problem.severity in wanted]


def column(tables: dict[str, Table], table: str, name: str) -> list[object]:
    """A column as a plain list, None for missing."""
    return [None if pd.isna(value) else value for value in tables[table].rows[name]]
