"""Where a key stands in a TOML file, so that an error can name its line."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?")


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """Line (from 1) of the last part of `path` that can be found; None where nothing can.

    Parameters
    ----------
    text : str
        The file.
    path : sequence of str and int
        As pydantic gives it: ``("analysis", 2, "marker")``, ``("visits", "week6", "window")``.

    Examples
    --------
    >>> line_of('title = "x"\\n[[analysis]]\\nid = "a"\\n[[analysis]]\\nid = "b"', ("analysis", 1, "id"))
    5
    """
    names = [p for p in path if isinstance(p, str)]
    index = next((p for p in path if isinstance(p, int)), None)
    best: tuple[int, int] | None = None
    table: list[str] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            table = [part.strip().strip("\"'") for part in header.group(2).split(".")]
            if header.group(1) == "[[":
                seen[header.group(2)] = seen.get(header.group(2), -1) + 1
            depth = _common(table, names)
            key_found = depth == len(table) and depth
        else:
            key = re.match(r"\s*(?:\"([^\"]+)\"|'([^']+)'|([A-Za-z0-9_-]+))\s*=", line)
            here = [*table, next(g for g in key.groups() if g)] if key else []
            depth = _common(here, names)
            key_found = bool(here) and depth == len(here)
        if index is not None and table and seen.get(table[0], index) != index:
            continue
        if key_found and (best is None or depth > best[0]):
            best = (depth, number)
    return best[1] if best else None


def _common(here: Sequence[str], names: Sequence[str]) -> int:
    n = 0
    for a, b in zip(here, names, strict=False):
        if a != b:
            break
        n += 1
    return n
