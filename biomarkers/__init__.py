"""Correlative analysis of clinical trials: markers, genotypes and progression-free survival, by cohort.

Names are loaded when they are first used, so that `import biomarkers` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_WHERE: dict[str, str] = {
    "Study": "study.study", "read_study": "study.study", "load_example": "study.study",
    "AnalysisSet": "study.analysis_set",
    "Table": "readers.table", "read_table": "readers.table",
    "Landmark": "domain.times", "Visit": "domain.times", "Endpoint": "domain.times",
    "Marker": "domain.marker", "MARKERS": "domain.markers", "Locus": "domain.loci", "LOCI": "domain.loci",
    "DataProblem": "domain.errors", "UseError": "domain.errors", "Refused": "domain.errors", "PlanError": "domain.errors",
    "associate": "plan.analysis", "Analysis": "plan.analysis", "Association": "plan.analysis",
    "marker_values": "models.describe",
    "trajectories": "models.over_time", "best_change": "models.over_time", "lanes": "models.over_time",
    "genotype_curves": "models.over_time",
    "Plan": "plan.plan", "Results": "plan.results",
    "cox": "models.cox", "kaplan_meier": "models.km", "logrank": "models.logrank", "mantel_byar": "models.logrank",
    "scan": "models.scan", "max_selected": "models.max_selected", "rmst_difference": "models.rmst",
    "survival_difference": "models.rmst",
    "cumulative_incidence": "models.cumulative_incidence", "simon_makuch": "models.simon_makuch",
    "landmark_set": "models.landmark", "landmark_stack": "models.landmark", "start_stop": "models.time_dependent",
    "supermodel": "models.supermodel", "time_dependent": "models.time_dependent", "mrd": "models.mrd",
    "screen": "models.screen", "added_value": "models.multivariable", "stepp": "models.predictive",
    "spline_by_arm": "models.predictive", "spline_curve": "models.functional_form", "sensitivity": "plan.sensitivity",
    "compare": "models.compare", "dynamic_accuracy": "models.dynamic_accuracy",
    "call_genotypes": "genotype", "hardy_weinberg": "genotype",
}
"""Public names and the room each lives in."""

_ROOMS = ("figures", "report", "trial")
"""Rooms that are named as a whole: `bm.figures.kaplan_meier(...)`, `bm.trial.simon(...)`; `bm.report(...)` calls its room."""

__all__ = ["__version__", *sorted((*_WHERE, *_ROOMS))]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"biomarkers.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'biomarkers' has no attribute {name!r}")
    value = getattr(import_module(f"biomarkers.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
