"""What a study says about privacy: identifiers replaced by keyed pseudonyms, and small counts not shown."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from biomarkers.domain.errors import UseError

SHORTEST_KEY = 16
"""Bytes of the shortest key; a shorter one could be found by trying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """The `[privacy]` section of study.toml.

    Parameters
    ----------
    pseudonyms : bool
        Identifiers are replaced; without a key the study is not read at all, so that nobody forgets it.
    minimum_cell_size : int
        Counts from 1 to one below it are written as "<5" (with 5), the others rounded to its multiples; 0 shows all.
    """

    pseudonyms: bool = False
    minimum_cell_size: int = 0


def read_key(path: str | os.PathLike[str]) -> bytes:
    """The secret key of the pseudonyms: the bytes of a file that its owner keeps; white space at its ends does not count.

    Raises
    ------
    UseError
        The file cannot be read, or holds fewer than 16 bytes.
    """
    name = Path(path).name
    try:
        key = Path(path).read_bytes().strip()
    except OSError as error:
        raise UseError(f"key file {name}: {(error.strerror or 'cannot be read').lower()}") from None
    if len(key) < SHORTEST_KEY:
        raise UseError(
            f"key file {name}: {len(key)} bytes are too few for a key; write at least {SHORTEST_KEY} random ones, "
            "e.g. python -c 'import secrets; print(secrets.token_hex(32))' > key"
        )
    return key


def pseudonym(identifier: str, key: bytes) -> str:
    """The pseudonym of an identifier: HMAC-SHA256 under the key, its first 60 bits in letters and digits.

    A plain hash would not do: identifiers are few and regular, and whoever hashes them all has the list.

    Examples
    --------
    >>> pseudonym("01801000", b"sixteen bytes or more") == pseudonym("01801000", b"sixteen bytes or more")
    True
    >>> pseudonym("01801000", b"sixteen bytes or more") == pseudonym("01801000", b"another key, as long")
    False
    """
    digest = hmac.new(key, identifier.encode("utf-8"), hashlib.sha256).digest()
    return "P" + base64.b32encode(digest)[:12].decode("ascii")


def pseudonyms(identifiers: Iterable[str], key: bytes) -> dict[str, str]:
    """Identifier to pseudonym, for all of a study.

    Raises
    ------
    UseError
        Two identifiers have one pseudonym: with 60 bits this happens once in 10^12 studies of a thousand; take another key.
    """
    made = {name: pseudonym(name, key) for name in dict.fromkeys(identifiers) if name}
    if len(set(made.values())) < len(made):
        raise UseError("two identifiers have the same pseudonym; take another key")
    return made


def replacer(names: Mapping[str, str]) -> re.Pattern[str]:
    """Every identifier where it stands as a word of its own, longest first: for messages and for names of files.

    Examples
    --------
    >>> replacer({"017": "P1", "017-2": "P2"}).findall("vcf/017-2.vcf.gz and 0171 and 017")
    ['017-2', '017']
    """
    ordered = sorted(names, key=lambda name: (-len(name), name))
    # an identifier of one or two characters would replace half of every message
    words = "|".join(re.escape(name) for name in ordered if len(name) > 2)
    return re.compile(f"(?<![^\\W_])(?:{words})(?![^\\W_])" if words else r"(?!)")
