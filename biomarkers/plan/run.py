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
from biomarkers.models.selection import specimens_known
from biomarkers.parallel import in_order
from biomarkers.plan.amendments import stamped, stamps
from biomarkers.plan.analysis import Analysis
from biomarkers.plan.beside import Beside, beside
from biomarkers.plan.family import MaxTFamilies, family_tests
from biomarkers.plan.mrd_dynamics import Dynamics
from biomarkers.plan.multiplicity import adjusted
from biomarkers.plan.patients import patients_over_time
from biomarkers.plan.pictures import Pictures, pictures_of
from biomarkers.plan.power import detectable_table
from biomarkers.plan.questions import Answer, Question
from biomarkers.plan.results import Results
from biomarkers.plan.sensitivity import specification_curves
from biomarkers.study.study import Study
from biomarkers.trial.opening import Account, account

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
    answers = in_order(_ask, [(a, study, joint, plan.power_replicates) for a in plan.analyses], jobs=jobs,
                       done=(lambda i: progress(plan.analyses[i].id)) if progress else None)
    curves = specification_curves([a for a in plan.analyses if a.sensitivity], study, jobs=jobs)
    return collect(plan, study, answers, curves, beside(study, plan.analyses, seed=seed_for(plan.seed, "beside"), jobs=jobs))


def _ask(question: Analysis | Question, study: Study, joint: bool, replicates: int) -> dict[str, Any]:
    answer = question.run(study)
    found: dict[str, Any] = {"table": answer.table, "flow": answer.flow, "curves": answer.curves, "medians": answer.medians,
                             "marker": answer.marker, "tests": [], "detectable": pd.DataFrame(), "more": {}}
    if isinstance(answer, Answer):
        more = {f"{question.id}: {name}": table for name, table in answer.more.items()}
        power = answer.detectable(replicates=replicates, seed=seed_for(question.seed, "power"))
        return found | {"pictures": answer.pictures, "more": more, "detectable": power, "markers": answer.markers,
                        "dynamics": answer.dynamics}
    return found | {"tests": family_tests(answer) if joint else [], "pictures": pictures_of(answer),
                    "detectable": detectable_table(answer, replicates=replicates, seed=seed_for(question.seed, "power"))}


def collect(plan: Plan, study: Study, answers: Iterable[dict[str, Any]], sensitivity: pd.DataFrame | None = None,
            found: Beside | None = None) -> Results:
    """Put the answers into one set of tidy tables."""
    answers = list(answers)
    table = result_table(pd.concat([a["table"] for a in answers], ignore_index=True).to_dict("records"))
    changes = plan.amendments
    table = stamped(table, stamps(changes, plan.version))
    families = MaxTFamilies.of([t for a in answers for t in a.get("tests", ())], permutations=plan.permutations,
                               seed=seed_for(plan.seed, "family", "max-T"))
    table, ledger = adjusted(table, plan.multiplicity, plan.sha256, joint=families)
    table.attrs["plan_sha256"] = plan.sha256
    found = Beside() if found is None else found
    if len(found.multivariable):
        ledger = pd.concat([ledger, adjusted(found.multivariable, "none", plan.sha256)[1]], ignore_index=True)
    markers = {m.name: study.design.marker(m.name) for a in answers for m in (a["marker"], *a.get("markers", ()))}
    names = [m for m in study.design.markers if m in markers]
    return Results(
        title=plan.title, design=study.design,
        plan={"title": plan.title, "sha256": plan.sha256, "n_analyses": len(plan.analyses), "n_tests": len(ledger),
              "multiplicity": plan.multiplicity, "study": plan.study, "text": plan.text},
        table=table, flow=_stack(answers, "flow"), ledger=ledger, curves=_stack(answers, "curves"),
        medians=_stack(answers, "medians"), values=marker_values(study, names), availability=study.availability(),
        patients=patients(study), endpoints=endpoints(study), assays=assays([markers[m] for m in names]),
        problems=study.problems, provenance=_provenance(plan, study, table), detectable=_stack(answers, "detectable"),
        specimens=_specimens(plan, study), sensitivity=pd.DataFrame() if sensitivity is None else sensitivity,
        amendments=changes, beside=found, more={name: t for a in answers for name, t in a.get("more", {}).items()},
        trial=account(study) if study.design.trial else Account(),
        over_time=patients_over_time(study, plan.analyses),
        pictures=Pictures.together(a.get("pictures", Pictures()) for a in answers),
        mrd=Dynamics.together(a.get("dynamics", Dynamics()) for a in answers),
    )


def _specimens(plan: Plan, study: Study) -> pd.DataFrame:
    """Known against unknown, once per marker and endpoint asked at baseline."""
    asked = dict.fromkeys((a.marker, a.endpoint) for a in plan.analyses if isinstance(a, Analysis) and a.at == "baseline")
    parts = [specimens_known(study, marker, endpoint=endpoint).assign(endpoint=endpoint) for marker, endpoint in asked]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


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
