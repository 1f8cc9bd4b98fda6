"""Why a subject is not in an analysis: a closed, ordered vocabulary. First match wins, one per subject and analysis."""

from __future__ import annotations

FLOW: dict[str, str] = {
    "not_in_cohort": "not in the cohort",
    "event_at_or_before_landmark": "event on or before the landmark",
    "censored_at_or_before_landmark": "censored on or before the landmark",
    "no_measurement": "no measurement",
    "no_draw_in_window": "no draw in the window",
    "draw_on_or_after_event": "draw on or after the event",
    "measurement_too_old": "last value too old",
    "failed_qc": "failed quality control",
    "not_evaluable": "not evaluable",
    "no_baseline": "no baseline value",
    "missing_covariate": "a covariate is missing",
    "model_gate": "kept out by a gate of the model",
    "included": "analysed",
}
"""Reason codes in the order in which they are asked, each with the words a reader sees."""

MISSING_REASONS: dict[str, str] = {
    "not_collected": "not collected",
    "not_received": "not received",
    "qns": "quantity not sufficient",
    "hemolyzed": "hemolyzed",
    "clotted": "clotted",
    "too_late": "received too late",
    "not_evaluable": "not evaluable",
    "no_internal_control": "internal control negative",
    "assay_failed": "assay failed",
    "below_input": "input too low",
    "no_assay_design": "no assay could be designed",
    "indeterminate": "indeterminate",
    "pending": "pending",
    "withdrawn_consent": "consent withdrawn",
    "event_before_draw": "event before the draw",
    "not_given": "no reason given",
}
"""Why a value is missing: the closed list. Missing is typed and counted, never a level and never negative."""
