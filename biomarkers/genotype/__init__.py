"""Floor 3, genotypes: VCF files in, one honest row per sample out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biomarkers.genotype.batch import call_genotypes
    from biomarkers.genotype.equilibrium import HardyWeinberg, hardy_weinberg
    from biomarkers.genotype.identity import Identity, who_is_who
    from biomarkers.genotype.merge import merge_calls
    from biomarkers.genotype.quality import cohort_quality
    from biomarkers.genotype.table import read_calls

__all__ = ["HardyWeinberg", "Identity", "call_genotypes", "cohort_quality", "hardy_weinberg", "merge_calls", "read_calls",
           "who_is_who"]

_HOMES = {"call_genotypes": "batch", "read_calls": "table", "cohort_quality": "quality",
          "merge_calls": "merge", "HardyWeinberg": "equilibrium", "hardy_weinberg": "equilibrium",
          "Identity": "identity", "who_is_who": "identity"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
