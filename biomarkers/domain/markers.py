"""The registry of markers: one entry each, and being here is all it takes.

Readers, checks, models, figures and the contract tests find a marker in `MARKERS`. A study.toml overrides a field for its
assay (`[markers.tk1_dul] lod = 18`) or defines a further marker in full. Facts and citations are those of the marker's own
literature; where no cut-off is accepted, none is given.

Examples
--------
>>> print(MARKERS["tk1_dul"])
Serum TK1 activity [tk1_dul], above 0 Du/L; log2, per doubling
"""

from __future__ import annotations

from typing import Any

import numpy as np

from biomarkers.domain.marker import Cut, Gate, Marker

CLEOPATRA = "Luen 2017 (CLEOPATRA), Lancet Oncol 18:52, PMC5477653"
CELLSEARCH = "CellSearch, metastatic breast cancer: 5 cells per 7.5 mL"

_READ_GATES = (Gate("evaluable", "not_evaluable", allowed=("yes",)),)
_PERCENT = {"%": 1.0, "percent": 1.0}
_MM2 = {"cells/mm2": 1.0, "cells/mm²": 1.0, "/mm2": 1.0, "per mm2": 1.0}
_CTC_UNITS = {"cells/7.5 mL": 1.0, "cells/7.5mL": 1.0, "cells per 7.5 mL": 1.0, "CTC/7.5 mL": 1.0}
_FRACTION = {"fraction": 1.0, "%": 0.01, "percent": 0.01}
_MTM = {"MTM/mL": 1.0, "MTM per mL": 1.0}


def _tissue(name: str, label: str, **fields: Any) -> Marker:
    kind = fields.pop("kind", "continuous")
    return Marker(name=name, label=label, kind=kind, table="tissue_reads", matrix="tissue", family="tissue", **fields)


def _pbmc(name: str, label: str, parent: str) -> Marker:
    return Marker(
        name=f"pbmc_{name}", label=label, kind="continuous", matrix="pbmc", family="blood", unit=f"% of {parent}",
        convertible={"%": 1.0, f"% of {parent}": 1.0, "percent": 1.0}, legal=(0, 100), scale="logit",
        gates=(Gate("events_acquired", "below_input", low=100),), one_of=("parent_gate", "panel_version"),
        note="batch enters as a stratum or a term; siblings of one parent sum to at most 100%",
    )


