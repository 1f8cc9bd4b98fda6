"""plan.toml: every fault is one line with file, line, key and remedy; nothing is guessed."""

import textwrap

import pytest

from biomarkers.domain.errors import PlanError
from biomarkers.plan.plan import Plan, plan_schema

GOOD = """
title = "A plan"
study = "study.toml"
seed = 7

[[analysis]]
id = "til_pfs"
marker = "stil"
strata = ["liver_mets"]
adjust = ["arm"]
family = "tissue"

[[analysis]]
id = "tk1_pfs"
marker = "tk1_dul"
cut = "registry"
"""


def read(tmp_path, text):
    path = tmp_path / "plan.toml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return Plan.read(path)


def fault(tmp_path, text):
    with pytest.raises(PlanError) as error:
        read(tmp_path, text)
    return str(error.value)


def test_a_plan_is_read_with_its_hash_and_its_analyses_are_prespecified(tmp_path):
    plan = read(tmp_path, GOOD)
    assert len(plan.sha256) == 64
    assert [a.id for a in plan.analyses] == ["til_pfs", "tk1_pfs"]
    assert all(a.prespecified for a in plan.analyses)
    assert plan.analyses[0].strata == ("liver_mets",)
    assert plan.analyses[1].strata is None


def test_seeds_do_not_depend_on_order_or_company(tmp_path):
    both = {a.id: a.seed for a in read(tmp_path, GOOD).analyses}
    head, first, second = GOOD.split("[[analysis]]")
    swapped = {a.id: a.seed for a in read(tmp_path, f"{head}[[analysis]]{second}\n[[analysis]]{first}").analyses}
    alone = {a.id: a.seed for a in read(tmp_path, f"{head}[[analysis]]{second}").analyses}
    assert both == swapped
    assert alone["tk1_pfs"] == both["tk1_pfs"] != both["til_pfs"]


def test_an_unknown_key_names_its_line_and_the_nearest_known_key(tmp_path):
    said = fault(tmp_path, GOOD.replace('cut = "registry"', 'cutpoint = "registry"'))
    assert "plan.toml:16" in said
    assert "unknown key 'cutpoint'" in said
    assert "did you mean 'cut'?" in said
    said = fault(tmp_path, GOOD.replace("strata", "strat"))
    assert "plan.toml:9" in said
    assert "did you mean 'strata'?" in said


def test_a_key_of_the_study_is_told_where_it_belongs(tmp_path):
    said = fault(tmp_path, GOOD.replace("seed = 7", 'covarates = ["age"]'))
    assert "did you mean 'covariates'? That is a key of study.toml" in said


def test_every_fault_is_said_at_once(tmp_path):
    said = fault(tmp_path, GOOD.replace('marker = "stil"', "marker = 3").replace("seed = 7", "sed = 7"))
    assert len(said.splitlines()) == 2
    assert "plan.toml:8" in said
    assert "plan.toml:4" in said


@pytest.mark.parametrize(("change", "words"), [
    (("title = \"A plan\"", ""), "title: this key is required"),
    (("id = \"tk1_pfs\"", "id = \"til_pfs\""), "used twice"),
    (("seed = 7", 'multiplicity = "bonferoni"'), "holm"),
    (("cut = \"registry\"", 'override = ["gates"]'), "events_per_parameter"),
    (("cut = \"registry\"", "level = 95.0"), "between 0 and 1"),
    (("cut = \"registry\"", "level = 0.0"), "between 0 and 1"),
    (("cut = \"registry\"", 'kind = "response"\nlevel = 95.0'), "between 0 and 1"),
    (("cut = \"registry\"", 'method = "wald"'), "profile"),
    (("cut = \"registry\"", 'feature = "ever_cleared"'), "feature"),
    (("[[analysis]]", "[[analyses]]"), "did you mean 'analysis'?"),
])
def test_what_cannot_be_run_is_refused(tmp_path, change, words):
    assert words in fault(tmp_path, GOOD.replace(*change))


@pytest.mark.parametrize("text", ["", "   \n", "title = ", "\x00"])
def test_a_file_that_is_no_plan_is_refused_in_one_line(tmp_path, text):
    assert len(fault(tmp_path, text).splitlines()) == 1


def test_a_folder_a_missing_file_and_yaml_are_refused_by_name(tmp_path):
    for path, words in ((tmp_path, "folder"), (tmp_path / "absent.toml", "no such file")):
        with pytest.raises(PlanError, match=words):
            Plan.read(path)
    yaml = tmp_path / "plan.yaml"
    yaml.write_text("title: x", encoding="utf-8")
    with pytest.raises(PlanError, match="plans are TOML"):
        Plan.read(yaml)


def test_a_schema_for_editors_names_every_key():
    schema = plan_schema()
    assert {"title", "study", "multiplicity", "analysis"} <= set(schema["properties"])
    assert {"id", "marker", "at", "cut"} <= set(schema["$defs"]["AnalysisEntry"]["properties"])
