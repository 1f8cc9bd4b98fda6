"""What is installed: versions, platform, and every file against the hash that the installer recorded."""

from __future__ import annotations

import base64
import hashlib
import platform
import re
import struct
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from biomarkers.qualify.check import Finding, close, holds, same

NAME = "biomarkers"
_BOUND = re.compile(r"\s*([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?\s*(?:>=\s*([0-9][0-9.]*))?\s*(?:;(.*))?")


def machine() -> dict[str, str]:
    """System, processor, Python and the libraries: what decides about numbers. Neither host nor user."""
    names = sorted({name for name, _ in needed()} | {NAME})
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        **{name: version_of(name) for name in names},
    }


def version_of(name: str) -> str:
    """Installed version of a distribution, or "absent"."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def needed(requires: list[str] | None = None) -> list[tuple[str, str]]:
    """Name and lower bound of every library that the package needs here; extras and other Pythons left out.

    Examples
    --------
    >>> needed(["numpy>=2.0", 'pyreadstat>=1.2; extra == "sas"', "scipy"])
    [('numpy', '2.0'), ('scipy', '')]
    """
    lines = (metadata.requires(NAME) or []) if requires is None else requires
    found = []
    for line in lines:
        match = _BOUND.fullmatch(line.strip())
        if match is None:
            continue
        name, bound, marker = match.groups()
        if marker and ("extra" in marker or not _applies(marker)):
            continue
        found.append((name, bound or ""))
    return found


def _applies(marker: str) -> bool:
    """Whether a marker of the one form that pyproject.toml uses, `python_version < "3.13"`, is true here."""
    limit = re.search(r"""python_version\s*<\s*["']([0-9.]+)["']""", marker)
    return limit is None or sys.version_info[:2] < _numbers(limit.group(1))[:2]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:4])


def libraries(_: Path) -> Iterator[Finding]:
    """Python and every library are there, at their lower bound or above."""
    yield holds("Python 3.11 or newer", sys.version_info >= (3, 11), platform.python_version())
    for name, bound in needed():
        seen = version_of(name)
        enough = seen != "absent" and _numbers(seen) >= _numbers(bound)
        yield Finding(name, f"{bound} or newer" if bound else "present", seen, enough)


def arithmetic(_: Path) -> Iterator[Finding]:
    """IEEE double precision: 53 bits, gradual underflow, and sums that were not rearranged."""
    import numpy as np

    yield same("bits of the mantissa", 53, sys.float_info.mant_dig)
    yield same("a double is 8 bytes", 8, struct.calcsize("d"))
    yield close("smallest positive double", 5e-324, float(np.nextafter(0.0, 1.0)), tolerance=0)
    yield same("1 + 2^-53 is 1", 1.0, float(np.float64(1) + np.float64(2.0**-53)))
    yield same("0.1 + 0.2", 0.30000000000000004, float(np.float64(0.1) + np.float64(0.2)))
    matrix = np.array([[4.0, 2.0], [2.0, 3.0]])
    yield close("Cholesky factor of a 2 x 2 matrix", 2**0.5, float(np.linalg.cholesky(matrix)[1, 1]), tolerance=1e-15)


def editable(distribution: metadata.Distribution) -> bool:
    """Whether this is a development installation, whose files no record vouches for."""
    import json

    try:
        about = json.loads(distribution.read_text("direct_url.json") or "{}")
    except ValueError:
        return False
    return bool(about.get("dir_info", {}).get("editable", False))


def files(_: Path) -> Iterator[Finding]:
    """Every file of the package has the size and the sha256 that were recorded when it was installed, and none was added."""
    yield from against_record(metadata.distribution(NAME))


def against_record(distribution: metadata.Distribution) -> Iterator[Finding]:
    """The findings of `files` for one distribution.

    Parameters
    ----------
    distribution : importlib.metadata.Distribution
    """
    if editable(distribution):
        yield Finding("installed files", "those of a wheel, with recorded hashes",
                      "a development installation: nothing vouches for its files. Install a wheel to qualify it", False)
        return
    recorded = [path for path in distribution.files or () if path.hash is not None and path.hash.mode == "sha256"]
    faults = []
    for path in recorded:
        place = Path(str(distribution.locate_file(path)))
        if not place.is_file():
            # `pip install --target` moves the launcher, which the installer made, and leaves its old place in the record
            if not str(path).startswith(".."):
                faults.append(f"{path}: missing")
            continue
        assert path.hash is not None
        digest = base64.urlsafe_b64encode(hashlib.sha256(place.read_bytes()).digest()).rstrip(b"=").decode("ascii")
        if digest != path.hash.value:
            faults.append(f"{path}: altered")
    root = Path(str(distribution.locate_file(NAME)))
    names = {str(path) for path in distribution.files or ()}
    present = (f"{NAME}/{p.relative_to(root).as_posix()}" for p in sorted(root.rglob("*"))
               if p.is_file() and "__pycache__" not in p.parts)
    faults += [f"{name}: not of the release" for name in present if name not in names]
    yield holds("files with a recorded hash", recorded, str(len(recorded)))
    yield same("altered, missing or added files", "none", "; ".join(faults[:20]) or "none")
