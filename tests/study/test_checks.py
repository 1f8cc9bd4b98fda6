"""Each check finds its fault in a study of a few rows, names row and column, and is silent beside it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from biomarkers.domain.flow import FLOW, MISSING_REASONS
from biomarkers.domain.problems import Problem
from biomarkers.readers.study_file import read_study_file
from biomarkers.readers.tables import read_tables
from biomarkers.study.checks import CHECKS, check

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from door_fuzz import DESIGN  # a script beside the package, not in it

Found = tuple[dict[str, pd.DataFrame], list[Problem]]
Examine = Callable[..., Found]

HEAD = DESIGN + "[endpoints.pfs]\n[endpoints.os]\n"
SUBJECTS = "subject,cohort,arm,liver_mets,site,eligible\n" + "".join(
    f"S{i:02d},{'AB'[i % 2]},{'xy'[i // 2 % 2]},{i % 2},c{i % 3},yes\n" for i in range(1, 9)
)
OUTCOMES = "subject,endpoint,time,unit,event,event_type,last_negative_assessment,cutoff\n" + "".join(
    f"S{i:02d},pfs,{100 + i},days,{i % 2},{'progression' if i % 2 else 'none'},{50 + i},900\n"
    f"S{i:02d},os,{300 + i},days,{i % 2},{'death' if i % 2 else 'none'},,900\n"
    for i in range(1, 9)
)
SPECIMENS = (
    "specimen,subject,type,collection_day,visit_label,reason_for_draw,archival_or_fresh,received_h,volume_ml\n"
    + "".join(
        f"S{i:02d}-B,S{i:02d},serum,-3,baseline,scheduled,,20,5\nS{i:02d}-W,S{i:02d},serum,42,week6,scheduled,,20,5\nS{i:02d}-T,S{i:02d},biopsy,-9,baseline,scheduled,fresh,,\n"
        for i in range(1, 9)
    )
)
BLOOD = "specimen,marker,replicate,assay,assay_version,value,unit,lod,lot\n" + "".join(
    f"S{i:02d}-{v},tk1_dul,1,D,v1,{200 + 10 * i + (v == 'W')},Du/L,20,L1\n" for i in range(1, 9) for v in "BW"
)
TISSUE = (
    "specimen,marker,compartment,reader,read_no,value,unit,evaluable,count,area_mm2,internal_control,method,consensus\n"
    + "".join(
        f"S{i:02d}-T,stil,stromal,R1,1,{5 * i},%,yes,,,,manual,no\n"
        f"S{i:02d}-T,stil,stromal,R2,1,{5 * i + 5},%,yes,,,,manual,no\n"
        f"S{i:02d}-T,cd8,stromal,D,1,,cells/mm2,yes,{10 * i},0.25,,digital,no\n"
        f"S{i:02d}-T,vimentin_pct,,R1,1,{10 * i},%,yes,,,positive,manual,no\n"
        for i in range(1, 9)
    )
)
FILES = {"subjects": SUBJECTS, "outcomes": OUTCOMES, "specimens": SPECIMENS, "blood": BLOOD, "tissue_reads": TISSUE}


@pytest.fixture
def examine(tmp_path: Path) -> Examine:
    """`examine(toml, table=(old, new))` reads the small study with one thing changed."""

    def go(toml: str = "", head: str = HEAD, **changes: Any) -> Found:
        tables = ""
        for name, text in {**FILES, **{k: "" for k in changes if k not in FILES}}.items():
            change = changes.get(name, ("", ""))
            new = (
                change if isinstance(change, str) else text.replace(change[0], change[1], 1) if change[0] else text + change[1]
            )
            if name in changes and not isinstance(change, str):
                assert new != text, "the change must change something"
            (tmp_path / f"{name}.csv").write_text(new, encoding="utf-8")
            tables += f'{name} = "{name}.csv"\n'
        (tmp_path / "study.toml").write_text(head + toml + "[tables]\n" + tables, encoding="utf-8")
        study = read_study_file(tmp_path / "study.toml")
        read = read_tables(study)
        frames, found = check({name: table.rows for name, table in read.items()}, study.design, study.sources)
        return frames, found + [p for table in read.values() for p in table.problems]

    return go


def serious(found: Found) -> list[Problem]:
    return [problem for problem in found[1] if problem.severity != "note"]


def test_the_small_study_is_clean(examine: Examine) -> None:
    assert [str(problem) for problem in serious(examine())] == []


def test_checks_leave_what_they_are_given_untouched(tmp_path: Path, examine: Examine) -> None:
    examine(subjects=("yes\n", "no\n"))
    study = read_study_file(tmp_path / "study.toml")
    before = {name: table.rows for name, table in read_tables(study).items()}
    copies = {name: frame.copy() for name, frame in before.items()}
    check(before, study.design, study.sources)
    for name, frame in before.items():
        pd.testing.assert_frame_equal(frame, copies[name])


PLANTED: dict[str, tuple[dict[str, Any], str, str, int | None, str]] = {
    # name: (change, code, severity, line, column)
    "a repeated row": ({"subjects": ("", "S01,B,x,1,c1,yes\n")}, "repeated_row", "warning", 10, "subject"),
    "a subject in two arms": ({"subjects": ("", "S01,B,y,1,c1,yes\n")}, "subject_twice", "error", 10, "arm"),
    "a subject in two cohorts": ({"subjects": ("", "S01,A,x,1,c1,yes\n")}, "subject_twice", "error", 10, "cohort"),
    "an outcome twice": ({"outcomes": ("", "S01,pfs,77,days,1,progression,50,900\n")}, "subject_twice", "error", 18, "time"),
    "an id that lost its zero": ({"specimens": ("S02-B,S02", "S02-B,S2")}, "near_miss", "error", 5, "subject"),
    "an id with a blank": ({"specimens": ("S02-B,S02", "S02-B,S02 ")}, "near_miss", "error", 5, "subject"),
    "an id in lower case": ({"specimens": ("S02-B,S02", "S02-B,s02")}, "near_miss", "error", 5, "subject"),
    "an id that became a number": ({"specimens": ("S02-B,S02", "S02-B,2")}, "near_miss", "error", 5, "subject"),
    "an id misspelt in subjects itself": ({"subjects": ("S03,", "S3,")}, "near_miss", "error", 4, "subject"),
    "a subject from nowhere": (
        {"specimens": ("", "X-B,X99,serum,-3,baseline,scheduled,,20,5\n")},
        "unknown_subject",
        "error",
        26,
        "subject",
    ),
    "a specimen from nowhere": ({"blood": ("S02-W,", "S02-Q,")}, "unknown_specimen", "error", 5, "specimen"),
    "a specimen twice": (
        {"specimens": ("", "S01-B,S01,serum,-9,baseline,scheduled,,20,5\n")},
        "specimen_twice",
        "error",
        26,
        "specimen",
    ),
    "an unknown arm": ({"subjects": ("S01,B,x", "S01,B,X")}, "unknown_level", "error", 2, "arm"),
    "a blank cohort": ({"subjects": ("S01,B,x", "S01,,x")}, "missing_level", "error", 2, "cohort"),
    "two codings of a stratum": ({"subjects": ("S01,B,x,1", "S01,B,x,Y")}, "two_codings", "error", 2, "liver_mets"),
    "a blank stratum": ({"subjects": ("S01,B,x,1", "S01,B,x,")}, "missing_covariate", "warning", 2, "liver_mets"),
    "an ineligible subject": ({"subjects": ("yes\n", "no\n")}, "ineligible", "warning", 2, "eligible"),
    "two ids alike": ({"subjects": ("", "s01,B,x,1,c1,yes\n")}, "alike_ids", "warning", 10, "subject"),
    "a negative time": ({"outcomes": ("S01,pfs,101", "S01,pfs,-3")}, "negative_time", "error", 2, "time"),
    "an event without a time": ({"outcomes": ("S01,pfs,101", "S01,pfs,")}, "no_time", "error", 2, "time"),
    "a time without an event": (
        {"outcomes": ("S01,pfs,101,days,1", "S01,pfs,101,days,")},
        "no_event_flag",
        "error",
        2,
        "event",
    ),
    "an event on day 0": (
        {"outcomes": ("S01,pfs,101,days,1,progression,51", "S01,pfs,0,days,1,progression,")},
        "event_on_day_0",
        "error",
        2,
        "time",
    ),
    "months among days": (
        {"outcomes": ("S01,pfs,101,days,1,progression,51", "S01,pfs,3.3,days,1,progression,")},
        "unit_of_time",
        "error",
        2,
        "time",
    ),
    "an event of type none": (
        {"outcomes": ("S01,pfs,101,days,1,progression", "S01,pfs,101,days,1,none")},
        "event_type",
        "error",
        2,
        "event",
    ),
    "death before progression": ({"outcomes": ("S01,os,301", "S01,os,99")}, "os_before_pfs", "error", 3, "time"),
    "follow-up after the cut-off": (
        {"outcomes": ("S02,os,302,days,0,none,,900", "S02,os,302,days,0,none,,300")},
        "after_cutoff",
        "error",
        5,
        "time",
    ),
    "an assessment after the end": (
        {"outcomes": ("progression,51", "progression,151")},
        "assessment_after_end",
        "error",
        2,
        "last_negative_assessment",
    ),
    "a specimen without a day": (
        {"specimens": ("S01-W,S01,serum,42", "S01-W,S01,serum,")},
        "no_day",
        "warning",
        3,
        "collection_day",
    ),
    "a label against its day": (
        {"specimens": ("S01-W,S01,serum,42", "S01-W,S01,serum,71")},
        "label_and_day",
        "warning",
        3,
        "collection_day",
    ),
    "a baseline after the start": (
        {"specimens": ("S01-B,S01,serum,-3", "S01-B,S01,serum,3")},
        "label_and_day",
        "warning",
        2,
        "collection_day",
    ),
    "a draw after death": (
        {"specimens": ("S01-W,S01,serum,42", "S01-W,S01,serum,313")},
        "draw_after_death",
        "error",
        3,
        "collection_day",
    ),
    "a draw after the event": (
        {"specimens": ("S01-W,S01,serum,42,week6", "S01-W,S01,serum,140,late")},
        "draw_after_event",
        "warning",
        3,
        "collection_day",
    ),
    "a draw after censoring": (
        {"specimens": ("S02-W,S02,serum,42,week6", "S02-W,S02,serum,140,late")},
        "draw_after_censoring",
        "warning",
        6,
        "collection_day",
    ),
    "a progression tube with another label": (
        {"specimens": ("S01-W,S01,serum,42,week6,scheduled", "S01-W,S01,serum,101,C3D1,progression")},
        "label_and_reason",
        "warning",
        3,
        "visit_label",
    ),
    "a biopsy after the start": (
        {"specimens": ("S01-T,S01,biopsy,-9", "S01-T,S01,biopsy,20")},
        "biopsy_after_start",
        "warning",
        4,
        "collection_day",
    ),
    "old tissue called fresh": (
        {"specimens": ("S01-T,S01,biopsy,-9", "S01-T,S01,biopsy,-2900")},
        "archival_as_fresh",
        "warning",
        4,
        "archival_or_fresh",
    ),
    "serum recorded as plasma": ({"specimens": ("S01-W,S01,serum", "S01-W,S01,plasma")}, "matrix", "warning", 3, "type"),
    "one reader, one read, two values": (
        {"tissue_reads": ("", "S01-T,stil,stromal,R1,1,99,%,yes,,,,manual,no\n")}, "two_values", "error", 34, "value",
    ),
    "a tube listed twice": (
        {"specimens": ("", "S01-W,S01,serum,42,week6,scheduled,,20,5\n")}, "repeated_row", "warning", 26, "specimen",
    ),
    "two values for one draw": ({"blood": ("", "S01-B,tk1_dul,1,D,v1,900,Du/L,20,L1\n")}, "two_values", "error", 18, "value"),
    "two assays": ({"blood": ("S01-B,tk1_dul,1,D", "S01-B,tk1_dul,1,E")}, "mixed_assay", "error", 2, "assay"),
    "a unit of another assay": ({"blood": ("211,Du/L", "211,DuA")}, "unit", "error", 3, "value"),
    "replicates that disagree": (
        {"blood": ("", "S01-B,tk1_dul,2,D,v1,2100,Du/L,20,L1\n")},
        "replicates",
        "warning",
        18,
        "value",
    ),
    "a lot that changes on treatment": (
        {"blood": ("S01-W,tk1_dul,1,D,v1,211,Du/L,20,L1", "S01-W,tk1_dul,1,D,v1,211,Du/L,20,L2")},
        "lots",
        "warning",
        3,
        "lot",
    ),
    "two compartments": (
        {"tissue_reads": ("S01-T,cd8,stromal", "S01-T,cd8,intratumoral")},
        "mixed_compartment",
        "error",
        4,
        "compartment",
    ),
    "an evaluable blank": ({"tissue_reads": ("R1,1,5,%", "R1,1,,%")}, "blank_value", "warning", 2, "value"),
    "a consensus beside single reads": (
        {"tissue_reads": ("", "S01-T,stil,stromal,C,1,7,%,yes,,,,manual,yes\n")},
        "consensus",
        "error",
        34,
        "consensus",
    ),
    "a negative control": ({"tissue_reads": ("positive", "negative")}, "quality_gate", "warning", 5, "internal_control"),
    "an area in um2": ({"tissue_reads": ("10,0.25", "10,250000")}, "area_unit", "error", 4, "area_mm2"),
    "a density against its count": (
        {"tissue_reads": ("S01-T,cd8,stromal,D,1,,", "S01-T,cd8,stromal,D,1,55,")},
        "density",
        "warning",
        4,
        "value",
    ),
}


@pytest.mark.parametrize("label", ["Disease progression", "at PD", "EOT"])
def test_a_label_that_says_progression_does_not_contradict_a_tube_drawn_because_of_it(examine: Examine, label: str) -> None:
    found = examine(specimens=("S01-W,S01,serum,42,week6,scheduled", f"S01-W,S01,serum,101,{label},progression"))
    assert serious(found) == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_where_it_is_with_what_to_do_and_nothing_else(examine: Examine, name: str) -> None:
    change, code, severity, line, column = PLANTED[name]
    frames, _ = result = examine(**change)
    (problem,) = serious(result)
    assert (problem.code, problem.severity, problem.line, problem.column) == (code, severity, line, column)
    assert problem.file.endswith(".csv")
    assert problem.problem
    assert problem.remedy
    for frame in frames.values():
        marked = frame[frame["excluded"].notna()]
        assert set(marked["excluded"]) <= set(FLOW) | set(MISSING_REASONS)
        assert marked["excluded_why"].notna().all()


# ---- declarations ----------------------------------------------------------------------------------------------------


def test_a_declared_exclusion_of_day_0_is_a_warning_and_marks_the_row(examine: Examine) -> None:
    change = PLANTED["an event on day 0"][0]
    frames, found = examine(head=HEAD.replace("[endpoints.pfs]", '[endpoints.pfs]\nzero_time = "exclude"'), **change)
    assert [p.severity for p in found if p.code == "event_on_day_0"] == ["warning"]
    assert frames["outcomes"]["excluded"].dropna().tolist() == ["event_at_or_before_landmark"]


def test_unknown_subjects_are_excluded_by_declaration(examine: Examine) -> None:
    frames, found = examine(
        head=HEAD.replace('name = "small"', 'name = "small"\nunknown_subjects = "exclude"'),
        **PLANTED["a subject from nowhere"][0],
    )
    assert [p.severity for p in found if p.code == "unknown_subject"] == ["warning"]
    assert frames["specimens"]["excluded"].dropna().tolist() == ["not_in_cohort"]


def test_a_file_mostly_of_other_people_is_one_problem_and_by_declaration_no_error(examine: Examine) -> None:
    crowd = "".join(f"X{i}-B,X{i},serum,-3,baseline,scheduled,,20,5\n" for i in range(30))
    for head, severity, left in ((HEAD, "error", 0), ('unknown_subjects = "exclude"\n' + HEAD, "warning", 30)):
        frames, found = examine(head=head, specimens=("", crowd))
        (one,) = [p for p in found if p.code == "unknown_subject"]
        assert (one.severity, one.line) == (severity, 26)
        assert "30 identifiers are not in subjects: 'X0', 'X1'" in one.problem
        assert (frames["specimens"]["excluded"] == "not_in_cohort").sum() == left


def test_a_file_of_specimens_that_nobody_listed_is_one_problem(examine: Examine) -> None:
    strange = "".join(f"Q{i:02d}-W,tk1_dul,1,D,v1,{200 + i},Du/L,20,L1\n" for i in range(11))
    (one,) = serious(examine(blood=("", strange)))
    assert (one.code, one.severity, one.line, one.column, one.value) == ("unknown_specimen", "error", 18, "specimen", "Q00-W")
    assert "11 specimens are not in specimens: 'Q00-W', 'Q01-W'" in one.problem
    few = serious(examine(blood=("", strange.partition("Q10")[0])))
    assert [p.code for p in few] == ["unknown_specimen"] * 10


def test_a_consensus_beside_its_reader_s_own_value_is_told_once_as_that(examine: Examine) -> None:
    found = serious(examine(tissue_reads=("", "S01-T,stil,stromal,R1,1,99,%,yes,,,,manual,yes\n")))
    assert [problem.code for problem in found] == ["consensus"]


def test_replicates_by_declared_rule_are_a_note(examine: Examine) -> None:
    found = examine(
        head=HEAD.replace('name = "small"', 'name = "small"\nreplicates = "mean"'), **PLANTED["two values for one draw"][0]
    )
    assert [p.severity for p in found[1] if p.code == "two_values"] == ["note"]


def test_a_row_without_an_identifier_is_named_beside_those_that_miss_it(examine: Examine) -> None:
    found = serious(examine(subjects=("S01,", ",")))
    assert {p.code for p in found} == {"no_subject", "unknown_subject"}


def test_an_exact_repeat_counts_once(examine: Examine) -> None:
    frames, _ = examine(**PLANTED["a repeated row"][0])
    assert frames["subjects"]["subject"].tolist().count("S01") == 1


# ---- faults of whole columns -----------------------------------------------------------------------------------------


def test_an_inverted_event_column_is_one_error_and_hides_what_follows_from_it(examine: Examine) -> None:
    lines = OUTCOMES.splitlines()
    turned = [
        line.replace("days,1", "days,#").replace("days,0", "days,1").replace("days,#", "days,0") if ",pfs," in line else line
        for line in lines
    ]
    found = serious(examine(outcomes="\n".join(turned) + "\n"))
    assert [(p.code, p.severity) for p in found] == [("inverted_event", "error")]
    assert "0 = event" in found[0].problem


def test_an_endpoint_without_events_is_told(examine: Examine) -> None:
    found = serious(examine(outcomes=OUTCOMES.replace("days,1,progression", "days,0,none")))
    assert [p.code for p in found] == ["no_events"]
    assert "0 events in 8" in found[0].problem


def test_a_file_delivered_twice_at_another_scale_is_one_error(examine: Examine) -> None:
    again = "".join(
        line.replace("v1,2", "v1,2")
        and ",".join([*line.split(",")[:5], str(float(line.split(",")[5]) * 100), *line.split(",")[6:]]) + "\n"
        for line in BLOOD.splitlines()[1:]
    )
    found = serious(examine(blood=BLOOD + again))
    assert [(p.code, p.severity) for p in found] == [("two_scales", "error")]
    assert "constant ratio of 100" in found[0].problem


def test_fractions_among_percentages_are_one_error_with_all_rows(examine: Examine) -> None:
    changed = (
        TISSUE.replace("R1,1,5,%", "R1,1,0.05,%")
        .replace("R2,1,15,%", "R2,1,0.15,%")
        .replace("R1,1,20,%,yes,,,,", "R1,1,0.2,%,yes,,,,")
    )
    found = serious(examine(tissue_reads=changed))
    assert [p.code for p in found] == ["fractions"]
    assert "3 rows" in found[0].problem


def test_values_piled_up_at_the_limit_are_told_once(examine: Examine) -> None:
    lines = BLOOD.splitlines()
    piled = [
        *lines[:1],
        *(
            ",".join([*line.split(",")[:5], "20" if i < 5 else "<20" if i < 8 else line.split(",")[5], *line.split(",")[6:]])
            for i, line in enumerate(lines[1:])
        ),
    ]
    found = serious(examine(blood="\n".join(piled) + "\n"))
    assert [(p.code, p.severity) for p in found] == [("pile_up", "warning")]
    assert "5 values are exactly 20" in found[0].problem


def test_a_version_that_changes_is_announced_unless_declared_to_pool(examine: Examine) -> None:
    blood = (
        BLOOD.replace("tk1_dul", "ctdna_mtm")
        .replace("Du/L", "MTM/mL")
        .replace("S01-W,ctdna_mtm,1,D,v1", "S01-W,ctdna_mtm,1,D,v2")
    )
    tubes = SPECIMENS.replace("serum", "plasma")
    assert [p.code for p in serious(examine(blood=blood, specimens=tubes))] == ["versions"]
    pooled = '[markers.ctdna_mtm]\nversion_compat = [["v1", "v2"]]\n'
    assert serious(examine(pooled, blood=blood, specimens=tubes)) == []


def test_subsets_that_exceed_their_parent_are_an_error(examine: Examine) -> None:
    blood = "specimen,marker,value,unit,parent_gate,events_acquired\n" + "".join(
        f"S01-B,pbmc_{name},{share},% of lymphocytes,lymphocytes,9000\n"
        for name, share in (("cd4", 70), ("cd8", 41), ("nk", 20))
    )
    found = serious(examine(blood=blood, specimens=SPECIMENS.replace("serum", "pbmc")))
    assert [p.code for p in found] == ["composition"]
    assert "131" in found[0].problem


def test_few_events_in_a_gate_set_the_value_aside(examine: Examine) -> None:
    blood = "specimen,marker,value,unit,parent_gate,events_acquired\nS01-B,pbmc_cd4,0,%,lymphocytes,40\n"
    frames, found = examine(blood=blood, specimens=SPECIMENS.replace("serum", "pbmc"))
    assert [p.code for p in found if p.severity == "warning"] == ["quality_gate"]
    assert frames["blood"]["excluded"].tolist() == ["below_input"]


# ---- calls, therapy, scores ------------------------------------------------------------------------------------------

MRD = (
    "specimen,marker,call,level,unit,lod,plasma_ml\nS01-B,mrd,detected,12,ppm,3.45,4\n"
    "S01-W,mrd,not_detected,,ppm,3.45,4\nS02-B,mrd,not_detected,,ppm,3.45,1.1\n"
)


@pytest.mark.parametrize(
    ("old", "new", "line"), [("detected,12", "detected,0", 2), ("S01-W,mrd,not_detected,", "S01-W,mrd,not_detected,12", 3)]
)
def test_a_call_that_its_level_contradicts_is_an_error(examine: Examine, old: str, new: str, line: int) -> None:
    found = serious(examine(blood=MRD.replace(old, new), specimens=SPECIMENS.replace("serum", "plasma")))
    assert [(p.code, p.line) for p in found] == [("call_and_level", line)]


def test_not_detected_in_little_plasma_is_set_aside_with_a_note_and_detected_stays(examine: Examine) -> None:
    frames, found = examine(blood=MRD.replace("ppm,3.45,4", "ppm,3.45,1.1"), specimens=SPECIMENS.replace("serum", "plasma"))
    assert [p.code for p in found if p.severity != "note"] == []
    mrd = frames["blood"].query("marker == 'mrd'")
    assert mrd["excluded"].fillna("").tolist() == ["", "below_input", "below_input"]


def test_opposite_calls_of_one_day_are_an_error(examine: Examine) -> None:
    tubes = SPECIMENS.replace("serum", "plasma") + "S01-B2,S01,plasma,-3,baseline,scheduled,,20,5\n"
    found = serious(examine(blood=MRD + "S01-B2,mrd,not_detected,,ppm,3.45,4\n", specimens=tubes))
    assert [p.code for p in found] == ["two_values"]
    assert "detected and not_detected" in found[0].problem


THERAPY = "subject,episode,drug,start,stop,restart,reason\nS01,1,t,-900,10,90,restart\n"


def test_therapy_cannot_restart_before_it_stopped(examine: Examine) -> None:
    found = serious(examine(therapy=THERAPY.replace("10,90", "90,10")))
    assert [p.code for p in found] == ["restart_before_stop"]


def test_a_progression_after_restart_needs_an_estimand(examine: Examine) -> None:
    assert [(p.code, p.line) for p in serious(examine(therapy=THERAPY))] == [("event_after_restart", 2)]
    declared = HEAD.replace("[endpoints.pfs]", '[endpoints.pfs]\nafter_restart = "competing"')
    assert serious(examine(head=declared, therapy=THERAPY)) == []


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("S02,qol,3,104,1", "score_range"),
        ("S02,regret,0,10,1", "score_too_early"),
        ("S01,qol,400,50,1", "score_after_death"),
        ("S02,qol,-3,51,1", "score_twice"),
    ],
)
def test_scores_that_cannot_be_are_errors(examine: Examine, row: str, code: str) -> None:
    found = serious(examine(pros=f"subject,instrument,day,score,version\nS02,qol,-3,50,1\n{row}\n"))
    assert [p.code for p in found] == [code]


# ---- wholes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_has_a_sentence_and_survives_empty_tables(name: str) -> None:
    from biomarkers.domain.design import Design
    from biomarkers.domain.schema import TABLES
    from biomarkers.study.checks.facts import Facts

    assert CHECKS[name].__doc__
    empty = _empty_tables()
    facts = Facts(empty, Design(name="empty", cohorts=("A",)), ())
    CHECKS[name](facts)
    assert facts.found.all() == []
    assert set(empty) == set(TABLES)


def _empty_tables() -> dict[str, pd.DataFrame]:
    import tempfile

    folder = Path(tempfile.mkdtemp())
    (folder / "s.csv").write_text("subject\nS1\n")
    (folder / "study.toml").write_text('name = "x"\n[tables]\nsubjects = "s.csv"\n')
    return {name: table.rows.iloc[:0] for name, table in read_tables(read_study_file(folder / "study.toml")).items()}


def test_a_draw_on_the_event_day_is_a_note_and_nothing_more(examine: Examine) -> None:
    _, found = examine(specimens=("S01-W,S01,serum,42,week6", "S01-W,S01,serum,101,late"))
    assert [(p.code, p.severity) for p in found if p.line == 3] == [("draw_on_event_day", "note")]


def test_an_event_column_that_looks_inverted_without_types_is_a_warning(examine: Examine) -> None:
    rows = "subject,endpoint,time,event\n" + "".join(
        f"P{i},pfs,{900 if i <= 3 else 100 + i},{1 if i <= 3 else 0}\n" for i in range(1, 31)
    )
    subjects = "subject,cohort,arm,liver_mets\n" + "".join(
        f"P{i},{'AB'[i % 2]},{'xy'[i // 2 % 2]},{i % 2}\n" for i in range(1, 31)
    )
    first = {
        "specimens": "P1-B,P1,serum,-3,baseline,scheduled,,20,5\n",
        "blood": "P1-B,tk1_dul,1,D,v1,200,Du/L,20,L1\n",
        "tissue_reads": "P1-B,stil,stromal,R1,1,5,%,yes,,,,manual,no\n",
    }
    others = {name: FILES[name].splitlines()[0] + "\n" + row for name, row in first.items()}
    found = serious(examine(subjects=subjects, outcomes=rows, **others))
    assert [(p.code, p.severity) for p in found] == [("inverted_event", "warning")]


def test_a_crowd_of_strangers_in_one_file_is_one_finding(examine: Examine) -> None:
    rows = "".join(f"X{i}-B,Z{i:03d}q,serum,-3,baseline,scheduled,,20,5\n" for i in range(100, 140))
    found = serious(examine(specimens=SPECIMENS + rows))
    assert [(p.code, p.line) for p in found] == [("unknown_subject", 26)]
    assert "40 identifiers" in found[0].problem


def test_half_a_per_cent_is_what_readers_write(examine: Examine) -> None:
    changed = (
        TISSUE.replace("R1,1,5,%", "R1,1,0.5,%")
        .replace("R2,1,15,%", "R2,1,0.5,%")
        .replace("R1,1,20,%,yes,,,,", "R1,1,0.5,%,yes,,,,")
    )
    assert serious(examine(tissue_reads=changed)) == []


# ---- declared, or told and left alone --------------------------------------------------------------------------------


def codes(found: Found, *wanted: str) -> list[tuple[str, str]]:
    return [(p.code, p.severity) for p in found[1] if p.code in wanted]


def test_an_event_on_day_0_that_is_kept_stays_and_is_told(examine: Examine) -> None:
    change = PLANTED["an event on day 0"][0]
    found = examine(head=HEAD.replace("[endpoints.pfs]", '[endpoints.pfs]\nzero_time = "keep"'), **change)
    assert codes(found, "event_on_day_0") == [("event_on_day_0", "note")]
    assert found[0]["outcomes"]["excluded"].isna().all()


def test_a_subject_censored_on_day_0_is_told(examine: Examine) -> None:
    found = examine(outcomes=("S02,pfs,102,days,0,none,52", "S02,pfs,0,days,0,none,"))
    assert codes(found, "no_follow_up") == [("no_follow_up", "note")]


def test_an_endpoint_of_another_unit_may_hold_fractions(examine: Examine) -> None:
    months = "\n".join(",".join([*line.split(",")[:2], "3.5" if "pfs" in line else line.split(",")[2], "months" if "pfs" in line
                                 else "days", *line.split(",")[4:6], "", "900"]) for line in OUTCOMES.splitlines()[1:])
    found = serious(examine(outcomes=OUTCOMES.splitlines()[0] + "\n" + months + "\n"))
    assert [p.code for p in found] == []


def test_an_undeclared_endpoint_and_a_subject_without_an_outcome_are_told(examine: Examine) -> None:
    rest = "\n".join(line for line in OUTCOMES.splitlines() if not line.startswith("S08,pfs")) + "\nS01,dfs,90,days,1,,,900\n"
    found = examine(outcomes=rest)
    assert codes(found, "undeclared_endpoint", "no_outcome") == [("undeclared_endpoint", "note"), ("no_outcome", "note")]
    said = {p.code: p for p in found[1]}
    assert said["no_outcome"].value == "S08"
    assert "add [endpoints.dfs]" in said["undeclared_endpoint"].remedy


@pytest.mark.parametrize("column", ["hemolyzed", "clotted"])
def test_a_value_from_a_spoiled_tube_is_set_aside(examine: Examine, column: str) -> None:
    lines = BLOOD.splitlines()
    blood = "\n".join([lines[0] + "," + column, lines[1] + ",yes", *(line + ",no" for line in lines[2:])]) + "\n"
    frames, found = examine(blood=blood)
    assert [(p.code, p.line, p.column) for p in found if p.severity == "warning"] == [("quality_gate", 2, column)]
    assert frames["blood"]["excluded"].dropna().tolist() == [column]


def test_a_change_from_the_laboratory_is_ignored_and_a_signed_logarithm_is_recognised(examine: Examine) -> None:
    def with_change(change: Callable[[float, float], float]) -> str:
        lines = ["specimen,marker,replicate,assay,assay_version,value,unit,lod,lot,log10_change"]
        for i in range(1, 9):
            first, later = 200.0 + 10 * i, (200.0 + 10 * i) * (0.5 if i % 2 else 3.0)
            lines += [f"S{i:02d}-B,tk1_dul,1,D,v1,{first:g},Du/L,20,L1,",
                      f"S{i:02d}-W,tk1_dul,1,D,v1,{later:g},Du/L,20,L1,{change(first, later):.6f}"]
        return "\n".join(lines) + "\n"

    plain = [p for p in examine(blood=with_change(lambda a, b: math.log10(b / a)))[1] if p.code == "delivered_change"]
    assert [p.severity for p in plain] == ["warning"]
    assert "8 rows" in plain[0].problem
    assert "sign" not in plain[0].problem

    def signed(a: float, b: float) -> float:
        return math.copysign(math.log10(100 * abs(b / a - 1)), b - a)

    odd = [p for p in examine(blood=with_change(signed))[1] if p.code == "delivered_change"]
    assert "sign x log10(|% change|), no log ratio" in odd[0].problem


def test_a_marker_without_a_single_value_is_told_once(examine: Examine) -> None:
    empty = "\n".join([BLOOD.splitlines()[0], *(",".join([*line.split(",")[:5], "", *line.split(",")[6:]])
                                                for line in BLOOD.splitlines()[1:])]) + "\n"
    found = [p for p in examine(blood=empty)[1] if p.code == "all_missing"]
    assert [p.severity for p in found] == ["warning"]
    assert "no value in any of 16 rows" in found[0].problem


def test_two_draws_of_one_day_are_told_by_their_labels(examine: Examine) -> None:
    tubes = SPECIMENS + "S01-X,S01,serum,-3,screening,scheduled,,20,5\n"
    found = examine(specimens=tubes, blood=("", "S01-X,tk1_dul,1,D,v1,210,Du/L,20,L1\n"))
    told = [p for p in found[1] if p.code == "two_labels"]
    assert [p.severity for p in told] == ["note"]
    assert "baseline and screening" in told[0].problem


def test_a_genotype_counts_once_and_two_genotypes_are_an_error(examine: Examine) -> None:
    head = "subject,locus,call\n"
    conflict, twice = ("F/F", "V/F", "genotype_conflict", "error"), ("V/F", "V/F", "genotype_twice", "note")
    for first, second, code, severity in (conflict, twice):
        frames, found = examine(genotypes=f"{head}S01,FCGR3A-158,{first}\nS01,FCGR3A-158,{second}\nS02,FCGR3A-158,V/V\n")
        assert codes((frames, found), code) == [(code, severity)]
        assert len(frames["genotypes"]) == (3 if severity == "error" else 2)


def test_consensus_reads_count_or_leave_as_declared(tmp_path: Path, examine: Examine) -> None:
    examine(**PLANTED["a consensus beside single reads"][0])
    toml = (tmp_path / "study.toml").read_text(encoding="utf-8")
    for rule, left in (("use", ["no", "no"]), ("drop", ["yes"])):
        table = f'tissue_reads = {{ path = "tissue_reads.csv", consensus = "{rule}" }}'
        (tmp_path / "study.toml").write_text(toml.replace('tissue_reads = "tissue_reads.csv"', table), encoding="utf-8")
        study = read_study_file(tmp_path / "study.toml")
        read = read_tables(study)
        found = check({name: table.rows for name, table in read.items()}, study.design, study.sources)
        assert codes(found, "consensus") == [("consensus", "note")]
        out = found[0]["tissue_reads"]["excluded"].notna()
        assert found[0]["tissue_reads"].loc[out, "consensus"].tolist() == left


def test_an_area_below_zero_is_an_error(examine: Examine) -> None:
    found = serious(examine(tissue_reads=("10,0.25", "10,-0.25")))
    assert [(p.code, p.line) for p in found if p.code == "area"] == [("area", 4)]


@pytest.mark.parametrize(
    ("row", "code", "said"),
    [
        ("S02,1,t,-900,-950,,toxicity", "stop_before_start", "stopped on day -950"),
        ("S02,1,t,-900,,20,restart", "restart_before_stop", "without a stop"),
    ],
)
def test_therapy_stops_after_it_started_and_restarts_after_it_stopped(examine: Examine, row: str, code: str, said: str) -> None:
    found = [p for p in serious(examine(therapy=THERAPY.splitlines()[0] + "\n" + row + "\n")) if p.code == code]
    assert len(found) == 1
    assert said in found[0].problem


def test_a_score_without_a_day_is_judged_by_its_range_alone(examine: Examine) -> None:
    found = serious(examine(pros="subject,instrument,day,score,version\nS02,regret,,101,1\nS02,regret,,50,1\n"))
    assert [p.code for p in found if p.code.startswith("score")] == ["score_range"]


def test_a_level_that_nobody_has_and_two_names_for_one_column_are_told(examine: Examine) -> None:
    alone = examine(head=HEAD.replace('cohorts = ["A", "B"]', 'cohorts = ["A", "B", "C"]'))
    absent = [p for p in alone[1] if p.code == "absent_level"]
    assert [p.severity for p in absent] == ["warning"]
    assert "nobody in C" in absent[0].problem
    same = "".join(line if i == 0 else line.replace(",A,y", ",A,x").replace(",B,x", ",B,y")
                   for i, line in enumerate(SUBJECTS.splitlines(keepends=True)))
    assert codes(examine(subjects=same), "aliased") == [("aliased", "warning")]


def test_one_stratum_in_two_spellings_is_an_error(examine: Examine) -> None:
    words = SUBJECTS.replace(",1,c", ",many,c").replace(",0,c", ",few,c").replace("S01,B,x,many", "S01,B,x,Many")
    found = [p for p in examine(subjects=words)[1] if p.code == "two_spellings"]
    assert [(p.severity, p.column, p.value) for p in found] == [("error", "liver_mets", "Many")]


def test_identifiers_that_look_like_formulas_are_named(examine: Examine) -> None:
    found = examine(subjects=("", "=1+1,A,x,1,c1,yes\n"))
    assert "=1+1" in {p.subject for p in found[1]} | {p.value for p in found[1]}
