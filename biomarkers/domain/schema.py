"""The canonical tables: which columns each has, of what kind, which together identify a row, and which may not be absent.

A reader delivers text; `readers.tables` gives every column below its type, whether the file had it or not. Each row keeps
`source_file`, `source_row` (as a spreadsheet counts: the header is row 1) and `excluded`, `excluded_why` for the checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "day", "number", "integer", "flag"]

TEXT = "string[python]"
"""The dtype of text. Its plain name would mean another storage wherever pyarrow happens to be installed."""

KINDS: dict[str, str] = {"text": TEXT, "day": "Int64", "number": "float64", "integer": "Int64", "flag": TEXT}
"""Kind of a column to its dtype. A flag is "yes" or "no"."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: what it means, its kind, and whether a table can do without it."""

    name: str
    kind: Kind
    meaning: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """One canonical table.

    Parameters
    ----------
    name : str
    columns : tuple of Column
    key : tuple of str
        Columns that identify a row; two rows with one key are duplicates.
    typed : bool
        Whether its rows carry a parsed marker value (the columns of `VALUE`).
    open : bool
        Whether further columns of the file are kept as text (responses and adverse events pass through).
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    typed: bool = False
    open: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that must be there."""
        return tuple(column.name for column in self.columns if column.required)

    def column(self, name: str) -> Column | None:
        """The column of this name, if the table has it."""
        return next((column for column in self.columns if column.name == name), None)


def _columns(kinds: Mapping[str, str]) -> tuple[Column, ...]:
    """`"time!": "time of event or censoring (time)"`: an exclamation mark requires, the kind stands at the end."""
    made = []
    for key, words in kinds.items():
        meaning, _, kind = words.rpartition(" ")
        made.append(Column(key.rstrip("!"), kind, meaning, required=key.endswith("!")))  # type: ignore[arg-type]
    return tuple(made)


ALIASES: dict[str, dict[str, tuple[str, ...]]] = {
    "specimens": {"collection_day": ("day",), "visit_label": ("visit",)},
    "blood": {"visit": ("visit_label",), "day": ("collection_day",), "lod": ("lod95",)},
    "tissue_reads": {"day": ("collection_day",)},
    "genotypes": {"call": ("genotype", "value")},
    "pros": {"visit_label": ("visit",)},
}
"""Other names under which a column of a table is known; counted only where its own name is absent."""

VALUE: dict[str, str] = {
    "raw_value": TEXT,
    "value": "float64",
    "censor": TEXT,
    "lower": "float64",
    "upper": "float64",
    "status": TEXT,
    "reason": TEXT,
    "flags": TEXT,
}
"""What a parsed cell adds to a row. status: measured, below, above, missing, ambiguous or invalid."""

TRACE: dict[str, str] = {"source_file": TEXT, "source_row": "Int64", "excluded": TEXT, "excluded_why": TEXT}
"""Where a row stood, and why it may not be used (a code of `flow.FLOW` or `flow.MISSING_REASONS`), with words."""

