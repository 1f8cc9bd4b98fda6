"""`biomarkers design FILE.toml`: a design registry printed, each number with what reproduces it."""

from __future__ import annotations

import json
import os
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from biomarkers.domain.errors import UseError

from .designs_file import Comparison, DesignFile, check_design, read_design
from .escalation import three_plus_three
from .simulate import simulate_logrank

VERDICTS = {
    "reproduced": "one derivation gives the stated number",
    "ambiguous": "several do, or the statement leaves several open",
    "inconsistent": "contradicts other stated numbers",
    "not reproduced": "no derivation gives it",
    "stated": "nothing to recompute",
}
MARKS = "= gives the stated number   ≠ does not   ? no number is stated   ~ another design, a hint only   · remark"
WIDTH = 118
TRIALS = 20_000


def run_design(
    path: str | os.PathLike[str], *, as_json: bool = False, n_trials: int = TRIALS, seed: int = 0, encoding: str = "utf-8"
) -> tuple[str, int]:
    """The text of a design registry and an exit code.

    Parameters
    ----------
    path : path-like
    as_json : bool
        One JSON object instead of text.
    n_trials : int
        Simulated trials under either hypothesis, for each comparison; 0 = no simulation.
    seed : int
    encoding : str
        Of the terminal: signs that it cannot show become ASCII ones.

    Returns
    -------
    (str, int)
        Text and 0; for a file that cannot be used every problem, with its line, and 2.
    """
    text, code = _run(path, as_json, n_trials, seed)
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        text = text.translate(str.maketrans(_ASCII)).encode("ascii", "replace").decode("ascii")
    return text, code


_ASCII = {"≠": "!=", "→": "->", "·": "-", "−": "-"}


def _run(path: str | os.PathLike[str], as_json: bool, n_trials: int, seed: int) -> tuple[str, int]:
    name = Path(path).name
    try:
        design = read_design(path)
        checked = check_design(design)
        simulated = {c.name: _simulated(c, n_trials, seed) for c in design.comparisons if n_trials}
    except UseError as error:
        return f"{error}\nThe design was not read.", 2
    except OSError as error:
        return f"{name}: {(error.strerror or str(error)).lower()}", 2
    except UnicodeDecodeError:
        return f"{name}: is not UTF-8 text", 2
    if as_json:
        return json.dumps(_plain(design, checked, simulated), indent=1), 0
    return "\n".join([*_head(design), "", *_statements(checked), "", *_count(checked), *_escalated(design), *_rules(design),
                      *_simulations(design, simulated, n_trials, seed)]), 0


def _simulated(comparison: Comparison, n_trials: int, seed: int) -> pd.DataFrame:
    return simulate_logrank(comparison.two_arm(), n_trials=n_trials, seed=seed, futility=comparison.futility)


def _head(design: DesignFile) -> list[str]:
    lines = [f"{design.trial}{f' ({design.registry})' if design.registry else ''}"]
    lines += [line for line in (design.title, f"Source: {design.source}" if design.source else "") if line]
    for assumption in design.assumptions:
        lines += textwrap.wrap(f"Assumed: {assumption}", WIDTH, subsequent_indent="         ")
    return lines


def _statements(checked: pd.DataFrame) -> list[str]:
    derivations, lines = checked.attrs["derivations"], []
    for row in checked.to_dict("records"):
        head = f"{row['verdict'].upper():<15} {row['id']}: {row['says']}"
        lines += textwrap.wrap(head, WIDTH, subsequent_indent=" " * 18)
        mine = derivations[derivations["id"] == row["id"]].to_dict("records")
        for d in sorted(mine, key=lambda d: (not d["matches"], d["hint"])):
            lines += _indented("=" if d["matches"] else "~" if d["hint"] else "≠" if row["stated"] else "?", d["text"])
        if row["why"]:
            lines += _indented("·", row["why"])
    return lines


def _indented(mark: str, text: str) -> list[str]:
    return textwrap.wrap(f"{mark} {text}", WIDTH, initial_indent=" " * 16, subsequent_indent=" " * 18)


def _count(checked: pd.DataFrame) -> list[str]:
    counts = checked["verdict"].value_counts()
    lines = [f"{len(checked)} statements: " + ", ".join(f"{counts[v]} {v}" for v in VERDICTS if v in counts) + "."]
    lines += [f"  {v:<15} {words}" for v, words in VERDICTS.items() if v in counts]
    return [*lines, f"  {MARKS}"]


