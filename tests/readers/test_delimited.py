"""Delimited text: bytes first, then the shape of every row, and rows counted as a spreadsheet counts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from biomarkers.domain.errors import DataProblem
from biomarkers.domain.problems import Problem
from biomarkers.readers.table import READERS, Table, read_table

PLAIN = "id,x\n001,1\n002,2\n"


def table(tmp_path: Path, content: str | bytes, name: str = "t.csv") -> Table:
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(tmp_path / name)


def errors(table: Table) -> list[Problem]:
    return [problem for problem in table.problems if problem.severity == "error"]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.rstrip("\n").encode(),
        b'"id","x"\n"001","1"\n"002","2"\n',
        b"id ,x\n001,1\n002,2\n",
        b"id,x,,\n001,1,,\n002,2,,\n",
        b"id,x\n\n001,1\n002,2\n\n\n",
    ],
    ids=[
        "plain",
        "bom",
        "utf16",
        "crlf",
        "cr",
        "semicolon",
        "no final newline",
        "quoted",
        "header blank",
        "empty columns",
        "empty lines",
    ],
)
def test_the_same_rows_in_another_dress_are_the_same_rows(tmp_path: Path, content: bytes) -> None:
    read = table(tmp_path, content)
    assert errors(read) == []
    assert read.rows["id"].tolist() == ["001", "002"]
    assert read.rows["x"].tolist() == ["1", "2"]


def test_nothing_is_taken_for_missing_or_for_a_number(tmp_path: Path) -> None:
    words = ["NA", "None", "nan", "NULL", "inf", "TRUE", "007", "", "1e5"]
    read = table(tmp_path, "id,x\n" + "".join(f"{word},1\n" for word in words))
    assert read.rows["id"].tolist() == words


def test_rows_count_as_in_a_spreadsheet(tmp_path: Path) -> None:
    read = table(tmp_path, 'id,x\n1,"a\nb"\n2,c\n\n3,d\n')
    assert read.rows["source_row"].tolist() == [2, 3, 5]


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ("id,x\n1,2,3\n2,2\n", "ragged_row", 2),
        ("id,x\n1,2\n2\n3,3\n", "ragged_row", 3),
        ("id,x\n1,2\n2", "truncated", 3),
        ("id,x,y\n1,2,3\nTotal,1\n", "footer", 3),
        ("id,x,x\n1,2,3\n", "duplicate_header", 1),
        ("id,x\n", "no_rows", None),
        ("\n\n\n", "no_rows", None),
        ('id,x\n1,"2\n', "quotes", 2),
        ("id\tx\n1\t2\n", "delimiter", 1),
        ("id,x\n1,2\x003\n", "control_character", 2),
        (PLAIN.encode("utf-16-be"), "encoding", None),
        (b"id,x\n1,\x81\x8d\n", "encoding", 2),
        (b"PK\x03\x04rest", "wrong_format", None),
        (b"\x1f\x8brest", "wrong_format", None),
        (b"\xd0\xcf\x11\xe0rest", "wrong_format", None),
        (b"<!DOCTYPE html><html>", "wrong_format", None),
    ],
)
def test_a_broken_file_is_named_with_its_row(tmp_path: Path, content: str | bytes, code: str, line: int | None) -> None:
    found = errors(table(tmp_path, content))
    assert [(problem.code, problem.line) for problem in found] == [(code, line)]
    assert found[0].remedy


def test_every_broken_row_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    read = table(tmp_path, "id,x\n1,2,9\n2,2\n3\n4,4\n")
    assert [problem.line for problem in errors(read)] == [2, 4]
    assert read.rows["id"].tolist() == ["2", "4"]


def test_a_cell_of_one_million_characters_is_named_and_not_kept(tmp_path: Path) -> None:
    read = table(tmp_path, "id,x\n1," + "y" * 1_000_000 + "\n2,3\n")
    (problem,) = errors(read)
    assert (problem.code, problem.line, problem.column) == ("oversized_cell", 2, "x")
    assert len(str(problem)) < 300
    assert max(len(cell) for cell in read.rows["x"]) < 100


def test_windows_1252_is_read_with_a_note_that_names_the_line(tmp_path: Path) -> None:
    read = table(tmp_path, "id,x\n1,a\n2,Jäger\n".encode("cp1252"))
    assert read.rows["x"].tolist() == ["a", "Jäger"]
    assert [(p.code, p.line, p.severity) for p in read.problems] == [("windows_1252", 3, "note")]


def test_tabs_are_right_in_a_tsv(tmp_path: Path) -> None:
    assert table(tmp_path, "id\tx\n1\t2\n", "t.tsv").rows["x"].tolist() == ["2"]


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_path_that_is_no_file_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataProblem) as caught:
        read_table(tmp_path / name, format="csv")
    assert len(str(caught.value).splitlines()) == 1


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"")
    with pytest.raises(DataProblem, match="empty"):
        read_table(tmp_path / "t.csv")


def test_reading_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    table(tmp_path, PLAIN)
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize("reader", READERS.values(), ids=lambda reader: reader.name)
def test_every_format_has_a_name_a_sentence_and_a_reader(reader: object) -> None:
    assert reader.about  # type: ignore[attr-defined]
    assert callable(reader.read)  # type: ignore[attr-defined]
    assert READERS[reader.name] is reader  # type: ignore[attr-defined]


@pytest.mark.parametrize("format", ["csv", "tsv", "excel", "calls"])
def test_no_text_reader_raises_on_random_bytes(tmp_path: Path, format: str) -> None:
    (tmp_path / "x.bin").write_bytes(bytes(range(256)) * 20)
    read = read_table(tmp_path / "x.bin", format=format)
    assert errors(read)


def test_a_title_above_the_header_is_one_problem_and_not_one_for_each_row(tmp_path: Path) -> None:
    (problem,) = errors(table(tmp_path, "Export of site 3\n" + PLAIN * 3))
    assert (problem.code, problem.line) == ("header_row", 1)
    assert "rows have 2" in problem.problem


def test_the_separator_line_of_excel_is_no_row(tmp_path: Path) -> None:
    read = table(tmp_path, "sep=;\nid;x\n001;1\n")
    assert errors(read) == []
    assert read.rows["source_row"].tolist() == [2]


def test_a_broken_row_shows_none_of_its_cells(tmp_path: Path) -> None:
    read = table(tmp_path, "name,id\nJane Q Public,1,extra\nx,2\ny,3\nz,4\n")
    assert "Jane" not in "".join(str(problem) for problem in read.problems)
