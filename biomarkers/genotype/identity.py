"""Is each reading of the person it is named after? What a few loci can show about exchanged samples, and what they cannot.

Two readings of one subject that differ prove an error: a misread allele, or another person's tube. Two that agree prove
little: at a handful of common loci many unrelated people agree. So differences are listed, pairs of subjects whose readings
would agree if their names were exchanged are named as candidates, and the chance that two unrelated people agree is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from biomarkers.domain.numbers import plural
from biomarkers.genotype.quality import Quality

REPEATED = ("subject", "readings", "n_loci", "n_discordant", "differ")
SWAPS = ("first", "second", "subject", "other", "n_loci", "n_discordant", "alternatives")
_MOST_SWAPS = 200


@dataclass(frozen=True)
class Identity:
    """Who was read more than once, and whose readings may have been exchanged.

    Parameters
    ----------
    loci : tuple of str
        What was compared.
    chance : float
        Probability that two unrelated people agree at every locus, by the genotype frequencies seen here.
    repeated : DataFrame
        subject, readings (where), n_loci (called in at least two readings), n_discordant, differ (locus and calls).
    swaps : DataFrame
        first, second (platform or file), subject, other: with their names exchanged in `second`, both subjects would agree
        at all n_loci, of which n_discordant differ now; alternatives: further partners that would do as well.
    warnings : list of str
    """

    loci: tuple[str, ...]
    chance: float
    repeated: pd.DataFrame
    swaps: pd.DataFrame
    warnings: list[str] = field(default_factory=list)


def who_is_who(found: Sequence[Quality]) -> Identity:
    """Compare all readings of each subject over all loci.

    Parameters
    ----------
    found : sequence of Quality
        As `cohort_quality` returns them.
    """
    place = "platform" if all("platform" in q.rows and q.rows["platform"].ne("").any() for q in found) else "file"
    readings = _readings(found, place)
    repeated = _repeated(readings)
    swaps = _swaps(readings)
    loci = tuple(q.locus.id for q in found)
    identity = Identity(loci, _chance(found), repeated, swaps)
    identity.warnings.extend(_warnings(identity, found))
    return identity


Vector = dict[str, str]                     # locus -> call
Readings = dict[str, dict[str, Vector]]     # subject -> place -> vector


def _readings(found: Sequence[Quality], place: str) -> Readings:
    """Of subjects that were read in more than one place; a place that read a subject twice counts as two."""
    rows = pd.concat([q.rows[["file", "sample", "subject", "was"]].assign(place=q.rows[place], locus=q.locus.id)
                      for q in found])
    rows = rows[rows["subject"] != ""]
    each = rows.drop_duplicates(["subject", "file", "sample"])
    rows = rows[rows["subject"].isin(set(each.loc[each.duplicated("subject", keep=False), "subject"]))]
    readings: Readings = {}
    names: dict[tuple[str, str, str], str] = {}
    for row in rows.itertuples():
        of = readings.setdefault(row.subject, {})
        key = row.subject, row.file, row.sample
        if key not in names:
            name = Path(row.place).name
            names[key] = name if name not in of else f"{name} ({sum(k.split(' (')[0] == name for k in of) + 1})"
        vector = of.setdefault(names[key], {})
        if row.was:
            vector[row.locus] = row.was
    return readings


def _repeated(readings: Readings) -> pd.DataFrame:
    made = []
    for subject, of in readings.items():
        calls: dict[str, list[str]] = {}
        for vector in of.values():
            for locus, call in vector.items():
                calls.setdefault(locus, []).append(call)
        several = {locus: words for locus, words in calls.items() if len(words) > 1}
        differ = {locus: words for locus, words in several.items() if len(set(words)) > 1}
        made.append((subject, ", ".join(of), len(several), len(differ),
                     "; ".join(f"{locus} {', '.join(words)}" for locus, words in differ.items())))
    return pd.DataFrame(made, columns=list(REPEATED))


def _swaps(readings: Readings) -> pd.DataFrame:
    """Pairs of discordant subjects that would both agree with their names exchanged in the second place."""
    made: list[tuple[str, str, str, str, int, int, int]] = []
    by_places: dict[tuple[str, str], list[str]] = {}
    for subject, of in readings.items():
        for first, second in combinations(of, 2):
            if _compared(of[first], of[second])[1]:
                by_places.setdefault((first, second), []).append(subject)
    for (first, second), subjects in by_places.items():
        pairs = [(a, b) for a, b in combinations(subjects[:2000], 2)
                 if _agree(readings[a][first], readings[b][second]) and _agree(readings[b][first], readings[a][second])]
        partners: dict[str, int] = {}
        for a, b in pairs:
            partners[a], partners[b] = partners.get(a, 0) + 1, partners.get(b, 0) + 1
        for a, b in pairs[:_MOST_SWAPS]:
            n = [_compared(readings[x][first], readings[x][second]) for x in (a, b)]
            made.append((first, second, a, b, min(n[0][0], n[1][0]), n[0][1] + n[1][1], max(partners[a], partners[b]) - 1))
    return pd.DataFrame(made, columns=list(SWAPS))


def _compared(one: Vector, two: Vector) -> tuple[int, int]:
    """Loci called in both, and how many of them differ."""
    both = one.keys() & two.keys()
    return len(both), sum(one[locus] != two[locus] for locus in both)


def _agree(one: Vector, two: Vector) -> bool:
    n, differ = _compared(one, two)
    return n > 0 and not differ


def _chance(found: Sequence[Quality]) -> float:
    """Sum of squared genotype frequencies, multiplied over the loci: linkage between them would make it larger."""
    chance = 1.0
    for quality in found:
        counts = np.array([(quality.rows["was"] == word).sum() for word in quality.locus.calls], dtype=float)
        if counts.sum():
            chance *= float(((counts / counts.sum()) ** 2).sum())
    return chance


def _warnings(identity: Identity, found: Sequence[Quality]) -> list[str]:
    said = []
    wrong = identity.repeated[identity.repeated["n_discordant"] > 0]
    if len(wrong):
        said.append(f"{plural(len(wrong), 'subject')} of {len(identity.repeated)} that were read more than once "
                    f"{'differs' if len(wrong) == 1 else 'differ'} from themselves: {', '.join(wrong['subject'][:5])}")
    several = wrong[wrong["n_discordant"] > 1]
    if len(several):
        said.append(f"{plural(len(several), 'subject')} differ at more than one locus, which misread alleles seldom do: "
                    f"{', '.join(several['subject'][:5])}: another person's sample?")
    if len(identity.swaps):
        one = identity.swaps.iloc[0]
        more = f", and {plural(len(identity.swaps) - 1, 'further pair')}" if len(identity.swaps) > 1 else ""
        said.append(f"exchanged names would explain {one['subject']} and {one['other']} in {one['second']}{more}")
    for quality in found:
        for pair in quality.pairs.itertuples():
            if pair.n_both >= 20 and pair.kappa < 0.2:
                said.append(f"{quality.locus.id}: {pair.first} and {pair.second} agree hardly better than strangers (kappa "
                            f"{pair.kappa:.2f}): are the names of one of them shifted?")
    return said
