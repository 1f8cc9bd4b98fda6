"""The two commands `genotype` and `genotype-qc` as plain functions; a command line only parses and passes on.

Exit codes: 0 every file was read, whatever the calls; 1 some file is itself wrong (its rows say how); 2 wrong use
(a `UseError` is raised, and the caller prints it).
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from biomarkers.domain.atomic import write_text
from biomarkers.domain.errors import UseError
from biomarkers.domain.loci import locus_of_definition
from biomarkers.domain.privacy import read_key
from biomarkers.genotype.batch import Batch, call_to_text, choose_loci
from biomarkers.genotype.decide import FILE_REASONS, REASONS
from biomarkers.genotype.inputs import find_files
from biomarkers.genotype.merge import is_calls_table, merge_calls
from biomarkers.genotype.options import Options
from biomarkers.genotype.outputs import check_target, format_of, make_folder, write_calls
from biomarkers.genotype.pseudonyms import without_identifiers
from biomarkers.genotype.tsv import rows_of_tsv


@dataclass(frozen=True)
class Argument:
    """One option of the command line: its flag, type, default and help."""

    flag: str
    kind: type
    default: Any
    help: str
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name as a keyword of `run_genotype`."""
        return self.flag.removeprefix("--").replace("-", "_")


ARGUMENTS = (
    Argument("--loci", str, "FCGR3A-158", "locus ids or TOML files, separated by commas"),
    Argument("--build", str, None, "genome build, where the files do not tell", ("GRCh37", "GRCh38")),
    Argument("--absent", str, "no_call", "what a site without a record means", ("no_call", "hom_ref")),
    Argument("--min-dp", float, 10.0, "fewest reads"),
    Argument("--min-gq", float, 20.0, "lowest genotype quality (phred)"),
    Argument("--min-gp", float, 0.9, "lowest probability of an imputed genotype"),
    Argument("--allow-flip", bool, False, "read the other strand's letters instead of refusing them"),
    Argument("--ref-mismatch", str, "resolve", "REF and ALT exchanged: read by letters, or refuse", ("resolve", "strict")),
    Argument("--ignore-filter", bool, False, "call in spite of a failed FILTER or FT"),
    Argument("--paralog", str, "flag", "paralog bases around the site: a note, or a no-call", ("flag", "strict")),
    Argument("--fasta", str, None, "your reference: every locus is compared with it before a file is read"),
    Argument("--jobs", int, 1, "processes; -1 for every core"),
    Argument("--dask", str, None, "address of a Dask scheduler, such as tcp://host:8786"),
    Argument("--resume", bool, False, "go on from the journal of an interrupted run, and keep the journal"),
    Argument("--format", str, None, "by default from the name's ending", ("tsv", "jsonl", "parquet", "vcf")),
    Argument("--strict", bool, False, "write nothing when a file is itself wrong"),
    Argument("--pseudonyms", str, None, "a file with a secret key: samples and files under pseudonyms, nowhere by name"),
)


