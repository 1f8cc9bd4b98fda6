"""Dates become days from a declared day 0; what is no whole date is refused, and the standard's missing day 0 is respected."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import biomarkers as bm
from biomarkers.domain.errors import DataProblem
from biomarkers.readers.calendar_days import NoDate, day_of_dy, read_date

DATES = st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31))


@given(DATES)
def test_a_date_is_itself_in_every_spelling(date):
    months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
    sas = f"{date.day:02d}{months[date.month - 1]}{date.year}"
    assert read_date(date.isoformat()) == read_date(sas) == read_date(date.isoformat() + "T11:45") == date
    assert read_date(date.strftime("%d/%m/%Y"), "%d/%m/%Y") == date


@pytest.mark.parametrize(
    "text",
    ["2020", "2020-01", "2020-UN-UNK", "2020-02-30", "03/04/2023", "19725", "43831.5", "yesterday", "2020-1-2", "31JUX2020"],
)
def test_what_is_no_whole_date_is_refused_with_a_remedy(text):
    refused = read_date(text)
    assert isinstance(refused, NoDate)
    assert refused.problem
    assert refused.remedy


def test_a_declared_format_is_kept_to():
    assert isinstance(read_date("2020-01-02", "%d/%m/%Y"), NoDate)


@given(st.integers(-40_000, 40_000).filter(bool))
def test_study_days_without_a_day_0_are_one_line_of_days(dy):
    day = day_of_dy(str(dy))
    assert day == (dy - 1 if dy > 0 else dy)
    assert (day_of_dy("1"), day_of_dy("-1")) == (0, -1)


@pytest.mark.parametrize("text", ["0", "1.5", "x", "+"])
def test_a_study_day_that_cannot_be_is_refused(text):
    assert isinstance(day_of_dy(text), NoDate)


def study(folder: Path, blood: str, serial: str, subjects: str = "subject,registered\na,2020-01-01\nb,2020-02-01\n") -> Path:
    """Two subjects with dates and a sheet of draws."""
    (folder / "subjects.csv").write_text(subjects)
    (folder / "serial.csv").write_text(serial)
    (folder / "study.toml").write_text(f'name = "T"\n[tables]\nsubjects = "subjects.csv"\nblood = {blood}\n')
    return folder / "study.toml"


SERIAL = "subject,draw,marker,value\na,{},ctc,1\nb,2020-02-08,ctc,0\n"
BLOOD = '{ path = "serial.csv", columns = { day = "draw" }, day0 = { path = "subjects.csv", column = "registered" }%s }'


def test_draws_count_from_a_date_in_another_file(tmp_path):
    read = bm.read_study(study(tmp_path, BLOOD % "", SERIAL.format("2019-12-30")))
    assert read.blood["day"].tolist() == [-2, 7]
    assert "registered" not in read.subjects
    assert read.problems["problem"].str.contains("dates became days from registered of subjects.csv, day 0").any()


def test_draws_count_from_a_date_in_their_own_file(tmp_path):
    serial = "subject,zero,day,marker,value\na,2020-01-01,2020-01-03,ctc,1\na,2020-01-01,2020-01-05,ctc,1\n"
    read = bm.read_study(study(tmp_path, '{ path = "serial.csv", day0 = "zero" }', serial))
    assert read.blood["day"].tolist() == [2, 4]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("2020-01", "serial.csv:2:draw a '2020-01': a partial date"),
        ("12", "serial.csv:2:draw a '12': a number in a column of dates"),
        ("01/02/2020", "an order of day and month that has to be declared"),
    ],
)
def test_a_cell_that_is_no_date_in_a_column_of_dates_is_named(tmp_path, cell, said):
    with pytest.raises(DataProblem, match=said.split(":")[-1].strip()):
        bm.read_study(study(tmp_path, BLOOD % "", SERIAL.format(cell)))


def test_a_subject_without_a_date_of_day_0_is_named(tmp_path):
    with pytest.raises(DataProblem, match="the subject has no date of day 0"):
        bm.read_study(study(tmp_path, BLOOD % "", SERIAL.format("2020-01-03"), "subject,registered\na,\nb,2020-02-01\n"))


def test_two_dates_of_day_0_for_one_subject_are_refused(tmp_path):
    serial = "subject,zero,day,marker,value\na,2020-01-01,2020-01-03,ctc,1\na,2020-01-02,2020-01-05,ctc,1\n"
    with pytest.raises(DataProblem, match="two dates of day 0"):
        bm.read_study(study(tmp_path, '{ path = "serial.csv", day0 = "zero" }', serial))


def test_a_column_or_file_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(DataProblem, match="'registred' is missing, though day0 names it"):
        bm.read_study(study(tmp_path, (BLOOD % "").replace("registered", "registred"), SERIAL.format("2020-01-03")))
    with pytest.raises(DataProblem, match=r"people\.csv"):
        bm.read_study(study(tmp_path, (BLOOD % "").replace("subjects.csv", "people.csv"), SERIAL.format("2020-01-03")))


def test_study_days_stay_as_they_are_though_day_0_is_declared(tmp_path):
    serial = "subject,draw,marker,value\na,3,ctc,1\nb,7,ctc,0\n"
    assert bm.read_study(study(tmp_path, BLOOD % "", serial)).blood["day"].tolist() == [3, 7]
