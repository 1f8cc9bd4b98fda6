"""SDTM findings: the character result, the reason why nothing was done, and one clock."""

from __future__ import annotations

from pathlib import Path

import pytest

import biomarkers as bm
from biomarkers.domain.errors import DataProblem

LB = (
    "STUDYID,USUBJID,LBTESTCD,LBORRES,LBORRESU,LBSTRESC,LBSTRESN,LBSTRESU,LBSTAT,LBREASND,LBLLOQ,LBDTC,LBDY,VISIT,LBSPEC,LBREFID\n"
    "S,a,CTC,3,cells/7.5 mL,3,3,cells/7.5 mL,,,,2020-01-01,1,C1D1,BLOOD,T1\n"
    "S,a,TK1,<20,Du/L,<20,,Du/L,,,20,2019-12-31,-1,SCREENING,SERUM,T2\n"
    "S,b,TK1,,,,,,NOT DONE,HEMOLYZED,20,2020-01-02,1,C1D1,SERUM,T3\n"
    "S,b,CTC,,,,,,NOT DONE,PATIENT REFUSED,,2020-01-02,1,C1D1,BLOOD,T4\n"
    "S,b,ALT,31,U/L,31,31,U/L,,,,2020-01-02,1,C1D1,SERUM,T5\n"
    "S,b,CTC,5,cells/7.5 mL,,,,,,,2020-02-12,42,C2D1,BLOOD,T6\n"
)
MI = (
    "USUBJID,MITESTCD,MITSTDTL,MIORRES,MISTRESC,MISTRESU,MISTAT,MIREASND,MIDY,MIREFID,MIEVALID,MIMETHOD,MILOC\n"
    "a,VIM,PERCENT POSITIVE CELL,35,35,%,,,-3,B1,R1,IHC,STROMAL\n"
    "a,VIM,H SCORE TOTAL SCORE,120,120,,,,-3,B1,R1,IHC,STROMAL\n"
    "b,VIM,PERCENT POSITIVE CELL,,,,NOT DONE,NOT EVALUABLE,-1,B2,R1,IHC,STROMAL\n"
)
GF = (
    "USUBJID,GFTESTCD,GFPVRID,GFSYM,GFSTRESC,GFGENREF,GFREFID\n"
    "a,GENOTYPE,rs396991,FCGR3A,V/F,GRCh38,G1\n"
    "b,GENOTYPE,rs396991,FCGR3A,F/F,GRCh38,G2\n"
    "b,GENOTYPE,rs1801274,FCGR2A,H/R,GRCh38,G2\n"
)
NAMES = 'marker_names = { CTC = "ctc", TK1 = "tk1_dul" }'


def study(folder: Path, tables: str, **files: str) -> Path:
    """Two subjects and findings."""
    (folder / "subjects.csv").write_text("subject,randomised\na,2020-01-01\nb,2020-01-01\n")
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    (folder / "study.toml").write_text(f'name = "T"\n[tables]\nsubjects = "subjects.csv"\n{tables}\n')
    return folder / "study.toml"


def blood(more: str = ', day0 = "DY"') -> str:
    """The entry of the blood table."""
    return f'blood = {{ path = "lb.csv", format = "sdtm-lb", {NAMES}{more} }}'


def test_a_value_below_its_limit_survives_though_the_numeric_result_is_empty(tmp_path):
    rows = bm.read_study(study(tmp_path, blood(), lb=LB)).blood.set_index("specimen")
    assert rows.loc["T2", ["status", "censor", "upper", "unit"]].tolist() == ["below", "left", 20.0, "Du/L"]


def test_what_was_not_done_is_missing_with_its_reason(tmp_path):
    read = bm.read_study(study(tmp_path, blood(), lb=LB))
    rows = read.blood.set_index("specimen")
    assert rows.loc["T3", ["status", "reason"]].tolist() == ["missing", "hemolyzed"]
    assert rows.loc["T4", ["status", "reason"]].tolist() == ["missing", "not_collected"]
    assert read.problems["problem"].str.contains("not done, by reason: 'HEMOLYZED' in 1, 'PATIENT REFUSED' in 1").any()


def test_study_days_of_the_standard_have_no_day_0_and_ours_do(tmp_path):
    rows = bm.read_study(study(tmp_path, blood(), lb=LB)).blood.set_index("specimen")
    assert rows["day"].to_dict() == {"T1": 0, "T2": -1, "T3": 0, "T4": 0, "T6": 41}