def run_genotype(files: Iterable[str | os.PathLike[str]], out: str | os.PathLike[str], *,
                 loci: str | Iterable[str] = "FCGR3A-158", build: str | None = None, absent: str = "no_call",
                 min_dp: float = 10, min_gq: float = 20, min_gp: float = 0.9, allow_flip: bool = False,
                 ref_mismatch: str = "resolve", ignore_filter: bool = False, paralog: str = "flag",
                 fasta: str | os.PathLike[str] | None = None, jobs: int = 1, dask: str | None = None, resume: bool = False,
                 format: str | None = None, strict: bool = False, pseudonyms: str | os.PathLike[str] | None = None,
                 progress_callback: Callable[[int, int], None] | None = None, said: TextIO | None = None) -> int:
    """`biomarkers genotype`: call every file, write one table and its provenance.

    Given calls tables in place of VCFs, it merges them, as at the end of a workflow that ran file by file.

    The journal `<out>.journal` grows with every file. It is deleted when the table is complete, unless `resume` was asked
    for: then the next run reads only files that are new or changed.

    Parameters
    ----------
    files, out, loci, build, absent, min_dp, min_gq, min_gp, allow_flip, ref_mismatch, ignore_filter, paralog, fasta, jobs
        As in `call_genotypes`; `loci` may be one string with commas.
    dask : str, optional
        Address of a Dask scheduler; its workers must see the files under the same paths.
    resume : bool
        Use what the journal holds.
    format : str, optional
        `tsv`, `jsonl`, `parquet` or `vcf`; by default from the ending of `out`.
    strict : bool
        Write nothing when a file is itself wrong.
    pseudonyms : path-like, optional
        The secret key of `domain.privacy`: see `genotype.pseudonyms`.
    progress_callback : callable, optional
        Called with (files done, files in all).
    said : text stream, optional
        Where the summary goes; standard error by default.

    Returns
    -------
    int
        0, or 1 when a file is itself wrong.

    Raises
    ------
    UseError
        Wrong use: exit code 2.
    """
    said = sys.stderr if said is None else said
    options = Options(build, absent, min_dp, min_gq, min_gp, allow_flip, ref_mismatch, ignore_filter, paralog)
    listed = find_files(files)
    form = format_of(out, format)
    key = None if pseudonyms is None else read_key(pseudonyms)
    if key is not None and resume:
        raise UseError("--resume keeps a journal, and a journal has the names: it does not go with --pseudonyms")
    check_target(out, listed, form)
    _check_something_is_there(listed)
    chosen, reference = choose_loci([x.strip() for x in loci.split(",") if x.strip()] if isinstance(loci, str) else loci, fasta)
    make_folder(out)
    if all(is_calls_table(f) for f in listed):
        if key is not None:
            raise UseError("--pseudonyms goes with files that are called; tables are merged under the names that they have")
        reasons = merge_calls(listed, out)
        said.write(f"{len(listed):,} tables merged; {sum(reasons.values()):,} rows: {reasons['OK']:,} called\n")
        return 1 if FILE_REASONS & set(reasons) else 0
    batch = call_to_text(listed, chosen, options, f"{os.fspath(out)}.journal", jobs=jobs, dask=dask, resume=resume,
                         progress=progress_callback)
    written = False
    try:
        batch = batch if key is None else without_identifiers(batch, key)
        wrong = sum(n for reason, n in batch.reasons.items() if reason in FILE_REASONS)
        if strict and wrong:
            _tell(batch, said)
            said.write(f"--strict: {wrong:,} rows of files that are themselves wrong; nothing written\n")
            return 1
        write_calls(out, batch, chosen, options, form, reference)
        written = True
        _tell(batch, said)
        return 1 if wrong else 0
    finally:
        if batch.journal is not None:
            batch.journal.close(remove=written and not resume)


