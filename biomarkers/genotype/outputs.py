"""The table on disk: TSV, JSON lines, Parquet or an annotated VCF, each whole or not at all, with its provenance beside it.

A TSV has no comment lines; everything that a reader of the calls must know besides stands in `<name>.json`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from biomarkers.domain.atomic import write_bytes
from biomarkers.domain.errors import UseError
from biomarkers.domain.loci import Locus
from biomarkers.genotype.batch import Batch, tool_versions
from biomarkers.genotype.calls import COLUMNS
from biomarkers.genotype.decide import REASONS
from biomarkers.genotype.index import bgzip
from biomarkers.genotype.options import Options
from biomarkers.genotype.tsv import HEADER_LINE, rows_of_tsv

ENDINGS = {".tsv": "tsv", ".txt": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".vcf": "vcf"}


def format_of(out: str | Path, asked: str | None) -> str:
    """The format asked for, or the one that the name's ending tells.

    Raises
    ------
    UseError
        An unknown format.
    """
    if asked is not None:
        if asked not in WRITERS:
            raise UseError(f"format {asked!r}: choose one of {', '.join(WRITERS)}")
        return asked
    name = str(out).removesuffix(".gz")
    return ENDINGS.get(Path(name).suffix, "tsv")


def check_target(out: str | Path, files: Sequence[str], form: str) -> None:
    """Refuse, before anything is read, a target that cannot or must not be written.

    Raises
    ------
    UseError
        A folder, one of the inputs, or a file that is no table of ours.
    """
    where = Path(out)
    if where.is_dir():
        raise UseError(f"{where}: a folder; give the name of the table, such as {where / 'calls.tsv'}")
    if where.exists() and not where.is_file():
        raise UseError(f"{where}: not a regular file")
    if where.exists() and any(f != "-" and os.path.exists(f) and where.samefile(f) for f in files):  # noqa: PTH110
        raise UseError(f"{where}: is one of the inputs")
    if where.is_file() and where.stat().st_size and not _sidecar(where).is_file():
        with where.open("rb") as file:
            begin = file.read(len(HEADER_LINE))
        if form != "tsv" or begin != HEADER_LINE.encode():
            raise UseError(f"{where}: exists and is no table of `biomarkers genotype`; remove it or give another --out")


def make_folder(out: str | Path) -> None:
    """The folder of the target, made where it is missing.

    Raises
    ------
    UseError
        It cannot be made.
    """
    folder = Path(out).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UseError(f"{folder}: the folder cannot be made: {error.strerror}") from error


def write_calls(out: str | Path, batch: Batch, loci: Sequence[Locus], options: Options, form: str,
                reference: Mapping[str, Any] | None = None) -> str:
    """Write the table and its provenance, with what a reference said about the loci; the sha256 of the table.

    Raises
    ------
    UseError
        The disk is full, the folder is read-only, a needed package is absent; an old table stays as it was.
    """
    where = Path(out)
    data = WRITERS[form](batch, loci, options)
    if where.suffix == ".gz":
        data = bgzip(data)
    about = provenance(where, batch, loci, options, data)
    if reference:
        about["reference"] = dict(reference)
    text = json.dumps(about, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    try:
        write_bytes(where, data)
        write_bytes(_sidecar(where), text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UseError(f"{where}: cannot be written: {error.strerror or error}") from error
    return str(about["output"]["sha256"])


def _sidecar(where: Path) -> Path:
    return where.with_name(where.name + ".json")


def provenance(where: Path, batch: Batch, loci: Sequence[Locus], options: Options, data: bytes) -> dict[str, Any]:
    """What the table was made from and with; free of times, users and machines, so that equal inputs give equal bytes."""
    from biomarkers.genotype.reader import versions

    inputs = []
    for file in batch.files:
        entry = batch.journal.entries.get(file) if batch.journal else None
        state = entry.state if entry else None
        about: dict[str, Any] = {"file": file.encode("utf-8", "backslashreplace").decode()}
        if state:
            about |= {"size": state[0], "mtime_ns": state[1]}
        if state and len(state) > 2:
            about["index"] = [dict(zip(("ending", "size", "mtime_ns"), state[k:k + 3], strict=True))
                              for k in range(2, len(state), 3)]
        inputs.append(about)
    return {
        "what": "genotype calls, one row per file, sample and locus",
        "columns": list(COLUMNS),
        "versions": {**tool_versions(), **versions()},
        "options": options.as_dict(),
        "loci": {x.id: about_locus(x) for x in loci},
        "counts": {"files": len(batch.files), "rows": sum(batch.reasons.values()),
                   "reasons": dict(sorted(batch.reasons.items()))},
        "reasons": {code: REASONS[code] for code in sorted(batch.reasons) if code in REASONS},
        "inputs": inputs,
        "output": {"file": where.name, "sha256": hashlib.sha256(data).hexdigest()},
    }


def about_locus(locus: Locus) -> dict[str, Any]:
    """A locus' names and site keys, for provenance."""
    return {"rsid": locus.rsid, "gene": locus.gene, "hgnc": locus.hgnc, "hgvs": list(locus.hgvs), "legacy": list(locus.legacy),
            "spdi": {build: locus.spdi(build) for build in locus.position}, "calls": list(locus.calls),
            "contigs": sorted(locus.chromosome.names), "definition": dict(locus.definition), "definition_sha256": locus.sha256}


# ---------------------------------------------------------------------- formats
def _tsv(batch: Batch, _loci: Sequence[Locus], _options: Options) -> bytes:
    return (HEADER_LINE + "".join(batch.texts)).encode("utf-8", "backslashreplace")


