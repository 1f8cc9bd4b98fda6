"""The journal of a batch: one line per finished file, so that a run killed at any moment goes on where it stopped.

The first line names the run (options, loci, versions). Every further line is one file: what it was when it was read, its
rows as they will stand in the table, and a checksum. A line that was cut off by a crash fails its checksum and is dropped.
The final table is made from the lines alone, in the order of the files, so a resumed run gives the same bytes.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biomarkers.domain.errors import UseError

_FORMAT = 1
_FLUSH_EVERY = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One finished file.

    Parameters
    ----------
    file : str
        As named.
    state : list or None
        Size and time of the file and of its index when it was read; None where it could not be opened.
    rows : str
        Its lines of the table.
    reasons : mapping of str to int
        How many rows have which reason.
    """

    file: str
    state: list[Any] | None
    rows: str
    reasons: Mapping[str, int]


class Journal:
    """An append-only file of entries, locked while it is open.

    Parameters
    ----------
    path : path-like
    run : str
        Fingerprint of options, loci and versions; entries of another run are not used.
    resume : bool
        Keep the entries that are there; else begin anew.

    Raises
    ------
    UseError
        Another process writes it, or it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], run: str, *, resume: bool) -> None:
        self.path, self.run = Path(path), run
        self.entries: dict[str, Entry] = {}
        self._unflushed = 0
        try:
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise UseError(f"{self.path}: the journal cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise UseError(f"{self.path}: another run is writing this table; wait for it, or give another --out") from error
        keep = self._read() if resume else 0
        os.ftruncate(self._handle, keep)
        if not keep:
            self._write({"journal": _FORMAT, "run": run})

    def _read(self) -> int:
        """Take over the whole lines; the number of bytes they fill."""
        with os.fdopen(os.dup(self._handle), "rb") as file:
            file.seek(0)
            head = file.readline()
            if not head.endswith(b"\n") or _parsed(head) != {"journal": _FORMAT, "run": self.run}:
                return 0
            kept = len(head)
            for line in file:
                fields = _parsed(line) if line.endswith(b"\n") else None
                if fields is None or fields.pop("crc", None) != _checksum(fields):
                    break
                self.entries[fields["file"]] = Entry(fields["file"], fields["state"], fields["rows"], fields["reasons"])
                kept += len(line)
            return kept

    def add(self, entry: Entry) -> None:
        """Write one entry; it counts from now on, whatever happens next."""
        self.entries[entry.file] = entry
        fields = {"file": entry.file, "state": entry.state, "rows": entry.rows, "reasons": dict(entry.reasons)}
        self._write({**fields, "crc": _checksum(fields)})
        self._unflushed += 1
        if self._unflushed >= _FLUSH_EVERY:
            self.flush()

    def flush(self) -> None:
        """Force the lines to the disk."""
        os.fsync(self._handle)
        self._unflushed = 0

    def _write(self, fields: Mapping[str, Any]) -> None:
        line = (json.dumps(fields, ensure_ascii=True) + "\n").encode()
        while line:  # one write as a rule; a full disk raises, and the torn line fails its checksum later
            line = line[os.write(self._handle, line):]

    def close(self, *, remove: bool = False) -> None:
        """Release the lock; `remove` deletes the journal of a table that is complete."""
        if remove:
            self.path.unlink(missing_ok=True)
        else:
            self.flush()
        os.close(self._handle)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _checksum(fields: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(fields, sort_keys=True).encode())


def size_of(path: str) -> int:
    """Size in bytes; 0 where there is no such file."""
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return 0


def state_of(path: str) -> list[Any] | None:
    """Size and modification time of a file and of its index: what must be equal for its rows to be used again."""
    try:
        here = os.stat(path)  # noqa: PTH116  once per file and per resume
    except OSError:
        return None
    state: list[Any] = [here.st_size, here.st_mtime_ns]
    for ending in (".csi", ".tbi"):
        try:
            beside = os.stat(path + ending)  # noqa: PTH116
        except OSError:
            continue
        state += [ending, beside.st_size, beside.st_mtime_ns]
    return state
