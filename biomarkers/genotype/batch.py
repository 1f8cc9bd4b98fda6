"""Any number of files, one table: the work is shared out, and the rows come back in the order of the files.

The same work units run in this process, in processes of this machine, or on a Dask cluster; the workers only return rows,
and this process alone writes. The table is a function of the rows in the order of the files, so neither `jobs`, nor a crash
and a resumed run, can change a byte of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biomarkers.domain.errors import UseError
from biomarkers.domain.loci import DEFINITION_VERSION, Locus, find_loci
from biomarkers.genotype.calls import COLUMNS, LocusCalls, call_file, refuse_file
from biomarkers.genotype.decide import Verdict
from biomarkers.genotype.inputs import find_files
from biomarkers.genotype.journal import Entry, Journal, size_of, state_of
from biomarkers.genotype.options import Options
from biomarkers.genotype.tsv import tsv_lines
from biomarkers.parallel import Died, share_out

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]
Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
_CHUNK_FILES = 100
_CHUNK_BYTES = 64 << 20


def call_genotypes(paths: Paths, *, loci: Iterable[str | Locus] = ("FCGR3A-158",), build: str | None = None,
                   absent: str = "no_call", min_dp: float = 10, min_gq: float = 20, min_gp: float = 0.9,
                   allow_flip: bool = False, ref_mismatch: str = "resolve", ignore_filter: bool = False,
                   paralog: str = "flag", fasta: str | os.PathLike[str] | None = None, jobs: int = 1,
                   resume: str | os.PathLike[str] | None = None, progress: bool = False) -> pd.DataFrame:
    """Call loci from VCF and BCF files: one row per file, sample and locus, with a call or the reason why there is none.

    Parameters
    ----------
    paths : path or sequence of paths
        Files, folders, globs, `@list.txt`, or `-` for standard input.
    loci : sequence of str or Locus
        Ids such as `FCGR3A-158` and `FCGR2A-131`, or TOML files with loci of your own.
    build : str, optional
        `GRCh37` or `GRCh38`; by default read from each file's header.
    absent : str
        `no_call`: a site without a record is no call. `hom_ref`: you assert that it means REF/REF; such rows are stamped.
    min_dp, min_gq, min_gp : float
        Fewest reads, lowest genotype quality (phred), lowest probability of an imputed genotype.
    allow_flip : bool
        Read the other strand's letters (stamped) instead of refusing them.
    ref_mismatch : str
        `resolve` reads exchanged REF and ALT by their letters (stamped), `strict` refuses them.
    ignore_filter : bool
        Call in spite of a failed FILTER or FT (stamped).
    paralog : str
        `flag` notes paralog bases around the site, `strict` makes them a no-call.
    fasta : path, optional
        Your reference: every locus is compared with it first, and an unverified one may be called when it is confirmed.
    jobs : int
        Processes; under `joblib.parallel_config` the backend chosen there.
    resume : path, optional
        A journal file: files that it holds unchanged are not read again, and it grows with every finished file.
    progress : bool
        Count the files on standard error.

    Returns
    -------
    DataFrame
        Columns `file, sample, locus, build, call, n_copies, n_v, bases, dosage, phased, reason, dp, gq, ad_ref, ad_alt,
        filter, pos, ref, alt, note`, in the order of the files. `reason` is `OK` when and only when `call` is not empty.

    Raises
    ------
    UseError
        An unknown option, locus or build, a reference that contradicts a locus, or nothing to read. What is wrong with a file
        is said in its rows.

    Examples
    --------
    >>> from biomarkers.study.study import example_folder
    >>> calls = call_genotypes(example_folder("br1801") / "vcf")
    >>> len(calls), int((calls["reason"] == "OK").sum())
    (114, 110)
    """
    from biomarkers.genotype.table import frame_of_calls, frame_of_tsv

    options = Options(build, absent, min_dp, min_gq, min_gp, allow_flip, ref_mismatch, ignore_filter, paralog)
    chosen, files, report = choose_loci(loci, fasta)[0], find_files(paths), _counter if progress else None
    if resume is None:
        results: list[list[LocusCalls]] = [[] for _ in files]
        for i, calls in _work(files, partial(_calls_of_files, loci=chosen, options=options), jobs, None, report):
            results[i] = calls if isinstance(calls, list) else _dead(files[i], chosen, calls)
        mark_discordant(results)
        return frame_of_calls([c for calls in results for c in calls])
    batch = call_to_text(files, chosen, options, resume, jobs=jobs, resume=True, progress=report)
    return frame_of_tsv("".join(batch.texts))


def choose_loci(names: Iterable[str | Locus], fasta: str | os.PathLike[str] | None) -> tuple[tuple[Locus, ...], dict[str, Any]]:
    """The loci asked for, and what the reference said about them; none unverified.

    Raises
    ------
    UseError
        As `find_loci` and `fasta.check_loci`.
    """
    if fasta is None:
        return find_loci(names), {}
    from biomarkers.genotype.fasta import check_loci

    checked = check_loci(find_loci(names, unverified="keep"), fasta)
    return checked.loci, checked.about


@dataclass
class Batch:
    """The rows of every file as lines of a TSV, in the order of the files.

    Parameters
    ----------
    files, texts : list of str
    reasons : Counter
        How many rows have which reason.
    n_reused : int
        Files whose rows came from the journal.
    journal : Journal
        Still open: to be closed once the table is written.
    """

    files: list[str]
    texts: list[str]
    reasons: Counter[str]
    n_reused: int
    journal: Journal | None


def call_to_text(files: Sequence[str], loci: Sequence[Locus], options: Options, journal: str | os.PathLike[str], *,
                 jobs: int = 1, dask: str | None = None, resume: bool = False, progress: Progress | None = None) -> Batch:
    """Call every file with a journal, and return its rows as TSV lines.

    Raises
    ------
    UseError
        The journal cannot be written, or belongs to a running process.
    """
    book = Journal(journal, fingerprint(loci, options), resume=resume)
    try:
        left = [f for f in files if (e := book.entries.get(f)) is None or e.state is None or e.state != state_of(f)]
        work = partial(_entries_of_files, loci=tuple(loci), options=options)
        for i, entry in _work(left, work, jobs, dask, progress, already=len(files) - len(left), total=len(files)):
            book.add(entry if isinstance(entry, Entry) else _entry(left[i], None, _dead(left[i], loci, entry)))
        book.flush()
        entries = [book.entries[f] for f in files]
        texts, changed = mark_discordant_text([e.rows for e in entries])
        reasons = Counter[str]()
        for entry in entries:
            reasons.update(entry.reasons)
        reasons["OK"] -= changed
        reasons["SAMPLE_DUP_DISCORDANT"] += changed
        return Batch(list(files), texts, +reasons, len(files) - len(left), book)
    except BaseException:
        with suppress(OSError):
            book.close()
        raise


def fingerprint(loci: Sequence[Locus], options: Options) -> str:
    """What, besides the files, decides about the rows: a hash of options, locus definitions and versions."""
    what = {"options": options.as_dict(), "loci": [(x.id, x.sha256) for x in loci], "versions": tool_versions()}
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def tool_versions() -> dict[str, str]:
    """Versions that can change a row."""
    return {"biomarkers": version("biomarkers"), "pysam": version("pysam"), "locus definitions": DEFINITION_VERSION}


# ---------------------------------------------------------------------- the work
def _work(files: Sequence[str], work: Callable[[Sequence[str]], list[Any]], jobs: int, dask: str | None,
          progress: Progress | None, *, already: int = 0, total: int | None = None) -> Iterator[tuple[int, Any]]:
    """(number of a file, its result) in any order; a file whose process died twice gives a `Died`."""
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs == 0 or jobs < -1:
        raise UseError(f"jobs={jobs!r}: a whole number of processes is needed, or -1 for every core")
    done, total = already, len(files) if total is None else total
    if progress:
        progress(done, total)
    alone = [i for i, f in enumerate(files) if f == "-"]
    for i in alone:  # standard input belongs to this process
        yield i, work([files[i]])[0]
        done += 1
    chunks = _chunks([i for i in range(len(files)) if i not in set(alone)], files, jobs, dask)
    again: list[int] = []
    for k, results in share_out(work, [[files[i] for i in chunk] for chunk in chunks], jobs=jobs, dask=dask):
        if isinstance(results, Died) and len(chunks[k]) > 1:
            again += chunks[k]
            continue
        for i, result in zip(chunks[k], [results] if isinstance(results, Died) else results, strict=True):
            yield i, result
        done += len(chunks[k])
        if progress:
            progress(done, total)
    for k, results in share_out(work, [[files[i]] for i in again], jobs=jobs, dask=dask) if again else ():
        yield again[k], results if isinstance(results, Died) else results[0]
        done += 1
        if progress:
            progress(done, total)


def _chunks(numbers: Sequence[int], files: Sequence[str], jobs: int, dask: str | None) -> list[list[int]]:
    """Runs of files: many small ones together, a large one alone, and enough of them to keep every process busy."""
    processes = 8 if dask else os.cpu_count() or 1 if jobs == -1 else jobs
    most = max(1, min(_CHUNK_FILES, len(numbers) // (4 * processes)))
    chunks: list[list[int]] = []
    size = 0
    for i in numbers:
        here = size_of(files[i])
        if not chunks or len(chunks[-1]) >= most or size + here > _CHUNK_BYTES:
            chunks.append([])
            size = 0
        chunks[-1].append(i)
        size += here
    return chunks


def _calls_of_files(files: Sequence[str], *, loci: Sequence[Locus], options: Options) -> list[list[LocusCalls]]:
    return [_call(file, loci, options) for file in files]


def _entries_of_files(files: Sequence[str], *, loci: Sequence[Locus], options: Options) -> list[Entry]:
    entries = []
    for file in files:
        before = state_of(file)
        calls = _call(file, loci, options)
        if file != "-" and state_of(file) != before:
            calls = refuse_file(file, loci, "FILE_ERROR", "the file changed while it was read")
            before = None
        entries.append(_entry(file, before, calls))
    return entries


def _call(file: str, loci: Sequence[Locus], options: Options) -> list[LocusCalls]:
    """The calls of one file; an error nobody foresaw costs this file and is named in its rows."""
    try:
        return call_file(file, loci, options)
    except Exception as error:  # the batch must go on, and the rows must say so
        return refuse_file(file, loci, "FILE_ERROR", f"unforeseen {type(error).__name__}: {error}")


def _dead(file: str, loci: Sequence[Locus], death: Died) -> list[LocusCalls]:
    return refuse_file(file, loci, "FILE_ERROR", f"the process that read the file was killed ({death.why})")


def _entry(file: str, state: list[Any] | None, calls: Sequence[LocusCalls]) -> Entry:
    reasons = Counter[str]()
    for c in calls:
        if len(c.samples) == 1:
            reasons[c.verdicts[int(c.codes[0])].reason] += 1
        else:
            by_code = Counter(c.codes.tolist() if hasattr(c.codes, "tolist") else c.codes)
            for code, n in by_code.items():
                reasons[c.verdicts[code].reason] += n
    return Entry(file, state, tsv_lines(calls), reasons)


def _counter(done: int, total: int) -> None:
    sys.stderr.write(f"\r{done:,} of {total:,} files" + ("\n" if done == total else ""))
    sys.stderr.flush()


# ---------------------------------------------------------------------- one sample in two files
def _conflict(called: Sequence[tuple[str, str]]) -> str:
    """What to say where one sample's calls (call, file) differ; empty where they agree."""
    if len({call for call, _ in called}) < 2:
        return ""
    return ", ".join(f"{call} in {Path(file).name}" for call, file in called)


