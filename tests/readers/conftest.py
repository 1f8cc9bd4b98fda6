"""A study that a test writes in three lines: study.toml as text, files by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from biomarkers.readers.study_file import read_study_file
from biomarkers.readers.table import Table
from biomarkers.readers.tables import read_tables


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str, dict[str, str | bytes]], dict[str, Table]]:
    """`read(toml, {"subjects.csv": text})` gives the canonical tables."""

    def go(toml: str, files: dict[str, str | bytes]) -> dict[str, Table]:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        (tmp_path / "study.toml").write_text('name = "test"\n' + toml, encoding="utf-8")
        return read_tables(read_study_file(tmp_path / "study.toml"))

    return go
