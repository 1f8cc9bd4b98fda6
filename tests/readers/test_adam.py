"""ADaM: the inverted CNSR, the day that AVAL counts too many, several parameters in one file, and screen failures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import biomarkers as bm
from biomarkers.domain.errors import DataProblem
from biomarkers.readers.table import Table, read_table

CONTAINERS = ("xpt", "json", "ndjson")
ADTTE = "USUBJID,PARAMCD,AVAL,CNSR,STARTDT,ADT,EVNTDESC\n"


def adtte(folder: Path, rows: str, header: str = ADTTE) -> Table:
    """An ADTTE read alone."""
    file = folder / "adtte.csv"
    file.write_text(header + rows, encoding="utf-8")
    return read_table(file, format="adam-adtte")


def problems(table: Table, severity: str = "error") -> list[str]:
    """Texts of the problems of a severity."""
    return [str(problem) for problem in table.problems if problem.severity == severity]


def study(folder: Path, outcomes: str, more: str = "", tables: str = "") -> Path:
    """A study.toml; `outcomes` and `tables` are the entries of [tables] beside the subjects."""
    file = folder / "study.toml"
    subjects = 'subjects = { path = "adsl.csv", format = "adam-adsl" }\n'
    file.write_text(f'name = "A trial"\n{more}\n[tables]\n{subjects}outcomes = {outcomes}\n{tables}', encoding="utf-8")
    return file


def pharmaverse(shared: Path, folder: Path) -> Path:
    """The files of the pharmaverse in a folder of their own."""
    for name in ("adsl.csv", "adtte_onco.csv", "adrs_onco.csv"):
        shutil.copy(shared / "reference" / "formats" / "pharmaverse" / name, folder)
    return folder


# ---- by hand ---------------------------------------------------------------------------------------------------------


def test_cnsr_zero_is_the_event_and_any_other_number_is_not(tmp_path):
    rows = "a,PFS,11,0,2020-01-01,2020-01-11,Death\nb,PFS,11,1,2020-01-01,2020-01-11,Alive\nc,PFS,11,3,2020-01-01,2020-01-11,\n"
    table = adtte(tmp_path, rows)
    assert table.rows["event"].tolist() == ["1", "0", "0"]
    assert any("1 events (CNSR 0) and 2 others; CNSR 0 in 1, 1 in 1, 3 in 1" in text for text in problems(table, "note"))


@pytest.mark.parametrize("cnsr", ["", "-1", "Y", "0.5", "1e0", "NaN"])
def test_a_cnsr_that_is_no_code_is_named_and_never_taken_for_censored(tmp_path, cnsr):
    table = adtte(tmp_path, f"a,PFS,11,{cnsr},2020-01-01,2020-01-11,Death\n")
    assert table.rows["event"].tolist() == [""]
    assert any(text.startswith("adtte.csv:2:CNSR a") for text in problems(table))


def test_a_decimal_point_in_cnsr_changes_nothing(tmp_path):
    table = adtte(tmp_path, "a,PFS,11,0.0,2020-01-01,2020-01-11,Death\nb,PFS,11,1.0,2020-01-01,2020-01-11,\n")
    assert table.rows["event"].tolist() == ["1", "0"]


def test_time_is_end_minus_start_and_the_convention_of_aval_is_said(tmp_path):
    table = adtte(tmp_path, "a,PFS,11,0,2020-01-01,2020-01-11,\nb,PFS,1,1,2020-01-01,2020-01-01,Randomization\n")
    assert table.rows["time"].tolist() == ["10", "0"]
    assert set(table.rows["unit"]) == {"days"}
    notes = " ".join(problems(table, "note"))
    assert "AVAL = end - start + 1 in 2 of 2 rows" in notes
    assert "1 of 2 rows are censored on the day of the start ('Randomization' in 1)" in notes


def test_aval_without_the_extra_day_is_recognised(tmp_path):
    table = adtte(tmp_path, "a,PFS,10,0,2020-01-01,2020-01-11,\n")
    assert any("AVAL = end - start in 1 of 1 rows" in text for text in problems(table, "note"))


def test_two_conventions_in_one_file_are_refused_with_the_odd_row(tmp_path):
    rows = "a,PFS,11,0,2020-01-01,2020-01-11,\nb,PFS,12,0,2020-01-01,2020-01-12,\nc,PFS,10,0,2020-01-01,2020-01-11,\n"
    (text,) = problems(adtte(tmp_path, rows))
    assert text.startswith("adtte.csv:4:AVAL c '10'")
    assert "end - start + 1 in 2, end - start in 1 of 3 rows" in text


def test_aval_in_months_is_held_against_its_dates(tmp_path):
    header = ADTTE.replace("AVAL,", "AVAL,AVALU,")
    good = adtte(tmp_path, "a,PFS,3.02,MONTHS,0,2020-01-01,2020-04-01,\n", header)
    assert not problems(good)
    assert good.rows["time"].tolist() == ["91"]
    bad = adtte(tmp_path, "a,PFS,91,MONTHS,0,2020-01-01,2020-04-01,\n", header)
    assert any("AVAL and its dates disagree" in text for text in problems(bad))


def test_a_missing_or_partial_date_is_never_made_up(tmp_path):
    rows = "a,PFS,11,0,2020-01-01,2020-01-11,\nb,PFS,11,0,2020-01-01,,\nc,PFS,11,0,2020-01,2020-01-11,\n"
    table = adtte(tmp_path, rows)
    assert table.rows["time"].tolist() == ["10", "", ""]
    text = " ".join(problems(table))
    assert "adtte.csv:3:ADT b: no ADT, though other rows have one" in text
    assert "adtte.csv:4:STARTDT c '2020-01': a partial date" in text


def test_without_dates_the_unit_and_the_convention_have_to_be_declared(tmp_path):
    table = adtte(tmp_path, "a,PFS,11,0\n", "USUBJID,PARAMCD,AVAL,CNSR\n")
    assert "AVAL has no unit" in " ".join(problems(table))
    assert 'options = { aval = "end - start + 1" }' in " ".join(problems(table, "warning"))


def test_study_days_take_the_place_of_dates(tmp_path):
    header = "USUBJID,PARAMCD,AVAL,AVALU,CNSR,STARTDY,ADY\n"
    table = adtte(tmp_path, "a,PFS,11,DAYS,0,1,11\nb,PFS,1,DAYS,1,1,1\n", header)
    assert table.rows["time"].tolist() == ["10", "0"]
    assert not problems(table)


def test_a_declared_event_code_would_code_cnsr_twice_and_is_refused(tmp_path):
    (tmp_path / "adsl.csv").write_text("USUBJID,ARM\na,A\n")
    (tmp_path / "adtte.csv").write_text(ADTTE + "a,PFS,11,0,2020-01-01,2020-01-11,\n")
    file = study(tmp_path, '{ path = "adtte.csv", format = "adam-adtte", paramcd = "PFS" }', "[endpoints.pfs]\nevent_is = 0\n")
    with pytest.raises(DataProblem, match="would code it a second time"):
        bm.read_study(file)


def test_an_endpoint_may_have_another_name_than_its_paramcd(tmp_path):
    (tmp_path / "adsl.csv").write_text("USUBJID,ARM\na,A\nb,A\n")
    (tmp_path / "adtte.csv").write_text(
        ADTTE + "a,PFSINV,11,0,2020-01-01,2020-01-11,\nb,PFSINV,11,1,2020-01-01,2020-01-11,\n"
        "a,PFSBICR,9,0,2020-01-01,2020-01-09,\n"
    )
    outcomes = '{ path = "adtte.csv", format = "adam-adtte", paramcd = { pfs = "PFSINV" } }'
    read = bm.read_study(study(tmp_path, outcomes, "[endpoints.pfs]\n"))
    assert read.outcome("pfs")["time"].tolist() == [10, 10]
    assert set(read.outcomes["endpoint"]) == {"pfs"}


def test_two_rows_of_one_subject_and_parameter_are_refused_unless_a_flag_chooses(tmp_path):
    (tmp_path / "adsl.csv").write_text("USUBJID,ARM\na,A\n")
    header = ADTTE.strip() + ",ANL01FL\n"
    (tmp_path / "adtte.csv").write_text(header + "a,PFS,11,0,2020-01-01,2020-01-11,,Y\na,PFS,31,1,2020-01-01,2020-01-31,,\n")
    entry = '{{ path = "adtte.csv", format = "adam-adtte", paramcd = "PFS"{} }}'
    with pytest.raises(DataProblem):
        bm.read_study(study(tmp_path, entry.format(""), "[endpoints.pfs]\n"))
    chosen = bm.read_study(study(tmp_path, entry.format(', where = { ANL01FL = "Y" }'), "[endpoints.pfs]\n"))
    assert chosen.outcome("pfs")["time"].tolist() == [10]


def test_a_file_without_cnsr_is_no_adtte(tmp_path):
    (text,) = problems(adtte(tmp_path, "a,PFS,11\n", "USUBJID,PARAMCD,AVAL\n"))
    assert "no column CNSR: this is no ADTTE" in text


def test_an_endpoint_that_counts_from_another_day_than_its_draws_is_refused(tmp_path):
    (tmp_path / "adsl.csv").write_text("USUBJID,ARM,RANDDT,TRTSDT\na,A,2020-01-01,2020-01-01\nb,A,2020-01-01,2020-01-04\n")
    (tmp_path / "adtte.csv").write_text(ADTTE + "a,PFS,11,0,2020-01-01,2020-01-11,\nb,PFS,8,0,2020-01-04,2020-01-11,\n")
    outcomes = '{ path = "adtte.csv", format = "adam-adtte", paramcd = "PFS" }'
    more = 'day0 = {{ path = "adsl.csv", column = "{}" }}\n[endpoints.pfs]\n'
    with pytest.raises(DataProblem, match="STARTDT is not RANDDT, the declared day 0, in 1 of 2 rows"):
        bm.read_study(study(tmp_path, outcomes, more.format("RANDDT")))
    assert bm.read_study(study(tmp_path, outcomes, more.format("TRTSDT"))).outcome("pfs")["time"].tolist() == [10, 7]


# ---- the pilot study of CDISC ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adtte", "adsl"])
def test_the_pilot_datasets_are_one_table_from_three_containers(shared, name):
    tables = [read_table(shared / "reference" / "formats" / "cdisc_pilot" / f"{name}.{e}") for e in CONTAINERS]
    first = tables[0].rows.drop(columns="source_file")
    assert len(first.columns) - 1 == {"adtte": 26, "adsl": 49}[name]
    for table in tables[1:]:
        assert first.equals(table.rows.drop(columns="source_file"))
        assert not table.problems


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_pilot_study_has_152_events_whatever_the_container(shared, tmp_path, container):
    for name in ("adsl", "adtte"):
        shutil.copy(shared / "reference" / "formats" / "cdisc_pilot" / f"{name}.{container}", tmp_path)
    (tmp_path / "study.toml").write_text(
        'name = "CDISC pilot"\n[endpoints.ttde]\nzero_time = "keep"\n[tables]\n'
        f'subjects = {{ path = "adsl.{container}", format = "adam-adsl" }}\n'
        f'outcomes = {{ path = "adtte.{container}", format = "adam-adtte", paramcd = "TTDE" }}\n'
    )
    read = bm.read_study(tmp_path / "study.toml")
    rows = read.outcome("ttde").merge(read.subjects[["subject", "arm"]], on="subject")
    assert (len(rows), int(rows["event"].sum())) == (254, 152)
    assert rows.groupby("arm")["event"].sum().to_dict() == {
        "Placebo": 29,
        "Xanomeline High Dose": 61,
        "Xanomeline Low Dose": 62,
    }
    assert (read.problems["severity"] == "note").all()


def test_the_pilot_study_gives_the_numbers_of_r(shared, tmp_path):
    """R survival, Efron: the reference values stand in the README of the fixtures."""
    for name in ("adsl", "adtte"):
        shutil.copy(shared / "reference" / "formats" / "cdisc_pilot" / f"{name}.xpt", tmp_path)
    (tmp_path / "study.toml").write_text(
        'name = "CDISC pilot"\narms = ["Placebo", "Xanomeline High Dose", "Xanomeline Low Dose"]\n'
        '[endpoints.ttde]\nzero_time = "keep"\n[tables]\nsubjects = { path = "adsl.xpt", format = "adam-adsl" }\n'
        'outcomes = { path = "adtte.xpt", format = "adam-adtte", paramcd = "TTDE" }\n'
    )
    read = bm.read_study(tmp_path / "study.toml")
    frame = read.outcome("ttde").merge(read.members[["subject", "arm"]], on="subject").astype({"time": float, "event": int})
    fit = bm.cox(frame, "time", "event", ["arm"])
    assert fit.loglik == pytest.approx((-754.31801588290, -722.02258460473), abs=1e-9)
    assert fit.table["coef"].tolist() == pytest.approx([1.61461847880, 1.42255495305], abs=1e-9)
    assert bm.logrank(frame, "time", "event", "arm").chi2 == pytest.approx(60.269556739, abs=1e-8)


def test_an_event_on_the_start_day_is_refused_until_it_is_declared(shared, tmp_path):
    for name in ("adsl", "adtte"):
        shutil.copy(shared / "reference" / "formats" / "cdisc_pilot" / f"{name}.json", tmp_path)
    text = (
        'name = "CDISC pilot"\n[endpoints.ttde]\n{}[tables]\nsubjects = {{ path = "adsl.json", format = "adam-adsl" }}\n'
        'outcomes = {{ path = "adtte.json", format = "adam-adtte", paramcd = "TTDE" }}\n'
    )
    (tmp_path / "study.toml").write_text(text.format(""))
    with pytest.raises(DataProblem, match='zero_time = "exclude" or "keep"'):
        bm.read_study(tmp_path / "study.toml")
    (tmp_path / "study.toml").write_text(text.format('zero_time = "exclude"\n'))
    left = bm.read_study(tmp_path / "study.toml").outcome("ttde")
    assert int(left[left["excluded"].isna()]["event"].sum()) == 147


# ---- the pharmaverse -------------------------------------------------------------------------------------------------


def test_several_parameters_and_none_named_are_listed_with_their_events(shared):
    table = read_table(shared / "reference" / "formats" / "pharmaverse" / "adtte_onco.csv", format="adam-adtte")
    (text,) = problems(table)
    assert "OS (254 rows, 3 events), PFS (254 rows, 6 events), RSD (4 rows, 1 events)" in text
    assert 'paramcd = "' in text


def test_pharmaverse_pfs_has_6_events_and_its_analysis_is_gated(shared, tmp_path):
    folder = pharmaverse(shared, tmp_path)
    marker = '[markers.age_]\nlabel = "Age"\nkind = "continuous"\nunit = "years"\nlegal = [10, 120]\nscale = "identity"\n'
    outcomes = '{ path = "adtte_onco.csv", format = "adam-adtte", paramcd = "PFS" }'
    read = bm.read_study(study(folder, outcomes, f'[endpoints.pfs]\n{marker}step = 10\ncolumn = "AGE"\n'))
    rows = read.outcome("pfs")
    assert (len(rows), int(rows["event"].sum())) == (254, 6)
    assert sorted(rows.loc[rows["event"] == 1, "time"]) == [11, 42, 60, 63, 63, 174]
    assert rows.loc[rows["event"] == 1, "event_type"].value_counts().to_dict() == {"progression": 3, "death": 3}
    asked = bm.associate(read, "age_", endpoint="pfs", by=None, adjust=(), permutations=0)
    row = asked.table.iloc[0]
    assert row["method"] == "none"
    assert "descriptive only: 6 events" in row["note"]
    assert asked.table["estimate"].isna().all()
    left = asked.flow[asked.flow["reason"] != "included"]
    assert (left["reason"].tolist(), left["n_excluded"].tolist()) == (["not_in_cohort"], [52])
    assert left["detail"].tolist() == ["screen failure"]


def test_a_censored_day_of_randomisation_stays_in_the_analysis(shared, tmp_path):
    read = bm.read_study(
        study(
            pharmaverse(shared, tmp_path),
            '{ path = "adtte_onco.csv", format = "adam-adtte", paramcd = "PFS" }',
            "[endpoints.pfs]\n",
        )
    )
    rows = read.outcome("pfs")
    assert int((rows["time"] == 0).sum()) == 243
    assert rows["excluded"].isna().all()


def test_responses_are_one_parameter_in_days_from_randomisation(shared, tmp_path):
    tables = 'response = { path = "adrs_onco.csv", format = "adam-adrs", paramcd = "OVR", day0 = "RANDDT" }\n'
    outcomes = '{ path = "adtte_onco.csv", format = "adam-adtte", paramcd = "PFS" }'
    read = bm.read_study(study(pharmaverse(shared, tmp_path), outcomes, "[endpoints.pfs]\n", tables))
    assert len(read.response) == 22
    assert read.response["day"].min() == 21
    assert read.response["response"].value_counts()["NON-CR/NON-PD"] >= 1


def test_a_response_without_a_parameter_is_asked_for(shared):
    table = read_table(shared / "reference" / "formats" / "pharmaverse" / "adrs_onco.csv", format="adam-adrs")
    assert any("13 parameters in one file" in text and "BOR (306 rows)" in text for text in problems(table))


def test_birth_dates_and_other_undeclared_columns_never_enter_memory(shared):
    table = read_table(shared / "reference" / "formats" / "pharmaverse" / "adsl.csv", format="adam-adsl")
    assert "BRTHDTC" not in table.rows
    assert "SUBJID" not in table.rows
    cells = {text for column in table.rows for text in table.rows[column].dropna().astype(str)}
    assert "1950-12-26" not in cells
