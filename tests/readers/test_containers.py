"""Transport files, SAS files and Dataset-JSON: one table whatever the container, and a sentence whatever the damage."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import sys
import zlib
from pathlib import Path

import pandas as pd
import pytest

from biomarkers.domain.source import Source
from biomarkers.readers.dataset import read_dataset
from biomarkers.readers.sas7bdat import MAGIC
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


# ---- transport files -------------------------------------------------------------------------------------------------

pyreadstat = pytest.importorskip("pyreadstat", reason="reading SAS files needs pyreadstat")


def frame() -> pd.DataFrame:
    """A small dataset with a zero, a missing number, a date and blanks at the end of a text."""
    return pd.DataFrame(
        {
            "USUBJID": ["001", "002", "003"],
            "AVAL": [0.0, 1.5, float("nan")],
            "CNSR": [0.0, 1.0, 0.0],
            "ADT": [dt.date(2014, 1, 2), dt.date(1959, 12, 31), None],
            "TXT": ["a", "", "µ x"],
        }
    )


def test_a_zero_of_a_transport_file_is_exactly_zero(tmp_path):
    """pandas.read_sas decodes it as 5.4e-79, so that CNSR == 0 holds in no row and every event vanishes."""
    pyreadstat.write_xport(frame(), str(tmp_path / "x.xpt"), file_format_version=5, table_name="X")
    table = read_table(tmp_path / "x.xpt")
    assert not table.problems
    assert table.rows["CNSR"].tolist() == ["0", "1", "0"]
    assert table.rows["AVAL"].tolist() == ["0", "1.5", ""]
    assert table.rows["ADT"].tolist() == ["2014-01-02", "1959-12-31", ""]
    assert table.rows["USUBJID"].tolist() == ["001", "002", "003"]
    assert table.rows["source_row"].tolist() == [2, 3, 4]


@pytest.mark.parametrize("version", [5, 8])
def test_a_round_trip_through_a_transport_file_changes_nothing(shared, tmp_path, version):
    csv = read_table(shared / "reference" / "formats" / "pharmaverse" / "adtte_onco.csv").rows.drop(columns="source_file")
    numbers = ["ASEQ", "AGE", "AVAL", "CNSR", "SRCSEQ"]
    out = csv.drop(columns="source_row").astype(object).assign(**{c: pd.to_numeric(csv[c]).astype(float) for c in numbers})
    pyreadstat.write_xport(out, str(tmp_path / "adtte.xpt"), file_format_version=version, table_name="ADTTE")
    back = read_table(tmp_path / "adtte.xpt").rows.drop(columns="source_file")
    assert back.equals(csv)


def test_several_datasets_in_one_file_are_refused(tmp_path):
    for name in ("A", "B"):
        pyreadstat.write_xport(frame(), str(tmp_path / f"{name}.xpt"), file_format_version=5, table_name=name)
    first, second = ((tmp_path / f"{name}.xpt").read_bytes() for name in ("A", "B"))
    (tmp_path / "x.xpt").write_bytes(first + second[240:])
    assert "2 datasets in one transport file" in errors(read_table(tmp_path / "x.xpt"))


def test_a_text_file_called_xpt_is_refused(tmp_path):
    assert "no SAS transport file" in errors(read(tmp_path, b"a,b\n1,2\n", "x.xpt"))


def test_a_transport_file_cut_in_its_header_is_refused(tmp_path):
    pyreadstat.write_xport(frame(), str(tmp_path / "a.xpt"), file_format_version=5, table_name="A")
    assert errors(read(tmp_path, (tmp_path / "a.xpt").read_bytes()[:700], "x.xpt"))


def test_text_in_another_encoding_has_to_be_declared(tmp_path):
    pyreadstat.write_xport(frame(), str(tmp_path / "a.xpt"), file_format_version=5, table_name="A")
    data = (tmp_path / "a.xpt").read_bytes().replace("µ".encode(), b"\xb5 ")
    (tmp_path / "x.xpt").write_bytes(data)
    assert 'encoding = "cp1252"' in errors(read_table(tmp_path / "x.xpt"))
    declared = read_dataset(tmp_path / "x.xpt", name="x", source=Source(table="x", encoding="cp1252"), wanted=None)
    assert declared.rows["TXT"].iloc[2].startswith("µ")


@pytest.mark.parametrize("name", ["x.xpt", "x.sas7bdat"])
def test_without_pyreadstat_the_reader_says_what_to_install(tmp_path, monkeypatch, name):
    pyreadstat.write_xport(frame(), str(tmp_path / "x.xpt"), file_format_version=5, table_name="X")
    (tmp_path / "x.sas7bdat").write_bytes(MAGIC + bytes(1000))
    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    assert 'pip install "biomarkers[sas]"' in errors(read_table(tmp_path / name))


# ---- sas7bdat: no file of the format is at hand, so its door is tested -----------------------------------------------


class _Meta:
    column_names = ("USUBJID", "CNSR", "DOB")


def test_a_sas_file_goes_to_the_reader_of_pyreadstat_with_the_wanted_columns_alone(tmp_path, monkeypatch):
    asked: list[dict[str, object]] = []

    def read_sas7bdat(path: str, **options: object) -> tuple[dict[str, list[object]], _Meta]:
        asked.append({"path": path, **options})
        return {"USUBJID": ["001", "002"], "CNSR": [0.0, 1.0]}, _Meta()

    monkeypatch.setattr(pyreadstat, "read_sas7bdat", read_sas7bdat)
    file = tmp_path / "adtte.sas7bdat"
    file.write_bytes(MAGIC + bytes(1000))
    table = read_dataset(file, name="adtte.sas7bdat", source=Source(table="x"), wanted=lambda _: ["USUBJID", "CNSR"])
    assert table.rows["CNSR"].tolist() == ["0", "1"]
    assert asked[0]["metadataonly"] is True
    assert asked[1]["usecols"] == ["USUBJID", "CNSR"]
    assert table.header == _Meta.column_names


def test_what_pyreadstat_cannot_read_is_a_problem(tmp_path):
    assert "cannot be read" in errors(read(tmp_path, MAGIC + bytes(1000), "x.sas7bdat"))
    assert "no SAS data file" in errors(read(tmp_path, bytes(1000), "x.sas7bdat"))
