"""A study of a few rows, with this or that missing: it still counts everybody, shows itself, and says what it cannot do."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain.errors import DataProblem, UseError
from biomarkers.domain.flow import MISSING_REASONS
from biomarkers.domain.times import Landmark, Visit
from biomarkers.study.analysis_set import AnalysisSet
from biomarkers.study.draws import baseline_values
from biomarkers.study.landmark_draws import at_risk, at_risk_from_draw, known_at, landmark_values, serial_draws
from biomarkers.study.study import Study, example_folder

HEAD = """name = "small"
cohorts = ["A", "B"]
arms = ["x", "y"]
[visits.baseline]
day = 0
window = [-28, 0]
[visits.week6]
day = 42
window = [-7, 7]
[endpoints.pfs]
"""
N = 8
SUBJECTS = "subject,cohort,arm\n" + "".join(f"S{i},{'AB'[i % 2]},{'xy'[i // 2 % 2]}\n" for i in range(N))
OUTCOMES = "subject,endpoint,time,unit,event\n" + "".join(
    f"S{i},pfs,{(30, 45, 100, 200)[i % 4]},days,{i % 2}\n" for i in range(N))
SPECIMENS = "specimen,subject,type,collection_day,visit_label,reason_for_draw\n" + "".join(
    f"S{i}-B,S{i},serum,-3,baseline,scheduled\nS{i}-W,S{i},serum,42,week6,scheduled\n" for i in range(N)
    if i != 3)
BLOOD = "specimen,marker,replicate,assay,assay_version,value,unit,lod,reason\n" + "".join(
    f"S{i}-{v},tk1_dul,1,D,v1,{200 + 10 * i + (v == 'W')},Du/L,20,\n" for i in range(N) if i != 3 for v in "BW")
TUBES = SPECIMENS + "".join(f"S{i}-T,S{i},biopsy,-9,baseline,scheduled\n" for i in range(N))
READS = "specimen,marker,reader,read_no,value,unit,consensus\n" + "".join(
    f"S{i}-T,stil,{r},1,{5 * i + 5 * k},%,no\n" for i in range(N) for k, r in enumerate(["R1", "R2"]))

Small = Callable[..., Study]


@pytest.fixture
def small(tmp_path: Path) -> Small:
    """`small(head, table=text)`: the study with these files; a table given as None is not delivered."""

    def go(head: str = HEAD, *, strict: bool = False, **files: str | None) -> Study:
        given = {"subjects": SUBJECTS, "outcomes": OUTCOMES, "specimens": SPECIMENS, "blood": BLOOD} | files
        for name, text in given.items():
            if text is not None:
                (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        tables = "".join(f'{name} = "{name}.csv"\n' for name, text in given.items() if text is not None)
        (tmp_path / "study.toml").write_text(f"{head}[tables]\n{tables}", encoding="utf-8")
        return bm.read_study(tmp_path / "study.toml", strict=strict)

    return go


# ---- who has the specimen ------------------------------------------------------------------------------------------------


def test_without_cohorts_and_arms_everybody_is_one_group(small: Small) -> None:
    plain = HEAD.replace('cohorts = ["A", "B"]\narms = ["x", "y"]\n', "")
    study = small(plain, subjects="subject\n" + "".join(f"S{i}\n" for i in range(N)))
    assert study.groups == []
    table = study.availability()
    assert set(table["cohort"]) == {"all"}
    assert set(table["arm"]) == {""}
    first = table[table["visit"] == "baseline"]
    assert first.groupby("visit")[["n"]].sum()["n"].tolist() == [N]
    assert first[["expected", "collected", "evaluable"]].drop_duplicates().to_numpy().tolist() == [[N, N - 1, N - 1]]
    page = study._repr_html_()
    assert ">PFS events<" in page
    assert ">subjects<" in page
    assert "cohort" not in page
    chosen = study.analysis_set(baseline_values(study, study.design.marker("tk1_dul")), "pfs")
    assert chosen.flow[["reason", "n_excluded", "n_left", "total"]].to_numpy().tolist() == [
        ["no_measurement", 1, 7, 8], ["included", 0, 7, 8]]


def test_an_event_before_the_visit_is_no_missing_specimen(small: Small) -> None:
    """S4 leaves on day 30 without, S5 on day 45 with an event; S3 and S6 were there and have no tube of week 6 either."""
    gone = ["S4-W", "S5-W", "S6-W"]
    study = small(
        specimens="".join(line for line in SPECIMENS.splitlines(keepends=True) if line[:4] not in gone),
        blood="".join(line for line in BLOOD.splitlines(keepends=True) if line[:4] not in gone))
    week = study.availability().query("visit == 'week6' and reason != ''").groupby("reason")["n"].sum().to_dict()
    assert week == {"follow-up ended before the draw": 1, MISSING_REASONS["event_before_draw"]: 1, "no draw in the window": 2}


def test_a_marker_s_own_window_says_how_old_its_baseline_may_be(small: Small) -> None:
    early = SPECIMENS.replace("S0-B,S0,serum,-3", "S0-B,S0,serum,-40")
    for declared, expected in (("", "no_draw_in_window"), ("[markers.tk1_dul]\nwindow = [-60, 0]\n", "")):
        study = small(HEAD + declared, specimens=early)
        values = baseline_values(study, study.design.marker("tk1_dul")).set_index("subject")
        assert values.loc["S0", "lost"] == expected
        assert values.loc["S1", "lost"] == ""


def test_a_marker_that_nobody_had_measured_is_missing_for_everybody(small: Small) -> None:
    study = small()
    assert study.measured(study.design.marker("ctc")).empty
    assert set(baseline_values(study, study.design.marker("ctc"))["lost"]) == {"no_measurement"}


def test_a_study_without_a_marker_has_an_empty_table_and_a_page(small: Small) -> None:
    study = small(specimens=None, blood=None)
    assert study.markers == []
    table = study.availability()
    assert table.empty
    assert list(table.columns)[:3] == ["marker", "visit", "cohort"]
    assert 'bm.associate(study, "...")' in study._repr_html_().replace("&quot;", '"')


def test_a_page_shows_five_problems_and_counts_the_others(small: Small) -> None:
    bad = OUTCOMES.replace(",1\n", ",\n")
    bad = bad.replace("S0,pfs,30", "S0,pfs,-30").replace("S2,pfs,100", "S2,pfs,-1").replace("S4,pfs,30", "S4,pfs,-2")
    study = small(outcomes=bad)
    serious = (study.problems["severity"] != "note").sum()
    assert serious > 5
    page = study._repr_html_()
    assert f"and {serious - 5} more in <code>study.problems</code>" in page
    assert "▲ " in page
    assert "outcomes.csv:2 S0" in page
    with pytest.raises(DataProblem, match="Nothing was analysed"):
        small(outcomes=bad, strict=True)


def test_an_outcome_delivered_twice_is_an_error_and_the_study_still_shows_itself(small: Small) -> None:
    study = small(outcomes=OUTCOMES + "S1,pfs,77,days,1\n")
    assert study.problems["code"].tolist().count("subject_twice") == 1
    assert "1 error" in study._repr_html_()
    assert study.outcome("pfs").set_index("subject").loc["S1", "time"] == 45
    chosen = study.analysis_set(baseline_values(study, study.design.marker("tk1_dul")), "pfs")
    assert chosen.rows["subject"].is_unique


# ---- what a study refuses ------------------------------------------------------------------------------------------------


def test_a_study_says_what_it_does_not_have(small: Small) -> None:
    study = small(HEAD + "[endpoints.os]\n")
    with pytest.raises(AttributeError, match="a Study has no 'patients'; its tables are subjects, outcomes"):
        study.patients  # noqa: B018
    with pytest.raises(UseError, match="no outcome rows for endpoint 'os'; the outcomes table has pfs"):
        study.outcome("os")
    with pytest.raises(UseError, match="column 'ki67' is not in subjects"):
        study.analysis_set(baseline_values(study, study.design.marker("tk1_dul")), "pfs", ["ki67"])
    with pytest.raises(UseError, match="no example study 'br1802'"):
        example_folder("br1802")


def test_readers_agree_as_their_table_says_and_one_reader_with_nobody(small: Small) -> None:
    study = small(specimens=TUBES, tissue_reads=READS)
    found = study.agreement("stil")
    assert found[["marker", "n", "k"]].to_numpy().tolist() == [["stil", N, 2]]
    assert found["icc_3_1"].item() == pytest.approx(1)
    one = small(specimens=TUBES, tissue_reads="".join(line for line in READS.splitlines(keepends=True) if ",R2," not in line))
    with pytest.raises(UseError, match="needs two readers and two specimens; left are 1 and 8"):
        one.agreement("stil")


def test_a_row_of_a_stranger_cannot_enter_a_set() -> None:
    with pytest.raises(UseError, match="1 rows belong to nobody in the set; first subject 'z'"):
        AnalysisSet.of(pd.DataFrame({"subject": ["a", "z"]}), pd.DataFrame({"subject": ["a"]}))


# ---- which draw ----------------------------------------------------------------------------------------------------------

TWICE_SPECIMENS = SPECIMENS + "S0-X,S0,serum,-3,baseline,scheduled\nS0-Y,S0,serum,42,week6,scheduled\n"
TWICE_BLOOD = BLOOD + "S0-X,tk1_dul,1,D,v1,300,Du/L,20,\nS0-Y,tk1_dul,1,D,v1,401,Du/L,20,\n"


def test_two_specimens_of_one_day_are_refused_until_a_rule_is_declared(small: Small) -> None:
    study = small(specimens=TWICE_SPECIMENS, blood=TWICE_BLOOD)
    tk1, week6 = study.design.marker("tk1_dul"), Landmark(day=49, visit=study.design.visit("week6"))
    with pytest.raises(UseError, match="1 subjects have two valid specimens on one day; first 'S0', day -3"):
        baseline_values(study, tk1)
    with pytest.raises(UseError, match="two valid specimens on one day"):
        known_at(study, tk1, week6)
    mean = small('replicates = "mean"\n' + HEAD, specimens=TWICE_SPECIMENS, blood=TWICE_BLOOD)
    first = baseline_values(mean, tk1).set_index("subject")["value"]
    assert first["S0"] == pytest.approx(math.sqrt(200 * 300))  # the mean on the analysis scale, log2
    at_week = landmark_values(mean, tk1, week6).set_index("subject")
    assert at_week.loc["S0", "value"] == pytest.approx(math.sqrt(201 * 401))
    assert at_week.loc["S0", "baseline_value"] == first["S0"]


@pytest.mark.parametrize(("rule", "value", "status"), [
    ("mean", math.sqrt(200 * 20), "measured"), ("median", math.sqrt(200 * 20), "measured"), ("first", 200.0, "measured"),
    ("last", 20.0, "below"),
])  # fmt: skip
def test_a_rule_for_two_specimens_gives_a_value_and_the_state_that_belongs_to_it(small: Small, rule, value, status) -> None:
    below = TWICE_BLOOD.replace("S0-X,tk1_dul,1,D,v1,300", "S0-X,tk1_dul,1,D,v1,<20")
    study = small(f'replicates = "{rule}"\n{HEAD}', specimens=TWICE_SPECIMENS, blood=below)
    found = baseline_values(study, study.design.marker("tk1_dul")).set_index("subject").loc["S0"]
    assert found["value"] == pytest.approx(value)
    assert (found["status"], found["censor"]) == (status, "left" if status == "below" else "none")
    assert found["n_reads"] == (2 if rule in ("mean", "median") else 1)


def test_two_calls_of_one_day_that_differ_have_no_average(small: Small) -> None:
    calls = "specimen,marker,replicate,assay,assay_version,call\n" + "".join(
        f"S{i}-B,mrd,1,D,v1,detected\n" for i in range(N) if i != 3)
    tubes = TWICE_SPECIMENS.replace("serum", "plasma")
    for second, lost in (("detected", ""), ("not_detected", None)):
        study = small('replicates = "mean"\n' + HEAD, specimens=tubes, blood=calls + f"S0-X,mrd,1,D,v1,{second}\n")
        mrd = study.design.marker("mrd")
        if lost is None:
            with pytest.raises(UseError, match="calls have no average"):
                baseline_values(study, mrd)
        else:
            assert baseline_values(study, mrd).set_index("subject").loc["S0", "value"] == 1


def test_a_landmark_without_any_draw_loses_everybody_with_a_reason(small: Small) -> None:
    study = small()
    tk1 = study.design.marker("tk1_dul")
    old = landmark_values(study, tk1, Landmark(day=30, since=10)).set_index("subject")["lost"]
    assert old["S3"] == "no_measurement"
    assert set(old.drop("S3")) == {"measurement_too_old"}
    visit = landmark_values(study, tk1, Landmark(day=90, visit=Visit("week12", 84, (-3, 3))))
    assert set(visit["lost"]) == {"no_draw_in_window"}
    with pytest.raises(UseError, match="draw_at_landmark 'maybe' is not 'include' or 'exclude'"):
        known_at(study, tk1, Landmark(day=42, max_age=math.inf), draw_at_landmark="maybe")
    strict = landmark_values(study, tk1, Landmark(day=42, max_age=math.inf), draw_at_landmark="exclude").set_index("subject")
    assert strict.loc["S1", "draw_day"] == -3
    assert landmark_values(study, tk1, Landmark(day=42, max_age=math.inf)).set_index("subject").loc["S1", "draw_day"] == 42


def test_at_risk_is_strictly_after_the_landmark_and_after_the_own_draw(small: Small) -> None:
    study = small()
    values = landmark_values(study, study.design.marker("tk1_dul"), Landmark(day=42, max_age=math.inf))
    left = at_risk(study, values, "pfs", 45.0).set_index("subject")["lost"]
    assert left[["S0", "S4"]].tolist() == ["censored_at_or_before_landmark"] * 2
    assert left[["S1", "S5"]].tolist() == ["event_at_or_before_landmark"] * 2
    assert left["S2"] == ""
    own = at_risk_from_draw(study, values, "pfs").set_index("subject")
    assert own.loc[["S0", "S4"], "lost"].tolist() == ["draw_on_or_after_event"] * 2
    assert own.loc["S1", "lost"] == ""
    assert own.loc["S1", "entry"] == 42


def test_a_call_stands_in_its_series_as_the_number_of_its_level(small: Small) -> None:
    calls = "specimen,marker,replicate,assay,assay_version,call\n" + "".join(
        f"S{i}-{v},mrd,1,D,v1,{'detected' if (i + (v == 'W')) % 2 else 'not_detected'}\n" for i in range(N) if i != 3
        for v in "BW")
    study = small(specimens=SPECIMENS.replace("serum", "plasma"), blood=calls)
    assert study.markers == ["mrd"]
    draws = serial_draws(study, study.design.marker("mrd")).sort_values(["subject", "day"])
    assert draws["value"].tolist() == [float((i + w) % 2) for i in range(N) if i != 3 for w in (0, 1)]
    assert not draws["progression"].any()
    assert not draws["below"].any()
