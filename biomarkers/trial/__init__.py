"""The trial's own questions: its design numbers, its endpoints, its decisions, what its patients report (`bm.trial`).

Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_WHERE: dict[str, str] = {
    "events_required": "sizing", "expected_events": "sizing", "power": "sizing", "sample_size": "sizing",
    "time_to_events": "sizing", "detectable_hazard_ratio": "sizing",
    "marker_power": "correlative",
    "TwoArmDesign": "simulate", "Futility": "simulate", "simulate_logrank": "simulate",
    "TwoStage": "twostage", "simon": "twostage", "single_stage": "twostage", "two_stage_inference": "twostage",
    "two_stage_path": "twostage", "SurvivalTwoStage": "survival_twostage", "simulate_survival_two_stage": "survival_twostage",
    "three_plus_three": "escalation", "next_cohort": "escalation",
    "response_rate": "rates", "rate_difference": "rates", "stratified_rate": "rates",
    "toxicity": "adverse_events", "dose_limiting": "adverse_events",
    "endpoint_table": "endpoints", "consort": "endpoints", "best_response": "endpoints",
    "arm_curves": "endpoints", "safety": "endpoints", "waterfall": "endpoints", "evaluable_in_order": "decisions",
    "compare_arms": "comparison", "one_arm": "single_arm",
    "at_cut": "decisions", "futility_look": "decisions", "two_stage_decision": "decisions",
    "score": "outcomes_reported", "read_rule": "outcomes_reported", "rules": "outcomes_reported",
    "change_from_baseline": "longitudinal", "standardised_area": "longitudinal", "trajectories": "longitudinal",
    "mixed_model": "longitudinal", "mmrm": "longitudinal",
    "account": "opening", "Account": "opening",
    "load_design": "designs_file", "read_design": "designs_file", "check_design": "designs_file", "run_design": "command",
}  # fmt: skip
"""Public names and the file each lives in."""

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'biomarkers.trial' has no attribute {name!r}")
    value = getattr(import_module(f"biomarkers.trial.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