def _jsonl(batch: Batch, _loci: Sequence[Locus], _options: Options) -> bytes:
    lines = (json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n"
             for text in batch.texts for row in rows_of_tsv(text))
    return "".join(lines).encode("utf-8", "backslashreplace")


def _parquet(batch: Batch, loci: Sequence[Locus], options: Options) -> bytes:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise UseError("Parquet needs the package pyarrow: pip install pyarrow; or write .tsv or .jsonl") from error
    from biomarkers.genotype.table import frame_of_tsv

    frame = frame_of_tsv("".join(batch.texts))
    frame = frame.astype({name: "str" for name, dtype in frame.dtypes.items() if dtype == "category"})
    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    about = {"options": options.as_dict(), "loci": {x.id: about_locus(x) for x in loci}, "versions": tool_versions()}
    said = {**(table.schema.metadata or {}), b"biomarkers": json.dumps(about, sort_keys=True).encode()}
    table = table.replace_schema_metadata(said)
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink)
    return bytes(sink.getvalue())


_FORMATS = (("GT", "1", "String", "Genotype, by the letters of the locus"), ("NC", "1", "Integer", "Copies of the gene"),
            ("NV", "1", "Integer", "Copies that carry ALT"), ("DS", "1", "Float", "Dosage of ALT"),
            ("DP", "1", "Integer", "Reads"), ("GQ", "1", "Float", "Genotype quality as given"),
            ("AD", "2", "Integer", "Reads of the source record's REF and ALT"),
            ("RS", "1", "String", "Reason: OK or why there is no call"), ("NT", "1", "String", "Notes, percent-encoded"),
            ("BD", "1", "String", "Build of the source file"))


def _vcf(batch: Batch, loci: Sequence[Locus], options: Options) -> bytes:
    rows = [dict(zip(COLUMNS, row, strict=True)) for text in batch.texts for row in rows_of_tsv(text)]
    builds = {row["build"] for row in rows if row["build"]}
    build = "GRCh37" if builds == {"GRCh37"} else "GRCh38"
    of = {(row["file"], row["sample"], row["locus"]): row for row in rows}
    people = list(dict.fromkeys((row["file"], row["sample"]) for row in rows if row["sample"]))
    times = Counter(sample for _, sample in people)
    columns = [s if times[s] == 1 else f"{s}@{Path(f).name}" for f, s in people]
    if len(set(columns)) < len(columns):
        raise UseError("two files of one name hold the same sample, and a VCF cannot tell their columns apart: write a TSV")
    head = ["##fileformat=VCFv4.3", f"##source=biomarkers {tool_versions()['biomarkers']}",
            f"##biomarkers_options={json.dumps(options.as_dict(), sort_keys=True)}",
            f"##biomarkers_versions={json.dumps(tool_versions(), sort_keys=True)}"]
    for name, about in {x.chromosome.name: x.chromosome for x in loci}.items():
        head.append(f"##contig=<ID={_contig(name, build)},length={about.assemblies[build].length},assembly={build}>")
    head += [f'##INFO=<ID={k},Number=1,Type=String,Description="{d}">' for k, d in (("LOCUS", "Locus"), ("SPDI", "Site key"))]
    head += [f'##FORMAT=<ID={k},Number={n},Type={t},Description="{d}">' for k, n, t, d in _FORMATS]
    lost = [row for row in rows if not row["sample"]]
    head += [f"##biomarkers_not_called=<File={_percent(r['file'])},Reason={r['reason']},Locus={r['locus']}>" for r in lost]
    head.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *columns]))
    for locus in sorted((x for x in loci if build in x.position), key=lambda x: (x.chromosome.name, x.position[build])):
        cells = [_vcf_cell(of[f, s, locus.id], locus) for f, s in people]
        head.append("\t".join([_contig(locus.chromosome.name, build), str(locus.position[build]), locus.rsid or ".", locus.ref,
                               locus.alt, ".", ".", f"LOCUS={locus.id};SPDI={locus.spdi(build)}",
                               ":".join(k for k, *_ in _FORMATS), *cells]))
    return ("\n".join(head) + "\n").encode("utf-8", "backslashreplace")


def _contig(name: str, build: str) -> str:
    return f"chr{name}" if build == "GRCh38" else name


def _vcf_cell(row: Mapping[str, Any], locus: Locus) -> str:
    gt = "./."
    if row["call"]:
        gt = ("|" if row["phased"] else "/").join(str(int(b == locus.alt)) for b in row["bases"].replace("|", "/").split("/"))
    ad = "." if row["ad_ref"] is None or row["ad_alt"] is None else f"{row['ad_ref']},{row['ad_alt']}"
    numbers = ["." if row[k] is None else f"{row[k]:g}" if k in ("gq", "dosage") else str(row[k])
               for k in ("n_copies", "n_v", "dosage", "dp", "gq")]
    return ":".join([gt, *numbers, ad, row["reason"], _percent(row["note"]) or ".", row["build"] or "."])


def _percent(text: str) -> str:
    return "".join(c if c.isalnum() or c in "._-+/>|" else "".join(f"%{b:02X}" for b in c.encode("utf-8", "replace"))
                   for c in text)


WRITERS: Mapping[str, Callable[[Batch, Sequence[Locus], Options], bytes]] = {
    "tsv": _tsv, "jsonl": _jsonl, "parquet": _parquet, "vcf": _vcf,
}
