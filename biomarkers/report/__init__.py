"""Floor 7, reports: tidy results in, pages out; nothing is computed here.

The room is also the verb: `bm.report(results, "out/")` writes a run's folder, see `report.folder.report`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    """Importing a room binds its name in the package, where the public function of that name would stand; so it is called."""

    def __call__(self, results: Any, out: Any, **options: Any) -> Path:
        from biomarkers.report.folder import report

        return report(results, out, **options)


def __getattr__(name: str) -> Any:
    if name in ("write_report", "report_files"):
        from biomarkers.report import render

        return getattr(render, name)
    raise AttributeError(f"module 'biomarkers.report' has no attribute {name!r}")


sys.modules[__name__].__class__ = _Room