def run_genotype_qc(calls: str | os.PathLike[str], out: str | os.PathLike[str], *,
                    samples: str | os.PathLike[str] | None = None, seed: int = 0, said: TextIO | None = None) -> int:
    """`biomarkers genotype-qc`: judge a calls table, and write one page and its tables.

    Parameters
    ----------
    calls : path
        The table that `biomarkers genotype` wrote (TSV, JSON lines or Parquet).
    out : path
        Folder, made where it is missing: `genotype-qc.html` and, per finding, a CSV.
    samples : path, optional
        CSV with `sample` and any of `subject, cohort, arm, platform, ancestry, time, event`.
    seed : int
        Of the reassignments behind the hazard ratios.
    said : text stream, optional
        Where the summary goes; standard error by default.

    Raises
    ------
    UseError
        The table or the list cannot be read, or the folder cannot be written.
    """
    from biomarkers.genotype.identity import who_is_who
    from biomarkers.genotype.quality import cohort_quality, read_people
    from biomarkers.genotype.quality_page import quality_page
    from biomarkers.genotype.table import read_calls

    said = sys.stderr if said is None else said
    table = Path(calls)
    if not table.is_file():
        raise UseError(f"{table}: no such file")
    about = _provenance(table.with_name(table.name + ".json"))
    loci = [locus_of_definition(entry["definition"], f"{table.name}.json")
            for entry in (about or {}).get("loci", {}).values() if "definition" in entry]
    people = read_people(samples) if samples is not None else None
    found = cohort_quality(read_calls(table), people, seed=seed, loci=loci)
    identity = who_is_who(found)
    folder = Path(out)
    make_folder(folder / "genotype-qc.html")
    try:
        for part in ("rates", "reasons", "notes", "hardy_weinberg", "pairs", "what_if"):
            frames = [getattr(q, part).assign(locus=q.locus.id) for q in found]
            text = _of_all_loci(frames).to_csv(index=False, lineterminator="\n")
            write_text(folder / f"{part}.csv", text)
        for name, frame in (("repeated", identity.repeated), ("swaps", identity.swaps)):
            write_text(folder / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n"))
        write_text(folder / "genotype-qc.html", quality_page(found, source=table.name, about=about, identity=identity))
    except OSError as error:
        raise UseError(f"{folder}: cannot be written: {error.strerror or error}") from error
    for quality in found:
        said.write(f"{quality.locus.id}: {len(quality.rows):,} rows\n")
        for warning in quality.warnings:
            said.write(f"  ▲ {ascii_safe(warning)}\n")
    for warning in identity.warnings:
        said.write(f"▲ {ascii_safe(warning)}\n")
    said.write(f"{folder / 'genotype-qc.html'}\n")
    return 0


def _provenance(sidecar: Path) -> dict[str, Any] | None:
    if not sidecar.is_file():
        return None
    try:
        about = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UseError(f"{sidecar}: the provenance of the table cannot be read: {error}") from error
    if not isinstance(about, dict):
        raise UseError(f"{sidecar}: not the provenance of a calls table")
    return about


def _of_all_loci(frames: list[Any]) -> Any:
    """One table of all loci, the locus first."""
    import pandas as pd

    joined = pd.concat(frames, ignore_index=True)
    return joined[["locus", *(c for c in joined.columns if c != "locus")]]


def _check_something_is_there(files: list[str]) -> None:
    if any(f == "-" or os.path.isfile(f) for f in files):  # noqa: PTH113  as text, as named
        return
    first = files[0]
    if os.path.exists(first):  # noqa: PTH110
        what = "not a regular file"
    else:
        what = "a link whose target is missing" if os.path.islink(first) else "no such file"  # noqa: PTH114
    raise UseError(f"{first}: {what}" + (f"; nor is any of the {len(files) - 1:,} others" if len(files) > 1 else ""))


def _tell(batch: Batch, said: TextIO) -> None:
    """The summary: what was read, what was called, and which files are wrong."""
    reused = f", {batch.n_reused:,} of them unchanged since the journal was written" if batch.n_reused else ""
    n_rows, n_called = sum(batch.reasons.values()), batch.reasons["OK"]
    said.write(f"{len(batch.files):,} files{reused}; {n_rows:,} rows: {n_called:,} called\n")
    for reason, n in sorted(batch.reasons.items(), key=lambda item: (-item[1], item[0])):
        if reason != "OK":
            said.write(f"  {n:>9,}  {reason}: {REASONS.get(reason, '')}\n")
    shown = 0
    for file, text in zip(batch.files, batch.texts, strict=True):
        rows = rows_of_tsv(text) if any(f"\t{reason}\t" in text for reason in FILE_REASONS) else []
        if wrong := Counter((row[10], row[-1]) for row in rows if row[10] in FILE_REASONS):
            shown += 1
            if shown <= 10:
                (reason, note), _ = wrong.most_common(1)[0]
                said.write(f"{ascii_safe(file)}: {reason}: {ascii_safe(note)}\n")
    if shown > 10:
        said.write(f"... and {shown - 10:,} more files that are themselves wrong; their rows say how\n")


def ascii_safe(text: str) -> str:
    """For a terminal: control characters, escape sequences and marks of writing direction shown, not obeyed."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