MARKERS: dict[str, Marker] = {
    marker.name: marker
    for marker in (
        _tissue(
            "stil", "Stromal TIL", unit="% of stroma", legal=(0, 100), step=10,
            convertible={"%": 1.0, "% stroma": 1.0, "% of stroma": 1.0, "percent": 1.0},
            cuts=(Cut(20, CLEOPATRA), Cut(5, "HER2+ metastatic, 10.1038/s41523-025-00760-9")),
            gates=_READ_GATES, one_of=("compartment", "method"), adverse="low",
            note="share of stromal area within the invasive border, not of cells; no accepted cut-off",
        ),
        _tissue(
            "vimentin_pct", "Vimentin", unit="%", convertible=_PERCENT, legal=(0, 100),
            step=10, gates=(*_READ_GATES, Gate("internal_control", "no_internal_control", allowed=("positive",))),
            adverse="high", note="tumour cells positive; no accepted cut-off; a different marker from the H-score",
        ),
        _tissue(
            "vimentin_h", "Vimentin H-score", unit="H",
            convertible={"H": 1.0, "H-score": 1.0}, legal=(0, 300), step=30,
            gates=(*_READ_GATES, Gate("internal_control", "no_internal_control", allowed=("positive",))),
            adverse="high", note="sum of intensity times percentage; no conversion from a percentage",
        ),
        _tissue(
            "cd8", "CD8", unit="cells/mm2", convertible=_MM2, legal=(0, 20_000),
            scale="log2(x+c)", gates=_READ_GATES, one_of=("compartment", "method"), adverse="low",
            note="density = count / area; c is one cell in that subject's counted area",
        ),
        _tissue(
            "foxp3", "FOXP3", unit="cells/mm2", convertible=_MM2, legal=(0, 20_000),
            scale="log2(x+c)", gates=_READ_GATES, one_of=("compartment", "method"), adverse="unknown",
            note="density = count / area; c is one cell in that subject's counted area",
        ),
        _tissue(
            "cd8_foxp3", "CD8/FOXP3 ratio", kind="derived", unit="", legal=(0, np.inf), low_open=True,
            scale="log2", adverse="low",
            note="log2((CD8 + c)/(FOXP3 + c)), c = one cell; read it beside the two-component model",
        ),
        Marker(
            name="ctc", label="CTC", kind="count", matrix="blood", family="blood", unit="cells/7.5 mL",
            convertible=_CTC_UNITS, legal=(0, 100_000), integer=True, scale="log2(x+1)",
            cut=Cut(5, CELLSEARCH), cuts=(Cut(1, "CellSearch, early disease: 1 cell per 7.5 mL"),),
            gates=(Gate("volume_ml", "below_input", low=7.5), Gate("received_h", "too_late", high=96)), adverse="high",
        ),
        Marker(
            name="ctdna_vaf", label="ctDNA VAF", kind="continuous", matrix="plasma", family="blood", unit="fraction",
            convertible=_FRACTION, legal=(0, 1), zero_is_real=False, lod_rule="per_row", scale="log2",
            one_of=("assay_version",), adverse="high",
        ),
        Marker(
            name="ctdna_tf", label="ctDNA tumour fraction", kind="continuous", matrix="plasma", family="blood",
            unit="fraction", convertible=_FRACTION, legal=(0, 1), zero_is_real=False, lod_rule="per_row", step=0.10,
            cut=Cut(0.10, "PALOMA-3, PMC7936069", side="above"), one_of=("assay_version",), adverse="high",
        ),
        Marker(
            name="ctdna_mtm", label="ctDNA", kind="continuous", matrix="plasma", family="blood", unit="MTM/mL",
            convertible=_MTM, legal=(0, np.inf), zero_is_real=False, lod_rule="per_row", scale="log2",
            gates=(Gate("plasma_ml", "below_input", low=2.0, only_if="below"),), one_of=("assay_version",), adverse="high",
            note="mean tumour molecules per mL of plasma; the limit depends on the input and stays per row",
        ),
        Marker(
            name="ctdna_hge", label="ctDNA genome equivalents", kind="continuous", matrix="plasma", family="blood",
            unit="hGE/mL", convertible={"hGE/mL": 1.0}, legal=(0, np.inf), zero_is_real=False,
            lod_rule="per_row", scale="log2", one_of=("assay_version",), adverse="high",
        ),
        Marker(
            name="tk1_dua", label="Serum TK1 activity (DuA)", kind="continuous", matrix="serum", family="blood",
            unit="DuA", convertible={"DuA": 1.0}, legal=(0, np.inf), low_open=True,
            zero_is_real=False, lod_rule="user_confirmed", scale="log2",
            cut=Cut(250, "DiviTum TKa, 510(k) K202852"), gates=(Gate("matrix", "not_evaluable", allowed=("serum",)),),
            one_of=("assay",), adverse="high", note="DuA and Du/L are different scales; neither is converted into the other",
        ),
        Marker(
            name="tk1_dul", label="Serum TK1 activity", kind="continuous", matrix="serum", family="blood",
            unit="Du/L", convertible={"Du/L": 1.0, "DU/L": 1.0}, legal=(0, np.inf), low_open=True,
            zero_is_real=False, lod_rule="registry", lod=20.0, scale="log2",
            cut=Cut(200, "S0226, PMC8595696"), gates=(Gate("matrix", "not_evaluable", allowed=("serum",)),),
            one_of=("assay",), adverse="high", note="suppressed by CDK4/6 inhibitors: on treatment it shows the drug",
        ),
        _pbmc("cd4", "CD4 T cells", "lymphocytes"),
        _pbmc("cd8", "CD8 T cells", "lymphocytes"),
        _pbmc("nk", "NK cells", "lymphocytes"),
        _pbmc("b", "B cells", "lymphocytes"),
        _pbmc("treg", "Regulatory T cells", "CD4"),
        Marker(
            name="mrd", label="Plasma MRD", kind="call", matrix="plasma", family="MRD", unit="",
            levels=("not_detected", "detected"), lod_rule="per_row",
            gates=(Gate("plasma_ml", "below_input", low=2.0, only_if="not_detected"),), adverse="high",
            cut=Cut(1, "assay call"),
            note="only detected and not_detected are evaluable; anything else is missing with its reason",
        ),
        Marker(
            name="mrd_level", label="Plasma MRD level", kind="continuous", matrix="plasma", family="MRD", unit="ppm",
            convertible={"ppm": 1.0}, legal=(0, 1_000_000), zero_is_real=False, lod_rule="per_row",
            scale="log2", one_of=("assay_version",), adverse="high",
        ),
        Marker(
            name="fcgr3a_158", label="FCGR3A-158", kind="genotype", table="genotypes", matrix="germline",
            family="germline", unit="V allele", legal=(0, 2), integer=True, levels=("F/F", "V/F", "V/V"), adverse="low",
            note="additive in the number of V alleles; copy number is a separate column",
        ),
        Marker(
            name="fcgr2a_131", label="FCGR2A-131", kind="genotype", table="genotypes", matrix="germline",
            family="germline", unit="R allele", legal=(0, 2), integer=True, levels=("H/H", "H/R", "R/R"),
        ),
        Marker(
            name="esr1_mutation", label="ESR1 mutation in ctDNA", kind="binary", matrix="plasma", family="blood",
            levels=("not_detected", "detected"), adverse="high",
        ),
        Marker(
            name="pik3ca_mutation", label="PIK3CA mutation in ctDNA", kind="binary", matrix="plasma", family="blood",
            levels=("not_detected", "detected"), adverse="high",
        ),
        Marker(
            name="her2_ctc", label="HER2 on CTC", kind="binary", matrix="blood", family="blood",
            levels=("negative", "positive"),
        ),
    )
}