TABLES: dict[str, Schema] = {
    schema.name: schema
    for schema in (
        Schema(
            "subjects",
            _columns(
                {
                    "subject!": "identifier, text text",
                    "study": "study text",
                    "site": "centre text",
                    "cohort": "cohort of the design text",
                    "arm": "arm of the design text",
                    "day0_rule": "what day 0 is text",
                    "er": "oestrogen receptor text",
                    "age": "years at day 0 number",
                    "sex": "sex text",
                    "eligible": "eligible after review flag",
                    "evaluable_for": "endpoints the subject may enter, empty for all text",
                }
            ),
            key=("subject",),
        ),
        Schema(
            "outcomes",
            _columns(
                {
                    "subject!": "identifier text",
                    "endpoint!": "code, lower case text",
                    "time!": "whole days from time zero day",
                    "unit": "unit of time as delivered text",
                    "event!": "1 event, 0 censored integer",
                    "event_type": "progression, death, restart or none text",
                    "last_negative_assessment": "last assessment without the event day",
                    "clock_origin": "what day 0 of this time is text",
                    "cutoff": "day of the data cut-off day",
                }
            ),
            key=("subject", "endpoint"),
        ),
        Schema(
            "specimens",
            _columns(
                {
                    "specimen!": "identifier of the biopsy or tube text",
                    "subject!": "identifier text",
                    "type": "biopsy, serum, plasma, ctc_tube, pbmc or germline text",
                    "collection_day": "study day day",
                    "visit_label": "for display only, never for timing text",
                    "reason_for_draw": "scheduled, progression or unscheduled text",
                    "site_of_biopsy": "organ text",
                    "archival_or_fresh": "archival or fresh text",
                    "received_h": "hours from draw to receipt number",
                    "volume_ml": "volume drawn number",
                    "quality": "remark on quality text",
                    "batch": "batch text",
                    "site": "centre text",
                }
            ),
            key=("specimen",),
        ),
        Schema(
            "tissue_reads",
            _columns(
                {
                    "specimen": "identifier of the biopsy text",
                    "subject": "identifier text",
                    "day": "study day of the biopsy day",
                    "marker": "name in the registry text",
                    "compartment": "stromal, intratumoral, total or margin text",
                    "reader": "who read it text",
                    "read_no": "number of the read integer",
                    "unit": "unit as delivered text",
                    "intensity": "staining intensity 0 to 3 number",
                    "evaluable": "evaluable flag",
                    "count": "cells counted number",
                    "area_mm2": "area counted number",
                    "n_fields": "fields counted integer",
                    "internal_control": "positive or negative text",
                    "method": "manual or digital text",
                    "antibody": "clone text",
                    "consensus": "agreed by several readers flag",
                    "pct_stroma": "share of stroma number",
                    "site": "centre text",
                    "batch": "batch text",
                }
            ),
            key=("specimen", "marker", "compartment", "reader", "read_no"),
            typed=True,
        ),
        Schema(
            "blood",
            _columns(
                {
                    "specimen": "identifier of the tube text",
                    "subject": "identifier text",
                    "day": "study day of the draw day",
                    "visit": "label, for display only text",
                    "reason_for_draw": "scheduled, progression or unscheduled text",
                    "marker": "name in the registry text",
                    "replicate": "number of the replicate integer",
                    "assay": "assay text",
                    "assay_version": "version of assay text",
                    "unit": "unit as delivered text",
                    "lod": "limit of detection of this row number",
                    "loq": "limit of quantification number",
                    "uloq": "upper limit number",
                    "call": "detected or not_detected text",
                    "call_reason": "why there is no call text",
                    "level": "quantity beside a call number",
                    "input_ng": "DNA input number",
                    "plasma_ml": "plasma volume number",
                    "n_variants": "variants tracked integer",
                    "run": "run text",
                    "lot": "reagent lot text",
                    "matrix": "serum, plasma, blood text",
                    "hemolyzed": "hemolyzed flag",
                    "clotted": "clotted flag",
                    "received_h": "hours from draw to receipt number",
                    "volume_ml": "volume drawn number",
                    "parent_gate": "population a percentage refers to text",
                    "events_acquired": "cells counted in the gate number",
                    "viability": "share alive number",
                    "panel_version": "panel text",
                    "batch": "batch text",
                    "fresh_or_frozen": "fresh or frozen text",
                    "site": "centre text",
                    "log10_change": "change as delivered; recomputed, never used number",
                }
            ),
            key=("specimen", "marker", "replicate"),
            typed=True,
        ),
        Schema(
            "genotypes",
            _columns(
                {
                    "subject!": "identifier text",
                    "locus": "locus text",
                    "call": "alleles, such as V/F text",
                    "n_v": "number of V alleles integer",
                    "n_copies": "gene copies integer",
                    "dosage": "expected number of V number",
                    "reason": "OK, or why there is no call text",
                    "dp": "depth integer",
                    "gq": "genotype quality number",
                    "file": "file of the call text",
                    "sample": "sample name in the file text",
                    "build": "reference build text",
                    "bases": "bases called text",
                    "phased": "phased text",
                    "ad_ref": "reads of the reference integer",
                    "ad_alt": "reads of the alternative integer",
                    "filter": "FILTER text",
                    "pos": "position integer",
                    "ref": "REF text",
                    "alt": "ALT text",
                    "note": "codes of what must be said text",
                    "marker": "name in the registry text",
                    "raw_value": "the call as delivered text",
                    "value": "number of V alleles, as the marker's value number",
                    "status": "measured, missing or invalid text",
                    "missing_reason": "key of MISSING_REASONS text",
                }
            ),
            key=("subject", "locus"),
        ),
        Schema(
            "therapy",
            _columns(
                {
                    "subject!": "identifier text",
                    "episode": "number of the episode integer",
                    "drug": "drug text",
                    "start": "first day day",
                    "stop": "last day day",
                    "restart": "day of starting again day",
                    "reason": "why it stopped text",
                    "clinical_benefit": "benefit after starting again, as judged by the investigator flag",
                }
            ),
            key=("subject", "episode"),
        ),
        Schema(
            "pros",
            _columns(
                {
                    "subject!": "identifier text",
                    "instrument!": "questionnaire text",
                    "day!": "study day day",
                    "score!": "0 to 100 number",
                    "version": "version text",
                    "visit_label": "for display only text",
                }
            ),
            key=("subject", "instrument", "day"),
        ),
        Schema(
            "response",
            _columns(
                {
                    "subject!": "identifier text",
                    "day": "study day day",
                    "response": "CR, PR, SD, PD or NE text",
                    "change_percent": "change of the target lesions from baseline in per cent number",
                    "new_lesion": "a lesion that was not there before flag",
                }
            ),
            key=("subject", "day"),
            open=True,
        ),
        Schema(
            "adverse_events",
            _columns(
                {
                    "subject!": "identifier text",
                    "term": "what happened text",
                    "grade": "1 to 5 integer",
                    "start": "first day day",
                    "stop": "last day day",
                    "related": "related to treatment text",
                    "serious": "serious flag",
                    "dlt": "judged to limit the dose flag",
                }
            ),
            key=(),
            open=True,
        ),
    )
}
"""The canonical tables in the order in which they are read."""
