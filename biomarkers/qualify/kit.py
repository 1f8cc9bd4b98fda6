"""Carrying the kit out and writing its report: one HTML page and one JSON file, dated, never replaced."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from biomarkers.domain.atomic import write_text
from biomarkers.domain.errors import UseError
from biomarkers.qualify.check import Check, Outcome, carried_out
from biomarkers.qualify.checks import CHECKS
from biomarkers.qualify.installation import NAME, machine, version_of
from biomarkers.qualify.requirements import REQUIREMENTS


@dataclass(frozen=True)
class Qualification:
    """What the kit found on this installation.

    Parameters
    ----------
    outcomes : tuple of Outcome
        In the order of the kit.
    machine : dict of str to str
        System, Python and libraries with their versions.
    made_at : datetime.datetime
        In UTC. The only clock on any page of this package: a qualification holds from a day on, so its report is dated.
    """

    outcomes: tuple[Outcome, ...]
    machine: dict[str, str]
    made_at: datetime

    @property
    def passed(self) -> bool:
        """Whether every check passed and every requirement was checked."""
        return all(outcome.passed for outcome in self.outcomes) and all(self.of(key) for key in REQUIREMENTS)

    def of(self, requirement: str) -> tuple[Outcome, ...]:
        """The checks that serve a requirement."""
        return tuple(outcome for outcome in self.outcomes if requirement in outcome.check.requirements)

    def fulfilled(self, requirement: str) -> bool:
        """Whether a requirement was checked and every one of its checks passed."""
        return bool(self.of(requirement)) and all(outcome.passed for outcome in self.of(requirement))

    @property
    def verdict(self) -> str:
        """One sentence."""
        failed = [outcome.check.id for outcome in self.outcomes if not outcome.passed]
        open_ = [key for key in REQUIREMENTS if not self.of(key)]
        if not failed and not open_:
            n = sum(len(outcome.findings) for outcome in self.outcomes)
            return f"Qualified: {len(REQUIREMENTS)} requirements are met, by {len(self.outcomes)} checks with {n} comparisons."
        parts = [f"failed: {', '.join(failed)}"] if failed else []
        parts += [f"not checked: {', '.join(open_)}"] if open_ else []
        return f"Not qualified; {'; '.join(parts)}."

    def record(self) -> dict[str, Any]:
        """Everything, as plain values for JSON."""
        return {
            "package": NAME,
            "version": version_of(NAME),
            "made_at": self.made_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "qualified": self.passed,
            "verdict": self.verdict,
            "installation": self.machine,
            "requirements": [
                {"id": key, "statement": text, "met": self.fulfilled(key), "checks": [o.check.id for o in self.of(key)]}
                for key, text in REQUIREMENTS.items()
            ],
            "checks": [
                {
                    "id": o.check.id, "title": o.check.title, "origin": o.check.origin, "passed": o.passed,
                    "requirements": list(o.check.requirements),
                    "findings": [
                        {"what": f.what, "expected": f.expected, "observed": f.observed, "tolerance": f.tolerance,
                         "passed": f.passed} for f in o.findings
                    ],
                }
                for o in self.outcomes
            ],
        }


def qualify(checks: Sequence[Check] = CHECKS, *, progress: Callable[[Outcome], None] | None = None) -> Qualification:
    """Carry the checks out, each in an empty folder that is removed afterwards.

    Parameters
    ----------
    checks : sequence of Check
    progress : callable, optional
        Called with each outcome.

    Returns
    -------
    Qualification
    """
    outcomes = []
    for check in checks:
        with tempfile.TemporaryDirectory() as place:
            outcomes.append(carried_out(check, Path(place)))
        if progress is not None:
            progress(outcomes[-1])
    return Qualification(tuple(outcomes), machine(), datetime.now(UTC).replace(microsecond=0))


def write(found: Qualification, out: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write `qualification-<time>.html` and `.json` into a folder; an earlier report is never replaced.

    Raises
    ------
    UseError
        `out` is a file, or a report of this very second is there already.
    """
    from biomarkers.qualify.page import page

    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise UseError(f"{folder.name} is a file; give a folder")
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"qualification-{found.made_at.strftime('%Y%m%dT%H%M%SZ')}"
    html, record = folder / f"{stem}.html", folder / f"{stem}.json"
    if html.exists() or record.exists():
        raise UseError(f"{stem} is there already; a report is never replaced")
    write_text(record, json.dumps(found.record(), ensure_ascii=False, indent=1) + "\n")
    write_text(html, page(found))
    return html, record