def mark_discordant(results: Sequence[list[LocusCalls]]) -> None:
    """A sample that has different calls in two files keeps none of them."""
    where: dict[str, list[int]] = {}
    for i, calls in enumerate(results if len(results) > 1 else ()):
        for sample in calls[0].samples if calls else ():
            where.setdefault(sample, []).append(i)
    repeated = {sample: files for sample, files in where.items() if len(files) > 1 and sample}
    for k in range(len(results[0]) if repeated else 0):
        _mark_locus([calls[k] for calls in results], repeated)


def _mark_locus(calls: list[LocusCalls], repeated: dict[str, list[int]]) -> None:
    places: dict[int, dict[str, int]] = {}
    for sample, files in repeated.items():
        called: list[tuple[int, int, Verdict]] = []
        for i in files:
            index = places.setdefault(i, {name: j for j, name in enumerate(calls[i].samples)})
            verdict = calls[i].verdicts[int(calls[i].codes[index[sample]])]
            if verdict.call:
                called.append((i, index[sample], verdict))
        if said := _conflict([(v.call, calls[i].file) for i, _, v in called]):
            for i, j, verdict in called:
                _overrule(calls[i], j, verdict, said)


def _overrule(calls: LocusCalls, j: int, verdict: Verdict, said: str) -> None:
    codes = calls.codes.tolist() if hasattr(calls.codes, "tolist") else list(calls.codes)
    calls.heads.append(calls.heads[codes[j]])
    calls.verdicts.append(verdict._replace(call="", n_copies=None, n_v=None, bases="", phased=False,
                                           reason="SAMPLE_DUP_DISCORDANT", note=f"was {verdict.call}: {said}"))
    codes[j] = len(calls.verdicts) - 1
    calls.codes = codes


