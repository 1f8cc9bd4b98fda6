"""docs/formats.md: every format is on the page, and every example is a study.toml that can be read."""

from __future__ import annotations

import re

import pytest

from biomarkers.readers.study_file import read_study_file
from biomarkers.readers.table import READERS


@pytest.fixture(scope="module")
def page(root) -> str:
    """The text of the page."""
    return (root / "docs" / "formats.md").read_text(encoding="utf-8")


def test_every_format_is_on_the_page(page):
    assert not [name for name in READERS if f"`{name}`" not in page]


def test_every_example_is_a_study_file(page, tmp_path):
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(examples) >= 5
    for text in examples:
        (tmp_path / "study.toml").write_text(text, encoding="utf-8")
        assert read_study_file(tmp_path / "study.toml").sources
