"""From files to canonical tables: wide or long, every column typed, every row with its place, nothing undeclared in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from biomarkers.domain.problems import Problem
from biomarkers.domain.schema import KINDS, TABLES, TRACE, VALUE
from biomarkers.readers.study_file import read_study_file
from biomarkers.readers.table import Table
from biomarkers.readers.tables import read_tables

Read = Callable[[str, dict[str, Any]], dict[str, Table]]
SUBJECTS = "subject,cohort\nS1,A\nS2,B\n"
BASE = 'cohorts = ["A", "B"]\n'


def problems(tables: dict[str, Table], severity: str = "error") -> list[Problem]:
    return [problem for table in tables.values() for problem in table.problems if problem.severity == severity]


def values(tables: dict[str, Table], table: str, *columns: str) -> list[tuple[Any, ...]]:
    rows = tables[table].rows[list(columns)]
    return [tuple(None if pd.isna(cell) else cell for cell in row) for row in rows.itertuples(index=False)]


# ---- shape -----------------------------------------------------------------------------------------------------------


def test_every_table_has_every_column_in_its_type_even_when_empty(read: Read) -> None:
    tables = read(BASE + '[tables]\nsubjects = "s.csv"\n', {"s.csv": SUBJECTS})
    assert list(tables) == list(TABLES)
    for name, schema in TABLES.items():
        expected = {column.name: KINDS[column.kind] for column in schema.columns} | TRACE | (VALUE if schema.typed else {})
        dtypes = tables[name].rows.dtypes
        for column, dtype in expected.items():
            assert dtypes[column] == dtype, (name, column)


def test_rows_keep_their_file_and_their_row(read: Read) -> None:
    tables = read(BASE + '[tables]\nsubjects = "s.csv"\n', {"s.csv": "subject,cohort\nS1,A\n\nS2,B\n"})
    assert values(tables, "subjects", "source_file", "source_row") == [("s.csv", 2), ("s.csv", 4)]


def test_identifiers_are_text_as_they_stand(read: Read) -> None:
    tables = read(BASE + '[tables]\nsubjects = "s.csv"\n', {"s.csv": "subject,cohort\n007,A\nNA,B\n1e5 ,A\n"})
    assert values(tables, "subjects", "subject") == [("007",), ("NA",), ("1e5 ",)]


def test_undeclared_columns_are_named_once_and_never_read(read: Read) -> None:
    tables = read(
        BASE + '[tables]\nsubjects = "s.csv"\n', {"s.csv": "subject,cohort,patient_name,dob\nS1,A,Jane Q Public,1961-04-03\n"}
    )
    (note,) = problems(tables, "note")
    assert "patient_name, dob" in note.problem
    held = " ".join(str(cell) for table in tables.values() for column in table.rows for cell in table.rows[column])
    assert "Jane" not in held
    assert "1961" not in held


def test_a_missing_column_names_the_nearest_one_and_how_to_map_it(read: Read) -> None:
    (problem,) = problems(read(BASE + '[tables]\nsubjects = "s.csv"\n', {"s.csv": "subject,cohrt\nS1,A\n"}))
    assert (problem.line, problem.column) == (1, "cohort")
    assert "'cohrt'" in problem.remedy


def test_all_problems_of_all_files_are_reported_at_once(read: Read) -> None:
    toml = BASE + '[tables]\nsubjects = "s.csv"\nblood = "b.csv"\noutcomes = "lost.csv"\n'
    blood = "subject,day,marker,value\nS1,0,ctc,3.5\nS1,x,ctc,2\nS2,0,cct,1\n"
    found = problems(read(toml, {"s.csv": "subject,cohort\nS1,A\nS2\n", "b.csv": blood}))
    assert {problem.file for problem in found} == {"s.csv", "b.csv", "lost.csv"}
    assert {problem.code for problem in found} == {"ragged_row", "not_whole", "not_a_number", "unknown_marker", "missing_file"}


def test_an_optional_table_may_be_absent_and_another_may_not(read: Read) -> None:
    toml = BASE + '[tables]\nsubjects = "s.csv"\nblood = { path = "b.csv", optional = true }\n'
    assert problems(read(toml, {"s.csv": SUBJECTS})) == []


# ---- time ------------------------------------------------------------------------------------------------------------


def test_months_become_days_once_and_the_rounding_is_stated(read: Read) -> None:
    toml = BASE + '[endpoints.pfs]\n[tables]\nsubjects = "s.csv"\noutcomes = "o.csv"\n'
    tables = read(toml, {"s.csv": SUBJECTS, "o.csv": "subject,endpoint,time,event,unit\nS1,PFS,2,1,months\nS2,Pfs,30,0,days\n"})
    assert values(tables, "outcomes", "endpoint", "time", "event") == [("pfs", 61, 1), ("pfs", 30, 0)]
    assert any("largest rounding 0.125 days" in note.problem for note in problems(tables, "note"))


def test_day_unit_converts_the_days_of_a_table(read: Read) -> None:
    toml = BASE + '[tables]\nsubjects = "s.csv"\nblood = { path = "b.csv", day_unit = "weeks" }\n'
    tables = read(toml, {"s.csv": SUBJECTS, "b.csv": "subject,day,marker,value\nS1,6,ctc,1\n"})
    assert values(tables, "blood", "day") == [(42,)]


@pytest.mark.parametrize("text", ["2023-03-01", "03/04/2023", "45219x", "6 weeks", "nan1"])
def test_a_day_is_a_number_or_a_problem(read: Read, text: str) -> None:
    toml = BASE + '[tables]\nsubjects = "s.csv"\nblood = "b.csv"\n'
    (problem,) = problems(read(toml, {"s.csv": SUBJECTS, "b.csv": f"subject,day,marker,value\nS1,{text},ctc,1\n"}))
    assert (problem.line, problem.column, problem.value, problem.subject) == (2, "day", text, "S1")


@pytest.mark.parametrize(
    ("toml", "codes", "events"),
    [
        ("", "1 0", [1, 0]),
        ("", "True False", [1, 0]),
        ("event_is = 0", "0 1", [1, 0]),
        ('event_is = "PD"', "PD alive", [1, 0]),
        ('event_is = ["PD", "death"]\ncensored_is = "none"', "death none", [1, 0]),
        ("event_is = true", "True False", [None, None]),
    ],
)
def test_the_event_follows_its_declared_coding(read: Read, toml: str, codes: str, events: list[int | None]) -> None:
    first, second = codes.split()
    text = f"[endpoints.pfs]\n{toml}\n" + '[tables]\nsubjects = "s.csv"\noutcomes = "o.csv"\n'
    tables = read(
        BASE + text, {"s.csv": SUBJECTS, "o.csv": f"subject,endpoint,time,event\nS1,pfs,5,{first}\nS2,pfs,6,{second}\n"}
    )
    assert [event for (event,) in values(tables, "outcomes", "event")] == events
    assert bool(problems(tables)) == (None in events)


def test_one_foreign_event_code_gives_the_counts_per_code(read: Read) -> None:
    rows = "".join(f"S{i},pfs,{i},{i % 2}\n" for i in range(1, 21))
    toml = '[endpoints.pfs]\n[tables]\nsubjects = "s.csv"\noutcomes = "o.csv"\n'
    tables = read(
        toml,
        {
            "s.csv": "subject\n" + "".join(f"S{i}\n" for i in range(1, 22)),
            "o.csv": "subject,endpoint,time,event\n" + rows + "S21,pfs,9,2\n",
        },
    )
    (problem,) = problems(tables)
    assert (problem.line, problem.value) == (22, "2")
    assert "'0' in 10, '1' in 10, '2' in 1" in problem.problem


# ---- wide sheets -----------------------------------------------------------------------------------------------------

WIDE = """arms = ["x", "y"]
strata = ["liver"]
[tables.subjects]
path = "p.csv"
columns = { subject = "id" }
[endpoints.pfs]
time = "pfs_m"
unit = "months"
event = "pfs_e"
[markers.stil]
column = "til"
[markers.fcgr3a_158]
column = "gene"
[markers.cd8]
column = "cd8"
"""
PATIENTS = "id,cohort,arm,liver,pfs_m,pfs_e,til,gene,cd8\n01,A,x,Y,1,1,10,V/F,40\n02,B,y,N,2,0,NE,F/F,0\n03,A,y,N,3,1,<1,,12\n"


def test_a_wide_sheet_becomes_the_canonical_tables(read: Read) -> None:
    tables = read(BASE + WIDE, {"p.csv": PATIENTS})
    assert problems(tables) == []
    assert values(tables, "outcomes", "subject", "endpoint", "time", "event") == [
        ("01", "pfs", 30, 1),
        ("02", "pfs", 61, 0),
        ("03", "pfs", 91, 1),
    ]
    stil = tables["tissue_reads"].rows.query("marker == 'stil'")
    assert stil["status"].tolist() == ["measured", "missing", "below"]
    assert stil["day"].tolist() == [0, 0, 0]
    assert values(tables, "genotypes", "subject", "call", "n_v", "reason") == [
        ("01", "V/F", 1, "OK"),
        ("02", "F/F", 0, "OK"),
        ("03", None, None, "NOT_GIVEN"),
    ]
    assert set(tables["specimens"].rows["specimen"]) == {"01:tissue:0", "02:tissue:0", "03:tissue:0"}


def test_a_problem_in_a_wide_sheet_names_the_column_of_the_sheet(read: Read) -> None:
    (problem,) = problems(read(BASE + WIDE, {"p.csv": PATIENTS.replace("40\n", "20-Oct\n")}))
    assert (problem.file, problem.line, problem.column, problem.subject, problem.value) == ("p.csv", 2, "cd8", "01", "20-Oct")


def test_a_column_that_no_sheet_has_is_named_with_its_declaration(read: Read) -> None:
    (problem,) = problems(read(BASE + WIDE, {"p.csv": PATIENTS.replace("pfs_e", "pfs_event")}))
    assert problem.column == "pfs_e"
    assert "endpoints.pfs" in problem.problem
    assert "pfs_event" in problem.remedy


def test_a_density_without_an_area_takes_half_the_smallest_value_above_zero(read: Read) -> None:
    rows = read(BASE + WIDE, {"p.csv": PATIENTS})["tissue_reads"].rows.query("marker == 'cd8'")
    assert rows["c"].tolist() == [6.0, 6.0, 6.0]


def test_a_list_of_tubes_implies_its_specimens(read: Read) -> None:
    toml = (
        WIDE
        + '[tables.blood]\npath = "serial.csv"\ncolumns = { subject = "id", visit = "draw", marker = "analyte" }\n'
        + 'marker_names = { TK1 = "tk1_dua" }\n'
    )
    tables = read(
        BASE + toml,
        {
            "p.csv": PATIENTS,
            "serial.csv": "id,draw,day,analyte,value,unit\n01,baseline,-3,TK1,250,DuA\n01,week6,42,TK1,80,DuA\n",
        },
    )
    assert values(tables, "blood", "subject", "day", "visit", "marker", "value") == [
        ("01", -3, "baseline", "tk1_dua", 250.0),
        ("01", 42, "week6", "tk1_dua", 80.0),
    ]
    assert "01:draw:-3:baseline" in set(tables["specimens"].rows["specimen"])


def test_a_draw_labelled_progression_was_drawn_because_of_it(read: Read) -> None:
    """Where no column gives the reason the label does, if it is one; a note counts them, and a given reason stands."""
    toml = WIDE + (
        '[tables.blood]\npath = "serial.csv"\nmarker_names = { TK1 = "tk1_dua" }\n'
        'columns = { subject = "id", visit = "draw", marker = "analyte", reason_for_draw = "why" }\n'
    )
    rows = "01,week6,42,TK1,80,DuA,\n01,Progression,43,TK1,90,DuA,\n01,PD,60,TK1,95,DuA,unscheduled\n"
    tables = read(BASE + toml, {"p.csv": PATIENTS, "serial.csv": "id,draw,day,analyte,value,unit,why\n" + rows})
    reasons = tables["blood"].rows.set_index("day")["reason_for_draw"]
    assert pd.isna(reasons[42])
    assert reasons[43] == "progression"
    assert reasons[60] == "unscheduled"
    specimens = tables["specimens"].rows.set_index("collection_day")["reason_for_draw"]
    assert specimens[43] == "progression"
    assert [p.problem for p in problems(tables, "note") if p.code == "progression_draws"] == [
        "1 value of draws labelled 'Progression' counts as drawn because of progression"
    ]


def test_the_minus_of_a_typesetter_in_a_day_is_read_and_noted(read: Read) -> None:
    toml = WIDE + '[tables.blood]\npath = "s.csv"\ncolumns = { subject = "id" }\n'
    tables = read(BASE + toml, {"p.csv": PATIENTS, "s.csv": "id,day,marker,value,unit\n01,\u22123,tk1_dua,250,DuA\n"})
    assert values(tables, "blood", "day") == [(-3,)]
    noted = [p for p in problems(tables, "note") if "Unicode minus" in p.problem]
    assert [(p.line, p.column, p.value) for p in noted] == [(2, "day", "\u22123")]


# ---- values ----------------------------------------------------------------------------------------------------------


def test_reads_and_draws_take_subject_and_day_from_their_specimen(read: Read) -> None:
    toml = BASE + '[tables]\nsubjects = "s.csv"\nspecimens = "t.csv"\nblood = "b.csv"\n'
    tables = read(
        toml,
        {
            "s.csv": SUBJECTS,
            "t.csv": "specimen,subject,type,collection_day\nT1,S1,serum,-2\n",
            "b.csv": "specimen,marker,value,lod\nT1,tk1_dul,<LOD,18\n",
        },
    )
    assert values(tables, "blood", "subject", "day", "status", "upper") == [("S1", -2, "below", 18.0)]


def test_a_density_is_count_over_area_and_its_offset_one_cell(read: Read) -> None:
    toml = BASE + '[tables]\nsubjects = "s.csv"\ntissue_reads = "t.csv"\n'
    tables = read(toml, {"s.csv": SUBJECTS, "t.csv": "subject,marker,count,area_mm2\nS1,cd8,30,0.25\nS2,cd8,0,0.5\n"})
    assert values(tables, "tissue_reads", "value", "c", "status") == [(120.0, 4.0, "measured"), (0.0, 2.0, "measured")]


def test_the_level_beside_a_call_becomes_rows_of_its_own_marker(read: Read) -> None:
    toml = BASE + '[tables]\nsubjects = "s.csv"\nblood = "b.csv"\n'
    blood = (
        "subject,day,marker,call,level,unit,lod\nS1,0,mrd,detected,12,ppm,3.45\n"
        "S1,42,mrd,not_detected,,ppm,3.45\nS2,0,mrd,QNS,,ppm,3.45\n"
    )
    tables = read(toml, {"s.csv": SUBJECTS, "b.csv": blood})
    rows = tables["blood"].rows
    assert rows.query("marker == 'mrd'")["value"].tolist()[:2] == [1.0, 0.0]
    level = rows.query("marker == 'mrd_level'")
    assert level["status"].tolist() == ["measured", "below", "missing"]
    assert level["upper"].tolist()[:2] == [12.0, 3.45]


def test_a_bad_cell_of_a_tube_names_the_subject_of_its_specimen(read: Read) -> None:
    toml = BASE + '[tables]\nsubjects = "s.csv"\nspecimens = "t.csv"\nblood = "b.csv"\n'
    tables = read(
        toml,
        {
            "s.csv": SUBJECTS,
            "t.csv": "specimen,subject,type,collection_day\nT1,S1,ctc_tube,-2\n",
            "b.csv": "specimen,marker,value\nT1,ctc,3.5\n",
        },
    )
    (problem,) = problems(tables)
    assert problem.subject == "S1"


@pytest.mark.parametrize("study", ["br1801", "stop_her2"])
def test_a_sample_study_is_read_without_error_and_without_warning(root: Path, study: str) -> None:
    tables = read_tables(read_study_file(root / "sample_data" / study / "study.toml"))
    assert problems(tables) + problems(tables, "warning") == []


def sorted_rows(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Rows as text in one order, without the row number."""
    return sorted(tuple(map(repr, row)) for row in frame.drop(columns="source_row").itertuples(index=False))