_AT = {name: i for i, name in enumerate(COLUMNS)}


def mark_discordant_text(texts: Sequence[str]) -> tuple[list[str], int]:
    """`mark_discordant` on the lines of a table; also the number of rows that lost their call."""
    if len(texts) < 2:
        return list(texts), 0
    sample, locus, call = _AT["sample"], _AT["locus"], _AT["call"]
    where: dict[tuple[str, str], list[tuple[int, int]]] = {}
    lines = [text.split("\n")[:-1] for text in texts]
    for i, rows in enumerate(lines):
        for j, row in enumerate(rows):
            fields = row.split("\t", call + 1)
            if fields[call] and fields[sample]:
                where.setdefault((fields[sample], fields[locus]), []).append((i, j))
    changed = set()
    n = 0
    for places in where.values():
        if len(places) < 2:
            continue
        rows = [lines[i][j].split("\t") for i, j in places]
        if said := _conflict([(row[call], row[_AT["file"]]) for row in rows]):
            for (i, j), row in zip(places, rows, strict=True):
                row[_AT["note"]] = f"was {row[call]}: {said}"
                for name in ("call", "n_copies", "n_v", "bases", "dosage"):
                    row[_AT[name]] = ""
                row[_AT["phased"]], row[_AT["reason"]] = "False", "SAMPLE_DUP_DISCORDANT"
                lines[i][j] = "\t".join(row)
                changed.add(i)
                n += 1
    return ["".join(row + "\n" for row in lines[i]) if i in changed else text for i, text in enumerate(texts)], n

