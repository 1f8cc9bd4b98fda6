"""Tables that a workflow made file by file become one, as if all files had been called together."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from biomarkers.domain.atomic import write_bytes, write_text
from biomarkers.domain.errors import UseError
from biomarkers.genotype.batch import mark_discordant_text
from biomarkers.genotype.calls import COLUMNS
from biomarkers.genotype.decide import REASONS
from biomarkers.genotype.tsv import HEADER_LINE

_MUST_AGREE = ("options", "loci", "versions")
_SAMPLE, _LOCUS, _REASON = COLUMNS.index("sample"), COLUMNS.index("locus"), COLUMNS.index("reason")


def is_calls_table(path: str) -> bool:
    """True for a TSV that `biomarkers genotype` wrote."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(HEADER_LINE)) == HEADER_LINE.encode()
    except OSError:
        return False


def merge_calls(tables: Sequence[str | Path], out: str | Path) -> Counter[str]:
    """Put calls tables together; a sample that was called differently in two files loses its calls.

    Parameters
    ----------
    tables : sequence of path
        Tables of `biomarkers genotype`, with their provenance beside them; the rows keep this order.
    out : path
        The merged table; its provenance is written beside it.

    Returns
    -------
    Counter
        Rows by reason.

    Raises
    ------
    UseError
        A table cannot be read, tables were made with other options, loci or versions, or a row stands in two of them.
    """
    if not tables:
        raise UseError("no table named")
    texts, abouts = [], []
    for name in tables:
        where = Path(name)
        if not is_calls_table(str(where)):
            raise UseError(f"{where}: not a calls table of `biomarkers genotype`")
        texts += _by_file(where.read_text(encoding="utf-8").partition("\n")[2])
        abouts.append(_about(where))
    _agree(tables, abouts)
    _once(texts)
    merged, _ = mark_discordant_text(texts)
    reasons = Counter(line.split("\t")[_REASON] for text in merged for line in text.split("\n")[:-1])
    data = (HEADER_LINE + "".join(merged)).encode()
    first = abouts[0]
    about = {**{key: first[key] for key in ("what", "columns", *_MUST_AGREE)},
             "inputs": [entry for a in abouts for entry in a["inputs"]],
             "counts": {"files": len(merged), "rows": sum(reasons.values()), "reasons": dict(sorted(reasons.items()))},
             "reasons": {code: REASONS[code] for code in sorted(reasons) if code in REASONS},
             "output": {"file": Path(out).name, "sha256": hashlib.sha256(data).hexdigest()}}
    if "reference" in first and all(a.get("reference") == first["reference"] for a in abouts):
        about["reference"] = first["reference"]
    try:
        write_bytes(out, data)
        write_text(f"{out}.json", json.dumps(about, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    except OSError as error:
        raise UseError(f"{out}: cannot be written: {error.strerror or error}") from error
    return reasons


def _by_file(body: str) -> list[str]:
    """The lines of one table, one text per file of the column `file`."""
    parts: dict[str, list[str]] = {}
    for line in body.split("\n")[:-1]:
        parts.setdefault(line.partition("\t")[0], []).append(line + "\n")
    return ["".join(lines) for lines in parts.values()]


def _about(table: Path) -> dict[str, Any]:
    beside = table.with_name(table.name + ".json")
    try:
        about = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UseError(f"{beside}: the provenance of {table.name} cannot be read; keep it beside the table") from error
    if not isinstance(about, dict) or not {"what", "columns", "inputs", *_MUST_AGREE} <= set(about):
        raise UseError(f"{beside}: not the provenance of a calls table")
    return about


def _agree(tables: Sequence[str | Path], abouts: Sequence[dict[str, Any]]) -> None:
    for table, about in zip(tables, abouts, strict=True):
        for key in _MUST_AGREE:
            if about[key] != abouts[0][key]:
                raise UseError(f"{table} and {tables[0]} were made with different {key}; call them again with the same")


def _once(texts: Sequence[str]) -> None:
    seen: set[tuple[str, str, str]] = set()
    for text in texts:
        for line in text.split("\n")[:-1]:
            fields = line.split("\t", _LOCUS + 1)
            key = fields[0], fields[_SAMPLE], fields[_LOCUS]
            if key in seen:
                raise UseError(f"{key[0]}, sample {key[1]!r}, {key[2]}: this row stands in more than one table")
            seen.add(key)
