"""A file, or a folder, is either the old one or the new one, whole: written aside, flushed to disk, then renamed."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import tempfile
from pathlib import Path


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace `path` by `data` in one step.

    The bytes go to a temporary file in the same folder, are flushed to disk, and take the name by `os.replace`;
    then the folder is flushed too. A crash at any moment leaves the old file or the new one, never a stump.

    Parameters
    ----------
    path : path-like
        The final name. Its folder must exist.
    data : bytes
        The whole content.

    Raises
    ------
    OSError
        The disk is full, the folder is read-only, ... ; the old file is intact and no temporary file is left.
    """
    target = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".partial", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Replace `path` by `text` (UTF-8, `\\n` line ends) in one step; see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def replace_folder(aside: Path, target: Path) -> None:
    """Give a finished folder its final name; an earlier one there goes only when the new one stands.

    Where the system can exchange two names in one step (Linux), a crash at any moment leaves one of the two under the name.
    Elsewhere the earlier folder first steps aside as `.<name>.old-<process id>`, and a crash between the two renames leaves it
    there, whole.

    Parameters
    ----------
    aside : pathlib.Path
        The finished folder, beside the target.
    target : pathlib.Path
        The final name; may hold an earlier folder, or nothing.

    Raises
    ------
    OSError
        The folder cannot be renamed; the earlier one is in its place.
    """
    if not target.exists():
        aside.rename(target)
    elif _exchanged(aside, target):
        shutil.rmtree(aside, ignore_errors=True)
    else:
        old = target.parent / f".{target.name}.old-{os.getpid()}"
        target.rename(old)
        try:
            aside.rename(target)
        except OSError:
            old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    _flush_folder(target.parent)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the system or the file system has no such call."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if os.name == "posix" else None
    if call is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of linux/fcntl.h and linux/fs.h
    if call(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0:
        return True
    fault = ctypes.get_errno()
    if fault in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(fault, os.strerror(fault), str(other))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable; some systems cannot open a folder, and there the rename stands anyway."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)
