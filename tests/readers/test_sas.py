"""SAS transport and data files: zero is zero, a date is a date, and what cannot be read is a sentence."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import pandas as pd
import pytest

from biomarkers.domain.source import Source
from biomarkers.readers.dataset import read_dataset
from biomarkers.readers.sas7bdat import MAGIC
from biomarkers.readers.table import Table, read_table

pyreadstat = pytest.importorskip("pyreadstat", reason="reading SAS files needs pyreadstat")


def read(folder: Path, data: bytes, name: str) -> Table:
    """The bytes as a file, read alone."""
    (folder / name).write_bytes(data)
    return read_table(folder / name)


def errors(table: Table) -> str:
    """Texts of the errors."""
    return " | ".join(str(problem) for problem in table.problems if problem.severity == "error")


# ---- transport files -------------------------------------------------------------------------------------------------


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
