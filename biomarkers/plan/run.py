"""Running a plan: every analysis asked once, in the order of the plan, whatever the number of workers."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pandas as pd

from biomarkers.models.describe import assays, endpoints, marker_values, patients
from biomarkers.models.results_table import result_table
from biomarkers.parallel import in_order
from biomarkers.plan.analysis import Analysis, Association
from biomarkers.plan.family import MaxTFamilies, family_tests
from biomarkers.plan.multiplicity import adjusted
from biomarkers.plan.results import Results
from biomarkers.study.study import Study

if TYPE_CHECKING:
    from biomarkers.plan.plan import Plan

PACKAGES = ("numpy", "scipy", "pandas", "pysam", "matplotlib", "biomarkers")


def run_plan(plan: Plan, study: Study, *, jobs: int = 1, progress: Callable[[str], None] | None = None) -> Results:
    """Ask every question of a plan.

    Parameters
    ----------
    plan : Plan
    study : Study
    jobs : int
        Worker processes. Results do not depend on it: each analysis has its own seed, and rows keep the plan's order.
    progress : callable, optional
        Called with the id of each analysis when it is done.
    """
    joint = plan.multiplicity == "maxt"
    answers = in_order(_ask, [(a, study, joint) for a in plan.analyses], jobs=jobs,
                       done=(lambda i: progress(plan.analyses[i].id)) if progress else None)
    return collect(plan, study, answers)


def _ask(question: Analysis, study: Study, joint: bool) -> dict[str, Any]:
    answer: Association = question.run(study)
    return {"table": answer.table, "flow": answer.flow, "curves": answer.curves, "medians": answer.medians,
            "marker": answer.marker, "tests": family_tests(answer) if joint else []}


def collect(plan: Plan, study: Study, answers: Iterable[dict[str, Any]]) -> Results:
    """Put the answers into one set of tidy tables."""
    answers = list(answers)
    table = result_table(pd.concat([a["table"] for a in answers], ignore_index=True).to_dict("records"))
    families = MaxTFamilies.of([t for a in answers for t in a.get("tests", ())], permutations=plan.permutations,
                               seed=seed_for(plan.seed, "family", "max-T"))
    table, ledger = adjusted(table, plan.multiplicity, plan.sha256, joint=families)
    table.attrs["plan_sha256"] = plan.sha256
    markers = {a["marker"].name: study.design.marker(a["marker"].name) for a in answers}
    names = [m for m in study.design.markers if m in markers]
    return Results(
        title=plan.title, design=study.design,
        plan={"title": plan.title, "sha256": plan.sha256, "n_analyses": len(plan.analyses), "n_tests": len(ledger),
              "multiplicity": plan.multiplicity, "study": plan.study, "text": plan.text},
        table=table, flow=_stack(answers, "flow"), ledger=ledger, curves=_stack(answers, "curves"),
        medians=_stack(answers, "medians"), values=marker_values(study, names), availability=study.availability(),
        patients=patients(study), endpoints=endpoints(study), assays=assays([markers[m] for m in names]),
        problems=study.problems, provenance=_provenance(plan, study, table),
    )


def _stack(answers: Sequence[dict[str, Any]], name: str) -> pd.DataFrame:
    parts = [a[name] for a in answers if len(a[name])]
    return pd.concat(parts, ignore_index=True) if parts else answers[0][name]


def _provenance(plan: Plan, study: Study, table: pd.DataFrame) -> dict[str, Any]:
    """What must be known to make the same numbers again; nothing that varies between two runs."""
    return {
        "inputs": list(study.inputs),
        "plan": {"path": plan.name, "sha256": plan.sha256, "size": len(plan.text.encode())},
        "seed": plan.seed, "seeds": {a.id: a.seed for a in plan.analyses},
        "versions": {name: _version(name) for name in PACKAGES} | {"python": platform.python_version()},
        "counts": {
            "subjects": len(study.subjects), "analyses": len(plan.analyses), "rows": len(table),
            "problems": {s: int((study.problems["severity"] == s).sum()) for s in ("error", "warning", "note")},
        },
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def seed_for(plan_seed: int, analysis: str, purpose: str = "permutation") -> int:
    """The key of one analysis's random stream: neither order nor company changes it.

    Examples
    --------
    >>> seed_for(1, "til_pfs") == seed_for(1, "til_pfs") != seed_for(1, "tk1_pfs")
    True
    """
    digest = hashlib.sha256(f"{plan_seed}\x1f{analysis}\x1f{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big")
