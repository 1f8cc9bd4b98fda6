"""One writer at a time: a lock file that names its holder, and is taken over when the holder is gone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from biomarkers.domain.errors import UseError


@contextmanager
def held(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock file `path` while the block runs.

    Parameters
    ----------
    path : path-like
        Created exclusively, removed at the end. It holds the process id, the machine's boot id and the process's start, so
        that a lock left behind by a killed process is recognised even when its id is used again.

    Raises
    ------
    UseError
        Another process holds it; the message names that process.
    OSError
        The folder cannot be written.
    """
    lock = Path(path)
    _take(lock)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _take(lock: Path) -> None:
    for _ in range(3):
        try:
            handle = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            holder = _holder(lock)
            if holder is not None and _runs(holder):
                raise UseError(
                    f"another run is writing here (process {holder['pid']}); wait for it, or give another folder"
                ) from None
            lock.unlink(missing_ok=True)            # its holder is gone
            continue
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(_who(os.getpid()), file)
        return
    raise UseError("other runs are starting here at the same moment; give another folder")


def _who(pid: int) -> dict[str, str]:
    return {"pid": str(pid), "boot": _read("/proc/sys/kernel/random/boot_id"), "start": _start(pid)}


def _holder(lock: Path) -> dict[str, str] | None:
    """Who holds the lock; None where the file is unreadable, as after a crash between its creation and its writing."""
    try:
        found = json.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"pid", "boot", "start"} <= set(found) else None


def _runs(holder: dict[str, str]) -> bool:
    """Whether this very process, not another with its number, is still there."""
    try:
        os.kill(int(holder["pid"]), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError):
        return True
    return _who(int(holder["pid"])) == holder


def _start(pid: int) -> str:
    """The process's start in clock ticks since boot; "" where the system does not tell."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
