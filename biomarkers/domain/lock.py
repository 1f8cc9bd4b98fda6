"""One writer at a time: a lock file that names its holder, and falls to the next when the holder is gone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from biomarkers.domain.errors import UseError

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # Windows: there the name alone is the lock
    flock = None  # type: ignore[assignment]


@contextmanager
def held(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock file `path` while the block runs.

    Parameters
    ----------
    path : path-like
        Made where it is not there, removed at the end. The system's own lock on it ends with the process, however that ends.
        It holds the process id, the machine's boot id and the process's start, to name the holder.

    Raises
    ------
    UseError
        Another process holds it; the message names that process.
    OSError
        The folder cannot be written.
    """
    lock = Path(path)
    handle = _take(lock) if flock is not None else _take_name(lock)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


def _take(lock: Path) -> int:
    """An open handle that holds the lock.

    Whoever waited at the door of a file that its holder then removed holds a lock on nothing, and asks again.
    """
    for _ in range(100):
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            flock(handle, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            _refuse(_holder(lock))
        if _is(lock, handle):
            os.ftruncate(handle, 0)
            os.write(handle, json.dumps(_who(os.getpid())).encode())
            return handle
        os.close(handle)
    raise UseError("other runs are starting here at the same moment; give another folder")


def _is(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _take_name(lock: Path) -> None:
    """Hold the lock by its name alone, for systems without locks on files."""
    for _ in range(3):
        try:
            handle = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            holder = _holder(lock)
            if holder is not None and _runs(holder):
                _refuse(holder)
            lock.unlink(missing_ok=True)  # its holder is gone
            continue
        os.write(handle, json.dumps(_who(os.getpid())).encode())
        os.close(handle)
        return
    raise UseError("other runs are starting here at the same moment; give another folder")


def _refuse(holder: dict[str, str] | None) -> NoReturn:
    named = f" (process {holder['pid']})" if holder else ""
    raise UseError(f"another run is writing here{named}; wait for it, or give another folder")


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
    """Whether this very process, not another with its number, is still there; taken to be where the system cannot be asked."""
    if os.name != "posix":
        return True  # on Windows signal 0 is Ctrl-C, and would end the run that it asks about
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
