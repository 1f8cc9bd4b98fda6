"""Identifiers leave a batch of calls before anything is written: samples and files under keyed pseudonyms, notes searched.

A sample has the pseudonym that `biomarkers run --pseudonyms` gives the same identifier under the same key, so that a table of
calls joins a study that was exported with it. A file keeps its ending and nothing else: its folders may name a hospital, its
name a patient whom the file itself calls otherwise. Size and time of the files are not recorded either.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePath

from biomarkers.domain.privacy import pseudonym, pseudonyms, replacer
from biomarkers.genotype.batch import Batch
from biomarkers.genotype.calls import COLUMNS
from biomarkers.genotype.tsv import text_cell, untext

_FILE, _SAMPLE, _NOTE = (COLUMNS.index(name) for name in ("file", "sample", "note"))
_ENDING = re.compile(r"(\.g)?(\.(vcf|bcf))?(\.(gz|bgz))?$", re.IGNORECASE)


def without_identifiers(batch: Batch, key: bytes) -> Batch:
    """The same calls under pseudonyms; the journal, which has the names, stays what it is.

    Raises
    ------
    UseError
        Two samples have the same pseudonym.
    """
    rows = [[line.split("\t") for line in text.split("\n")[:-1]] for text in batch.texts]
    samples = pseudonyms((_known(untext(row[_SAMPLE])) for part in rows for row in part), key)
    files = {name: _file(name, key) for name in batch.files}
    names = {_known(name): new for name, new in files.items()}
    for name, new in list(names.items()):
        last = PurePath(name).name
        names |= {last: new, _ENDING.sub("", last): _ENDING.sub("", new)}
    names |= samples
    pattern = replacer(names)
    texts = []
    for part in rows:
        for row in part:
            row[_FILE] = files.get(untext(row[_FILE]), row[_FILE])
            row[_SAMPLE] = samples.get(_known(untext(row[_SAMPLE])), "")
            row[_NOTE] = text_cell(pattern.sub(lambda found: names[found.group()], _known(untext(row[_NOTE]))))
        texts.append("".join("\t".join(row) + "\n" for row in part))
    return replace(batch, files=list(files.values()), texts=texts)


def _known(name: str) -> str:
    """A name whose bytes are no text, as text."""
    return name.encode("utf-8", "backslashreplace").decode()


def _file(name: str, key: bytes) -> str:
    if name == "-":
        return name
    ending = _ENDING.search(name)
    return pseudonym(_known(name), key) + (ending.group() if ending else "")
