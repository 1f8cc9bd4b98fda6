"""The trial's own endpoints, before any marker: who was in it, what became of them, what they reported, where it stands.

Every number is a row of `results.trial`, whose tables stand beside the report as CSV files; what has no rows has no section.
Cohorts that patients chose stand beside each other and are never compared.
"""

from __future__ import annotations

from collections.abc import Callable

from biomarkers.report.blocks import Numbering, Section
from biomarkers.report.drawings import Gallery
from biomarkers.report.trial_patients import reported_section, response_section, toxicity_section
from biomarkers.report.trial_time import endpoint_section, restart_section
from biomarkers.report.view import View

Build = Callable[[], Section | None]


def trial_sections(view: View, count: Numbering, gallery: Gallery, name: str) -> tuple[Build, ...]:
    """The sections with which a page opens, in their order; each is None where the study has nothing for it."""
    return (
        lambda: endpoint_section(view, count, gallery, name),
        lambda: restart_section(view, count),
        lambda: response_section(view, count, gallery, name),
        lambda: toxicity_section(view, count, gallery, name),
        lambda: reported_section(view, count, gallery, name),
    )