def test_dates_put_draws_on_the_clock_of_the_endpoints(tmp_path):
    more = ', day0 = { path = "subjects.csv", column = "randomised" }'
    rows = bm.read_study(study(tmp_path, blood(more), lb=LB)).blood.set_index("specimen")
    assert rows["day"].to_dict() == {"T1": 0, "T2": -1, "T3": 1, "T4": 1, "T6": 42}


def test_an_undeclared_clock_is_asked_about(tmp_path):
    read = bm.read_study(study(tmp_path, blood(""), lb=LB))
    warned = read.problems[read.problems["severity"] == "warning"]
    assert warned["problem"].str.contains("counts from RFSTDTC").any()


def test_study_day_0_is_an_error_of_the_file(tmp_path):
    with pytest.raises(DataProblem, match="study day 0, which SDTM and ADaM do not have"):
        bm.read_study(study(tmp_path, blood(), lb=LB.replace(",1,C1D1,BLOOD,T1", ",0,C1D1,BLOOD,T1")))


def test_the_collected_result_stands_in_with_its_own_unit_where_nothing_was_standardised(tmp_path):
    read = bm.read_study(study(tmp_path, blood(), lb=LB))
    assert read.blood.set_index("specimen").loc["T6", ["value", "unit"]].tolist() == [5.0, "cells/7.5 mL"]
    assert read.problems["problem"].str.contains("1 rows have no standardised result").any()


def test_other_tests_of_a_panel_are_counted_and_not_read(tmp_path):
    read = bm.read_study(study(tmp_path, blood(), lb=LB))
    assert set(read.blood["marker"]) == {"ctc", "tk1_dul"}
    assert read.problems["problem"].str.contains("1 rows of 1 other tests are not read: 'ALT' in 1").any()


def test_a_panel_without_any_mapped_test_asks_for_the_mapping(tmp_path):
    with pytest.raises(DataProblem, match="none of the tests is mapped to a marker"):
        bm.read_study(study(tmp_path, 'blood = { path = "lb.csv", format = "sdtm-lb", day0 = "DY" }', lb=LB))


def test_a_mapped_test_that_no_row_holds_is_named(tmp_path):
    table = blood().replace("TK1 =", "TKI =")
    with pytest.raises(DataProblem, match="marker_names names 'TKI', which no row holds"):
        bm.read_study(study(tmp_path, table, lb=LB))


def test_a_percentage_and_an_h_score_of_one_stain_are_two_markers(tmp_path):
    names = '{ "VIM PERCENT POSITIVE CELL" = "vimentin_pct", "VIM H SCORE TOTAL SCORE" = "vimentin_h" }'
    table = f'tissue_reads = {{ path = "mi.csv", format = "sdtm-mi", day0 = "DY", marker_names = {names} }}'
    rows = bm.read_study(study(tmp_path, table, mi=MI)).tissue_reads
    assert rows[["marker", "value", "reader", "day"]].values.tolist()[:2] == [
        ["vimentin_pct", 35.0, "R1", -3],
        ["vimentin_h", 120.0, "R1", -3],
    ]
    assert rows["reason"].tolist()[2] == "not_evaluable"
    assert set(rows["compartment"]) == {"stromal"}


def test_an_organ_is_no_compartment(tmp_path):
    table = (
        'tissue_reads = { path = "mi.csv", format = "sdtm-mi", day0 = "DY", '
        'marker_names = { "VIM PERCENT POSITIVE CELL" = "vimentin_pct" } }'
    )
    rows = bm.read_study(study(tmp_path, table, mi=MI.replace("STROMAL", "BREAST"))).tissue_reads
    assert rows["compartment"].isna().all()


def test_a_genotype_is_found_by_its_rs_number_and_read_in_letters(tmp_path):
    read = bm.read_study(study(tmp_path, 'genotypes = { path = "gf.csv", format = "sdtm-gf" }', gf=GF))
    assert read.genotypes[["subject", "locus", "call", "n_v"]].values.tolist() == [
        ["a", "FCGR3A-158", "V/F", 1],
        ["b", "FCGR3A-158", "F/F", 0],
    ]
    assert read.problems["problem"].str.contains("1 rows are of other loci").any()


def test_bases_without_a_strand_are_refused(tmp_path):
    with pytest.raises(DataProblem, match="strand"):
        bm.read_study(study(tmp_path, 'genotypes = { path = "gf.csv", format = "sdtm-gf" }', gf=GF.replace("V/F", "A/C")))


def test_another_domain_is_no_lb(tmp_path):
    with pytest.raises(DataProblem, match="no column LBTESTCD: this is no LB domain"):
        bm.read_study(study(tmp_path, blood(), lb=MI))
