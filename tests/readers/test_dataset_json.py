"""Dataset-JSON: one table in every form, and a sentence for every damage."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import pytest

from biomarkers.domain.source import Source
from biomarkers.readers.dataset import read_dataset
from biomarkers.readers.table import Table, read_table

COLUMNS = [
    {"itemOID": "IT.X.USUBJID", "name": "USUBJID", "label": "Subject", "dataType": "string", "length": 3},
    {"itemOID": "IT.X.AVAL", "name": "AVAL", "label": "Value", "dataType": "float"},
    {"itemOID": "IT.X.ADT", "name": "ADT", "label": "Date", "dataType": "date", "targetDataType": "integer"},
]
ROWS = [["001", 0.0, "2014-01-02"], ["002", None, ""], ["003", 1.5, "2014-01-04"]]


def document(**changes: object) -> dict[str, object]:
    """A small Dataset-JSON object."""
    whole = {"datasetJSONVersion": "1.1.0", "name": "X", "label": "X", "records": len(ROWS), "columns": COLUMNS, "rows": ROWS}
    return {**whole, **changes}


def by_line(whole: dict[str, object]) -> str:
    """The same as one record a line."""
    meta = {key: value for key, value in whole.items() if key != "rows"}
    return "\n".join(json.dumps(part) for part in [meta, *whole["rows"]]) + "\n"  # type: ignore[misc]


def read(folder: Path, data: str | bytes, name: str = "x.json") -> Table:
    """The bytes as a file, read alone."""
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_table(folder / name)


def errors(table: Table) -> str:
    """Texts of the errors."""
    return " | ".join(str(problem) for problem in table.problems if problem.severity == "error")


# ---- Dataset-JSON ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("x.json", lambda text: text),
        ("x.ndjson", lambda _: by_line(document()).encode()),
        ("x.json.gz", gzip.compress),
        ("x.dsjc", lambda _: zlib.compress(by_line(document()).encode())),
    ],
)
def test_every_form_of_dataset_json_is_the_same_table(tmp_path, name, pack):
    table = read(tmp_path, pack(json.dumps(document()).encode()), name)
    assert not table.problems
    assert table.rows[["USUBJID", "AVAL", "ADT", "source_row"]].values.tolist() == [
        ["001", "0", "2014-01-02", 2],
        ["002", "", "", 3],
        ["003", "1.5", "2014-01-04", 4],
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"records": 4}, "3 records, but the metadata state 4"),
        ({"rows": [["001", 1.0]], "records": 1}, "this record has 2 values; the metadata name 3 columns"),
        ({"rows": [{"USUBJID": "001"}], "records": 1}, "no list of values"),
        ({"rows": [["001", 1.0, 19725]], "records": 1}, "a number where dataType date promises ISO text"),
        ({"rows": [["001", [1], ""]], "records": 1}, "a list or object where a value is due"),
        ({"rows": [], "records": 0}, "0 rows of data"),
        ({"columns": [*COLUMNS, COLUMNS[0]]}, "column 'USUBJID' stands twice"),
        ({"columns": [{"label": "no name"}]}, "a column of the metadata has no name"),
        ({"columns": "USUBJID"}, "there is no list `columns`"),
        ({"rows": "none"}, "`rows` is not a list"),
    ],
)
def test_a_dataset_that_contradicts_its_metadata_is_refused(tmp_path, change, said):
    assert said in errors(read(tmp_path, json.dumps(document(**change))))


def test_a_truncated_file_is_not_a_smaller_trial(tmp_path):
    whole = json.dumps(document())
    assert errors(read(tmp_path, whole[:-20]))
    lines = by_line(document())
    assert "2 records, but the metadata state 3" in errors(read(tmp_path, "\n".join(lines.splitlines()[:-1]), "x.ndjson"))
    assert "line is not JSON" in errors(read(tmp_path, lines[:-9], "x.ndjson"))
    assert "end early" in errors(read(tmp_path, gzip.compress(whole.encode())[:-30], "x.json.gz"))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "[1, 2]", "[" * 100_000, '"text"', "{", "true"])
def test_other_json_is_refused_with_a_sentence(tmp_path, text):
    assert errors(read(tmp_path, text))


def test_a_number_that_is_no_json_is_refused(tmp_path):
    assert errors(read(tmp_path, json.dumps(document()).replace("1.5", "NaN")))


def test_bytes_that_are_not_utf8_are_named(tmp_path):
    assert "not UTF-8" in errors(read(tmp_path, b'{"columns": "\xff\xfe"}'))


def test_a_bomb_is_not_inflated(tmp_path, monkeypatch):
    monkeypatch.setattr("biomarkers.readers.dataset_json.LARGEST_FILE", 10_000)
    assert "inflates to more than 10,000 bytes" in errors(read(tmp_path, gzip.compress(b" " * 5_000_000), "x.json.gz"))


def test_only_wanted_columns_are_kept(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(document()))
    table = read_dataset(tmp_path / "x.json", name="x", source=Source(table="x"), wanted=lambda _: ["AVAL"])
    assert list(table.rows.columns) == ["AVAL", "source_file", "source_row"]
    assert table.header == ("USUBJID", "AVAL", "ADT")