def _escalated(design: DesignFile) -> list[str]:
    if design.escalation is None or not design.escalation.scenarios:
        return []
    levels = list(design.escalation.levels)
    lines = ["", f"3+3, exact ({design.escalation.unit}): chance that each level is declared".replace(" ()", "")]
    head = "".join(f"{v!s:>8}" for v in ["none", *levels])
    lines.append(f"  {'true DLT chances':<24}{'rule':<11}{head}{'E(n)':>9}{'E(DLT)':>9}")
    for scenario in design.escalation.scenarios:
        for variant in ("standard", "expand6"):
            table = three_plus_three(scenario, levels=levels, variant=variant)  # type: ignore[arg-type]
            chances = "".join(f"{p:>8.3f}" for p in table["p_mtd"])
            n, dlt = table["expected_n"].sum(), table["expected_dlt"].sum()
            lines.append("  " + f"{', '.join(f'{p:g}' for p in scenario):<24}{variant:<11}{chances}{n:>9.2f}{dlt:>9.2f}")
    return lines


def _rules(design: DesignFile) -> list[str]:
    """The exact error rates of a two-stage rule, where the file gives one."""
    lines: list[str] = []
    for arm in design.single_arms:
        rule = arm.two_stage()
        if rule is None or arm.null is None or arm.alternative is None:
            continue
        alpha, power = rule.p_reject(arm.null), rule.p_reject(arm.alternative)
        words = f"stop after {rule.n1} with at most {rule.r1}, reject with more than {rule.r} of {rule.n}"
        lines += ["", f"{arm.name}: {words}, exact",
                  f"  type I error {alpha:.4f} at {arm.null:g}, power {power:.4f} at {arm.alternative:g}, expected n "
                  f"{rule.expected_n(arm.null):.2f}, stopped early {rule.p_stop(arm.null):.4f}"]
        if arm.alpha is not None and alpha > arm.alpha:
            lines.append(f"  this exceeds the stated type I error {arm.alpha:g}")
        if arm.power is not None and power < arm.power:
            lines.append(f"  this falls short of the stated power {arm.power:g}")
    return lines


def _simulations(design: DesignFile, simulated: dict[str, pd.DataFrame], n_trials: int, seed: int) -> list[str]:
    lines: list[str] = []
    for comparison in design.comparisons:
        if comparison.name not in simulated:
            continue
        by = simulated[comparison.name].set_index(["hypothesis", "quantity"])
        when = f"at event {comparison.events}" if comparison.events else "at the end of follow-up"
        lines += ["", f"{comparison.name}: {n_trials:,} simulated trials under either hypothesis, seed {seed}; "
                      f"stratified log-rank {when}"]
        if comparison.assumed_strata_are:
            lines.append(f"  assumed: {comparison.assumed_strata_are}")
        for words, hypothesis in (("power", "alternative"), (f"size (nominal {comparison.alpha:.2f})", "null")):
            parts = [_with_error(words, by.loc[(hypothesis, "p_reject")])]
            if comparison.futility is not None:
                parts.append(_with_error("with the futility look obeyed", by.loc[(hypothesis, "p_reject_with_futility")]))
                parts.append(_with_error("stopped", by.loc[(hypothesis, "p_stop")]))
            lines.append("  " + ", ".join(parts))
        time, events = (by.loc[("alternative", q), "estimate"] for q in ("time", "events"))
        low, high = (by.loc[("alternative", q), "estimate"] for q in ("events_min", "events_max"))
        lines.append(f"  mean events {events:.4g} ({low:g} to {high:g}), mean time of analysis {time:.1f} {comparison.unit}")
        if comparison.futility is None:
            lines.append("  no futility look is given: its time and rule are inputs, look = { events = ..., bound = ... }")
    return lines


def _with_error(words: str, row: pd.Series) -> str:
    return f"{words} {row['estimate']:.4f} (Monte-Carlo error {row['std_error']:.4f})"


def _plain(design: DesignFile, checked: pd.DataFrame, simulated: dict[str, pd.DataFrame]) -> dict[str, Any]:
    derivations = checked.attrs["derivations"]
    statements = []
    for row in checked.to_dict("records"):
        mine = derivations[derivations["id"] == row["id"]].drop(columns="id")
        statements.append(row | {"derivations": json.loads(mine.to_json(orient="records"))})
    return {
        "trial": design.trial, "registry": design.registry, "title": design.title, "source": design.source,
        "assumptions": list(design.assumptions),
        "comparisons": [asdict(c) for c in design.comparisons], "single_arms": [asdict(s) for s in design.single_arms],
        "statements": statements,
        "simulated": {name: json.loads(table.to_json(orient="records")) for name, table in simulated.items()},
    }  # fmt: skip
