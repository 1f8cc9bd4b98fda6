"""The thresholds and choices of a run, in one frozen object that is written to the provenance whole."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from biomarkers.domain.errors import UseError
from biomarkers.domain.loci import BUILDS
from biomarkers.domain.nearest import did_you_mean

_CHOICES = {
    "absent": ("no_call", "hom_ref"),
    "ref_mismatch": ("resolve", "strict"),
    "paralog": ("flag", "strict"),
}


@dataclass(frozen=True)
class Options:
    """What the caller was asked to accept.

    Parameters
    ----------
    build : str or None
        `GRCh37` or `GRCh38`; None reads it from each file.
    absent : str
        `no_call`: no record means no call. `hom_ref`: the user asserts that it means REF/REF; every such row is stamped.
    min_dp : float
        Fewest reads; applies where a depth is given.
    min_gq : float
        Lowest genotype quality, phred; applies where one is given.
    min_gp : float
        Lowest probability of the best genotype, for imputed data.
    allow_flip : bool
        Read T/G as the other strand's A/C (stamped) instead of refusing it.
    ref_mismatch : str
        `resolve`: REF and ALT exchanged are read by letters (stamped). `strict`: refused.
    ignore_filter : bool
        Call in spite of a failed FILTER or FT (stamped).
    paralog : str
        `flag`: a paralog signal is a note. `strict`: it is a no-call.
    """

    build: str | None = None
    absent: str = "no_call"
    min_dp: float = 10
    min_gq: float = 20
    min_gp: float = 0.9
    allow_flip: bool = False
    ref_mismatch: str = "resolve"
    ignore_filter: bool = False
    paralog: str = "flag"

    def __post_init__(self) -> None:
        for name, legal in _CHOICES.items():
            value = getattr(self, name)
            if value not in legal:
                raise UseError(f"{name}={value!r}: choose one of {', '.join(legal)}")
        if self.build is not None and self.build not in BUILDS:
            hint = did_you_mean(str(self.build), BUILDS, "", cutoff=0.3)
            raise UseError(f"build={self.build!r}: supported are {', '.join(BUILDS)}. {hint}".strip(". "))
        for name, top in (("min_dp", math.inf), ("min_gq", math.inf), ("min_gp", 1.0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= top:
                raise UseError(f"{name}={value!r}: a number from 0{'' if top == math.inf else f' to {top:g}'} is needed")
        for name in ("allow_flip", "ignore_filter"):
            if not isinstance(getattr(self, name), bool):
                raise UseError(f"{name}={getattr(self, name)!r}: True or False is needed")

    def as_dict(self) -> dict[str, Any]:
        """The options by name, for provenance and keys."""
        return asdict(self)
