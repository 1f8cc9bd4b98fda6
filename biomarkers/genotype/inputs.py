"""What the user names becomes a list of files: files, folders, globs, lists of files; each once, in a fixed order."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from biomarkers.domain.errors import UseError

ENDINGS = (".vcf", ".vcf.gz", ".vcf.bgz", ".gvcf", ".gvcf.gz", ".bcf")


def find_files(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[str]:
    """Files to call, in the order named; those of a folder or glob sorted by name.

    Parameters
    ----------
    paths : path or sequence of paths
        A file; a folder (searched with its subfolders for VCF and BCF endings, links out of it not followed); a glob;
        `@list.txt` (one path per line, relative to the list); `-` for standard input. A file that does not exist is kept:
        its row says so.

    Raises
    ------
    UseError
        Nothing was named, a glob or folder holds no VCF, or a list cannot be read.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    found: dict[str, None] = {}
    for item in paths:
        for path in _expand(os.fspath(item)):
            found.setdefault(path)
    if not found:
        raise UseError("no file named; give VCF or BCF files, folders, globs or @list.txt")
    return _each_once(found)


def _each_once(found: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    kept = []
    for path in found:
        absolute = path if path == "-" else os.path.abspath(path)  # noqa: PTH100  Path.absolute keeps ".."
        if absolute not in seen:
            seen.add(absolute)
            kept.append(path)
    return kept


def _expand(item: str) -> list[str]:
    if item == "-":
        return [item]
    if item.startswith("@") and not Path(item).exists():
        return _listed(Path(item[1:]))
    path = Path(item)
    if path.is_dir():
        return _in_folder(path)
    if not os.path.lexists(item) and glob.has_magic(item):
        matches = sorted(glob.glob(item, recursive=True))  # noqa: PTH207  the pattern is the user's, absolute or not
        if not matches:
            raise UseError(f"no file matches {item!r}")
        return [file for match in matches for file in (_in_folder(Path(match)) if Path(match).is_dir() else [match])]
    return [item]


def _listed(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UseError(f"{path}: the list of files cannot be read: {error}") from error
    named = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not named:
        raise UseError(f"{path}: the list names no file")
    return [str(path.parent / name) for name in named]


def _in_folder(folder: Path) -> list[str]:
    """VCF and BCF files below a folder. A link that leads out of it is listed, so that its row can say so."""
    files = []
    for where, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        files += [str(Path(where) / name) for name in sorted(names) if name.endswith(ENDINGS)]
    if not files:
        raise UseError(f"{folder}: a directory without any file that ends in {', '.join(ENDINGS)}")
    return files
