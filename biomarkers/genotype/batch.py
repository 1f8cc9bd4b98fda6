"""Any number of files, one table: the work is shared out, and the rows come back in the order of the files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import pandas as pd

from biomarkers.genotype.calls import LocusCalls, call_file
from biomarkers.genotype.decide import Verdict
from biomarkers.genotype.inputs import find_files
from biomarkers.genotype.loci import Locus, find_loci
from biomarkers.genotype.options import Options
from biomarkers.genotype.table import frame_of_calls


def call_genotypes(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *, loci: Iterable[str | Locus] = ("FCGR3A-158",),
                   build: str | None = None, absent: str = "no_call", min_dp: float = 10, min_gq: float = 20, min_gp: float = 0.9,
                   allow_flip: bool = False, ref_mismatch: str = "resolve", ignore_filter: bool = False, paralog: str = "flag",
                   jobs: int = 1, resume: str | os.PathLike[str] | None = None, progress: bool = False) -> pd.DataFrame:
    """Call loci from VCF and BCF files: one row per file, sample and locus, each with a call or the reason why there is none."""
    options = Options(build, absent, min_dp, min_gq, min_gp, allow_flip, ref_mismatch, ignore_filter, paralog)
    chosen = find_loci(loci)
    results = [call_file(path, chosen, options) for path in find_files(paths)]
    mark_discordant(results)
    return frame_of_calls([c for calls in results for c in calls])


def mark_discordant(results: Sequence[list[LocusCalls]]) -> None:
    """A sample that has different calls in two files keeps none of them."""
    if len(results) < 2:
        return
    where: dict[str, list[int]] = {}
    for i, calls in enumerate(results):
        for sample in calls[0].samples if calls else ():
            where.setdefault(sample, []).append(i)
    repeated = {sample: files for sample, files in where.items() if len(files) > 1 and sample}
    if not repeated:
        return
    for k in range(len(results[0])):
        _mark_locus([calls[k] for calls in results], repeated)


def _mark_locus(calls: list[LocusCalls], repeated: dict[str, list[int]]) -> None:
    places: dict[int, dict[str, int]] = {}
    for sample, files in repeated.items():
        words = []
        for i in files:
            index = places.setdefault(i, {name: j for j, name in enumerate(calls[i].samples)})
            verdict = calls[i].verdicts[int(calls[i].codes[index[sample]])]
            if verdict.call:
                words.append((i, index[sample], verdict))
        if len({v.call for _, _, v in words}) > 1:
            said = ", ".join(f"{v.call} in {os.path.basename(calls[i].file)}" for i, _, v in words)  # noqa: PTH119  a name, no path
            for i, j, verdict in words:
                _overrule(calls[i], j, verdict, said)


def _overrule(calls: LocusCalls, j: int, verdict: Verdict, said: str) -> None:
    code = int(calls.codes[j])
    calls.codes = list(calls.codes)
    calls.codes[j] = len(calls.verdicts)
    calls.verdicts.append(verdict._replace(call="", n_copies=None, n_v=None, bases="", phased=False,
                                           reason="SAMPLE_DUP_DISCORDANT", note=said))
    calls.records.append(calls.records[code])
