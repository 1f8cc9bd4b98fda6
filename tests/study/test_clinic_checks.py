"""What would make a trial's own numbers wrong is an error before anything is computed, and only where it is used."""

from pathlib import Path

import pytest

from biomarkers.readers.study_file import read_study_file
from biomarkers.readers.tables import read_tables
from biomarkers.study.checks import check

TRIAL = "[trial]\nalpha = 0.1\n"
HEAD = 'name = "t"\ncohorts = ["A"]\narms = ["x", "y"]\n[endpoints.pfs]\n[endpoints.os]\n'
FILES = {
    "subjects": "subject,cohort,arm\nS1,A,x\nS2,A,y\n",
    "outcomes": "subject,endpoint,time,unit,event,event_type\nS1,pfs,90,days,1,progression\nS1,os,200,days,1,death\n"
                "S2,pfs,99,days,0,none\nS2,os,300,days,0,none\n",
    "response": "subject,day,response,change_percent\nS1,42,SD,-10\nS1,84,PR,-35\nS2,42,ne,\n",
    "adverse_events": "subject,term,grade,start,stop,related\nS1,Rash,2,5,9,possible\nS2,Rash,3,7,,unlikely\n",
    "pros": "subject,instrument,day,score,version\nS1,qol,0,50,1\nS1,qol,91,60,1\n",
}  # fmt: skip


def problems(folder: Path, trial: str = TRIAL, **changes: tuple[str, str]) -> list[str]:
    tables = ""
    for name, text in FILES.items():
        old, new = changes.get(name, ("", ""))
        assert old in text
        (folder / f"{name}.csv").write_text(text.replace(old, new, 1), encoding="utf-8")
        tables += f'{name} = "{name}.csv"\n'
    (folder / "study.toml").write_text(HEAD + trial + "[tables]\n" + tables, encoding="utf-8")
    file = read_study_file(folder / "study.toml")
    read = read_tables(file)
    _, found = check({name: table.rows for name, table in read.items()}, file.design, file.sources)
    return [f"{p.file}:{p.line}:{p.column} {p.problem}" for p in found if p.severity == "error"]


AE = "adverse_events.csv:2:"
FAULTS = {
    "a response nobody knows": ({"response": ("84,PR", "84,XX")}, "response.csv:3:response a response is one of CR, PR"),
    "no response at all": ({"response": ("42,ne,", "42,,")}, "response.csv:4:response a response is one of"),
    "more than all of a lesion": ({"response": ("-35", "-135")}, "response.csv:3:change_percent a change below -100 %"),
    "two answers on one day": ({"response": ("84,PR", "42,PR")}, "response.csv:3:response two assessments on day 42"),
    "a scan after death": ({"response": ("84,PR", "284,PR")}, "response.csv:3:day assessment on day 284, after death"),
    "a grade outside 0 to 5": ({"adverse_events": ("Rash,2", "Rash,6")}, f"{AE}grade a CTCAE grade is"),
    "a grade left out": ({"adverse_events": ("Rash,2", "Rash,")}, f"{AE}grade a CTCAE grade is"),
    "an attribution nobody knows": ({"adverse_events": ("possible", "perhaps")}, f"{AE}related an attribution is"),
    "stopped before it started": ({"adverse_events": ("5,9", "5,4")}, f"{AE}stop stopped on day 4, before it"),
    "began after death": ({"adverse_events": ("5,9", "205,209")}, f"{AE}start adverse event on day 205, after"),
    "two versions of one instrument": ({"pros": ("60,1", "60,2")}, "pros.csv:3:version instrument qol: versions 1, 2 are"),
}


def test_a_sound_study_has_none_of_them(tmp_path):
    assert problems(tmp_path) == []


@pytest.mark.parametrize("name", FAULTS)
def test_each_is_found_where_it_stands_and_nothing_else_is(tmp_path, name):
    changes, said = FAULTS[name]
    found = problems(tmp_path, **changes)
    assert len(found) == 1, found
    assert found[0].startswith(said)


@pytest.mark.parametrize("name", FAULTS)
def test_a_study_that_states_no_trial_is_not_asked(tmp_path, name):
    assert problems(tmp_path, trial="", **FAULTS[name][0]) == []


def test_a_table_without_grades_is_one_fault(tmp_path):
    text = FILES["adverse_events"]
    found = problems(tmp_path, adverse_events=(text, text.replace("grade", "severity")))
    assert len(found) == 1


def test_a_table_without_attributions_counts_every_event():
    from dataclasses import replace

    import biomarkers as bm
    from biomarkers import trial

    study = bm.load_example("stop_her2")
    events = study.adverse_events
    silent = replace(study, tables=study.tables | {"adverse_events": events.assign(related=None)})
    every, some = (trial.safety(s).set_index(["cohort", "term"])["any_grade"] for s in (silent, study))
    assert every["all", "any"] == events["subject"].nunique()
    assert every["all", "any"] > some["all", "any"]
