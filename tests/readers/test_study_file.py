"""study.toml: what is wrong is said in one clear line each, with the line of the file and the nearest known key."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from biomarkers.domain.errors import DataProblem
from biomarkers.readers.study_file import StudyFile, read_study_file

SMALL = 'name = "s"\ncohorts = ["A", "B"]\n[tables]\nsubjects = "subjects.csv"\n'


def study(tmp_path: Path, text: str) -> StudyFile:
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    return read_study_file(tmp_path / "study.toml")


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(DataProblem) as caught:
        study(tmp_path, text)
    return str(caught.value)


def test_the_file_keeps_its_text_and_hash(tmp_path: Path) -> None:
    file = study(tmp_path, SMALL)
    assert file.sha256 == hashlib.sha256(SMALL.encode()).hexdigest()
    assert file.text == SMALL
    assert file.design.cohorts == ("A", "B")


@pytest.mark.parametrize(
    ("line", "place", "near"),
    [
        ('cohort = ["A"]', "study.toml:1:cohort", "cohorts"),
        ('name = "s"\n[endpoints.pfs]\nevent_iss = 1', "study.toml:3:endpoints.pfs.event_iss", "event_is"),
        ('name = "s"\n[visits.week6]\nday = 42\nwindo = [-7, 7]', "study.toml:4:visits.week6.windo", "window"),
        ('name = "s"\n[tables]\nsubject = "s.csv"', "study.toml:3:tables.subject", "subjects"),
        ('name = "s"\n[tables]\nsubjects = { path = "s.csv", colums = {} }', "study.toml:3:tables.subjects.colums", "columns"),
        ('name = "s"\n[markers.tk1_dul]\nlodd = 20', "study.toml:3:markers.tk1_dul.lodd", "lod"),
        ('name = "s"\n[markers.tk1_duk]\nlod = 20', "study.toml:2:markers.tk1_duk", "tk1_dul"),
        ('name = "s"\n[tables.blood]\npath = "b.csv"\nmarker_names = { TK = "tk1_du" }', "study.toml:4:", "tk1_du"),
        ('name = "s"\n[tables.blood]\npath = "b.csv"\n[tables.blood.columns]\nvalu = "v"', "study.toml:5:", "value"),
        ('name = "s"\n[tables]\nsubjects = { path = "s.csv", format = "exel" }', "study.toml:3:", "excel"),
    ],
)
def test_an_unknown_word_names_its_line_and_the_nearest_known_one(tmp_path: Path, line: str, place: str, near: str) -> None:
    text = refused(tmp_path, line)
    assert place in text
    assert f"did you mean '{near}" in text


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    text = refused(tmp_path, 'nam = "s"\ncohorts = ["A", "A"]\n[tables]\nsubjets = "s.csv"\n')
    assert len(text.splitlines()) >= 2
    assert "did you mean 'name'" in text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"   \n", "empty"),
        (b"name = ", "not valid TOML"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"name = 'x'\nname = 'y'", "not valid TOML"),
        (b"a = [" * 2000, "not valid TOML"),
    ],
)
def test_a_file_that_is_no_study_is_one_clear_line(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "study.toml").write_bytes(content)
    with pytest.raises(DataProblem) as caught:
        read_study_file(tmp_path / "study.toml")
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_file_a_folder_and_a_lost_link_are_one_line_each(tmp_path: Path) -> None:
    (tmp_path / "lost.toml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "study.toml").write_text(SMALL)
    for path, says in (
        (tmp_path / "studi.toml", "did you mean 'study.toml'?"),
        (tmp_path, "folder"),
        (tmp_path / "lost.toml", "link"),
    ):
        with pytest.raises(DataProblem, match=says) as caught:
            read_study_file(path)
        assert len(str(caught.value).splitlines()) == 1


def test_a_study_without_subjects_is_refused(tmp_path: Path) -> None:
    assert "subjects" in refused(tmp_path, 'name = "s"\n[tables]\noutcomes = "o.csv"\n')


def test_globs_are_resolved_in_sorted_order(tmp_path: Path) -> None:
    for name in ("blood_tk1.csv", "blood_ctc.csv", "other.csv"):
        (tmp_path / name).write_text("x\n1\n")
    file = study(tmp_path, SMALL + 'blood = "blood_*.csv"\n')
    blood = file.source("blood")
    assert blood is not None
    assert blood.names == ("blood_ctc.csv", "blood_tk1.csv")


def test_a_marker_of_the_registry_is_overridden_and_a_new_one_defined(tmp_path: Path) -> None:
    file = study(
        tmp_path,
        SMALL
        + "[markers.tk1_dul]\nlod = 18.0\n"
        + '[markers.pd_l1]\nlabel = "PD-L1"\nkind = "continuous"\nunit = "%"\nlegal = [0, 100]\nstep = 10\n',
    )
    assert file.design.marker("tk1_dul").lod == 18.0
    assert file.design.marker("pd_l1").effect == "per 10 points"


def test_a_unit_that_cannot_be_converted_is_another_marker(tmp_path: Path) -> None:
    assert "Another scale is another marker" in refused(tmp_path, SMALL + '[markers.tk1_dul]\nunit = "DuA"\n')


def test_the_sample_map_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("sample,subject\nS1_lib2,BR-001\n")
    file = study(tmp_path, SMALL + 'genotypes = { path = "v.vcf", samples = "map.csv" }\n')
    genotypes = file.source("genotypes")
    assert genotypes is not None
    assert genotypes.samples == {"S1_lib2": "BR-001"}


def test_a_sample_that_stands_for_two_subjects_is_refused(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("sample,subject\nS1,BR-001\nS1,BR-002\n")
    assert "two subjects" in refused(tmp_path, SMALL + 'genotypes = { path = "v.vcf", samples = "map.csv" }\n')


def test_a_drug_effect_names_known_markers_and_arms(tmp_path: Path) -> None:
    text = refused(tmp_path, 'arms = ["x"]\ndrug_effect = { tk1 = ["x"], tk1_dul = ["z"] }\n' + SMALL)
    assert "unknown marker 'tk1'" in text
    assert "unknown arm 'z'" in text


def test_declarations_of_a_marker_count_before_those_of_its_file(tmp_path: Path) -> None:
    file = study(
        tmp_path,
        'ND = "not_done"\n' + SMALL + '[tables.blood]\npath = "b.csv"\nzero = "missing"\n[markers.mrd]\nND = "not_detected"\n',
    )
    blood = file.source("blood")
    assert blood is not None
    assert (blood.spelling_of("mrd").nd, blood.spelling_of("mrd").zero) == ("not_detected", "missing")
    assert blood.spelling_of("ctc").nd == "not_done"


@pytest.mark.parametrize("paramcd", ['"PFS"', '["PFS"]', '{ pfs = "PFSINV" }'])
def test_the_parameters_of_an_adtte_are_endpoints_of_the_design(tmp_path: Path, paramcd: str) -> None:
    table = f'[tables.outcomes]\npath = "adtte.xpt"\nformat = "adam-adtte"\nparamcd = {paramcd}\n'
    assert study(tmp_path, SMALL + table).design.endpoint("pfs").label == "Progression-free survival"


def test_a_section_of_its_own_says_more_about_an_endpoint_than_its_parameter(tmp_path: Path) -> None:
    table = '[tables.outcomes]\npath = "adtte.xpt"\nformat = "adam-adtte"\nparamcd = "PFS"\n'
    table += '[endpoints.pfs]\nlabel = "PFS, central"\n'
    assert study(tmp_path, SMALL + table).design.endpoint("PFS").label == "PFS, central"


def test_an_archive_is_named_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(b"PK\x03\x04" + bytes(60))
    with pytest.raises(DataProblem, match="archives are never unpacked"):
        read_study_file(tmp_path / "data.zip")


def test_privacy_is_declared_in_its_own_section(tmp_path: Path) -> None:
    privacy = study(tmp_path, SMALL + "[privacy]\npseudonyms = true\nminimum_cell_size = 5\n").design.privacy
    assert (privacy.pseudonyms, privacy.minimum_cell_size) == (True, 5)
    assert "did you mean 'minimum_cell_size'?" in refused(tmp_path, SMALL + "[privacy]\nminimum_cell = 5\n")
    assert "study.toml:6" in refused(tmp_path, SMALL + "[privacy]\nminimum_cell_size = -1\n")