def test_the_order_of_rows_changes_no_value(read: Read) -> None:
    lines = PATIENTS.splitlines()
    one = read(BASE + WIDE, {"p.csv": PATIENTS})
    other = read(BASE + WIDE, {"p.csv": "\n".join([lines[0], *reversed(lines[1:])]) + "\n"})
    for table in ("subjects", "outcomes", "tissue_reads", "genotypes"):
        assert sorted_rows(one[table].rows) == sorted_rows(other[table].rows)


def test_tissue_without_a_day_is_taken_as_baseline_and_that_is_said(read: Read) -> None:
    toml = BASE + '[tables]\nsubjects = "s.csv"\ntissue_reads = "t.csv"\n'
    tables = read(toml, {"s.csv": SUBJECTS, "t.csv": "subject,marker,value\nS1,stil,5\n"})
    assert values(tables, "tissue_reads", "day") == [(0,)]
    assert [note.code for note in problems(tables, "note")] == ["declared_day"]


def test_a_blank_day_in_a_column_of_days_is_never_made_up(read: Read) -> None:
    toml = BASE + '[tables]\nsubjects = "s.csv"\ntissue_reads = "t.csv"\n'
    tables = read(toml, {"s.csv": SUBJECTS, "t.csv": "subject,day,marker,value\nS1,-5,stil,5\nS2,,stil,7\n"})
    assert values(tables, "tissue_reads", "day") == [(-5,), (None,)]


def test_draws_without_a_column_of_days_are_refused_whatever_their_labels(read: Read) -> None:
    toml = BASE + '[tables]\nsubjects = "s.csv"\nblood = "b.csv"\n'
    (problem,) = problems(read(toml, {"s.csv": SUBJECTS, "b.csv": "subject,visit,marker,value\nS1,baseline,ctc,1\n"}))
    assert (problem.code, problem.column) == ("missing_column", "day")
