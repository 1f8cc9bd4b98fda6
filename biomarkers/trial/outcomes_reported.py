"""Patient-reported outcomes scored by rule files: item numbers, range, reversals, how many must be answered, whose rule it is.

No item wording is here, and no conversion table that belongs to a publisher. A rule says whether its key was verified; one from
memory says so in every score it makes. Scored totals and T-scores are taken as they are given.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.domain.nearest import did_you_mean
from biomarkers.readers.toml_lines import line_of

TRANSFORMS = ("sum", "0-100", "100-0")
DIRECTIONS = ("high is better", "high is worse")


@dataclass(frozen=True, kw_only=True)
class Scale:
    """One score of an instrument.

    Parameters
    ----------
    items : tuple of str
        Columns; or `of`, the scales of which this one is the sum; or `total`, a score that is given.
    reverse : tuple of str
        Items counted as low + high - answer.
    more_than, at_least_share, at_least : float, float, int
        Fewest answers: a share to be exceeded, a share, a number. None of them: all must be answered.
    transform : {"sum", "0-100", "100-0"}
        The prorated sum, or the mean on 0 to 100, rising or falling with the answers.
    complete_from : float
        Below this share of answered items a sum of scales is flagged, not dropped.
    """

    items: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    total: bool = False
    reverse: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    more_than: float | None = None
    at_least_share: float | None = None
    at_least: int | None = None
    transform: str = "sum"
    complete_from: float | None = None
    minimal_difference: tuple[float, ...] = ()
    grades: Mapping[str, float] = field(default_factory=dict)
    has_baseline: bool = True

    def needed(self) -> int:
        """Fewest answers."""
        n = len(self.items)      # 0.55 of 20 is 11.000000000000002 to a machine, and 11 to a rule
        if self.more_than is not None:
            return int(np.floor(round(self.more_than * n, 9))) + 1
        if self.at_least_share is not None:
            return int(np.ceil(round(self.at_least_share * n, 9)))
        return n if self.at_least is None else self.at_least


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How an instrument is scored, and whose rule that is."""

    name: str
    title: str
    version: str
    direction: str
    range: tuple[float, float]
    citation: str
    licence: str
    verified: bool
    scales: Mapping[str, Scale]
    remark: str = ""

    @property
    def items(self) -> tuple[str, ...]:
        """All items, in order."""
        return tuple(dict.fromkeys(item for scale in self.scales.values() for item in scale.items))


def rules() -> pd.DataFrame:
    """The rule files that come with the package: ``name, title, version, direction, licence, verified, citation, remark``.

    Examples
    --------
    >>> rules()[["name", "licence", "verified"]].head(3)
                  name                  licence  verified
    0             cost            FACIT licence     False
    1  decision_regret       free with citation     False
    2           fact_b  registration with FACIT     False
    """
    folder = resources.files("biomarkers.trial") / "rules"
    found = [read_rule(Path(str(p))) for p in sorted(folder.iterdir(), key=lambda p: p.name) if p.name.endswith(".toml")]
    columns = ["name", "title", "version", "direction", "licence", "verified", "citation", "remark"]
    return pd.DataFrame([{c: getattr(rule, c) for c in columns} for rule in found], columns=columns)


def read_rule(source: str | os.PathLike[str]) -> Rule:
    """A rule by its name ("fact_b"), or from a file of your own.

    Raises
    ------
    UseError
        Every problem of the file at once.
    """
    shipped = resources.files("biomarkers.trial") / "rules" / f"{source}.toml"
    if isinstance(source, str) and shipped.is_file():
        path = Path(str(shipped))
    else:
        path = Path(source)
        if not path.is_file():
            names = [p.name.removesuffix(".toml") for p in (resources.files("biomarkers.trial") / "rules").iterdir()]
            near = did_you_mean(str(source), names)
            raise UseError(f"no scoring rule {str(source)!r}; {near}; or give the path of a rule file")
    text = path.read_text(encoding="utf-8")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UseError(f"{path.name}: {error}") from None
    problems: list[str] = []

    def complain(place: tuple[str, ...], words: str) -> None:
        line = line_of(text, place)
        problems.append(f"{path.name}{f':{line}' if line else ''} {'.'.join(place)}: {words}")

    scales = {}
    for name, block in raw.get("scales", {}).items():
        _check_keys(Scale, block, ("scales", name), complain)
        known = {f.name for f in fields(Scale)}
        scales[name] = Scale(**{k: tuple(v) if isinstance(v, list) else v for k, v in block.items() if k in known})
    given = {k: v for k, v in raw.items() if k != "scales"}
    _check_keys(Rule, given | {"scales": {}}, (), complain)
    _check_scales(raw, scales, complain)
    if problems:
        raise UseError("\n".join(problems))
    return Rule(**(given | {"range": tuple(given["range"]), "scales": scales}))


def score(
    items: pd.DataFrame, rule: str | Rule | os.PathLike[str], *, columns: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Score answers by a rule.

    Parameters
    ----------
    items : DataFrame
        One row per patient and time. Items are columns under the rule's names (missing = not answered); all other columns
        (subject, day, visit ...) are carried along. A column `version` must name the rule's version.
    rule : str, Rule or path
    columns : mapping of item to column, optional
        Where your columns have other names.

    Returns
    -------
    DataFrame
        Long: the carried columns, then ``instrument, scale, score, n_items, n_answered, complete, grade, direction, note``. A
        score that the rule does not allow (too few answers) is missing, with the reason in `note`.

    Raises
    ------
    UseError
        An item outside its range, an item column that is not there, versions mixed or other than the rule's.

    Examples
    --------
    >>> answers = pd.DataFrame({"subject": ["a", "b"], **{f"GAD{i}": [1, i % 3] for i in range(1, 8)}})
    >>> answers.loc[1, ["GAD6", "GAD7"]] = None
    >>> score(answers, "gad7")[["subject", "scale", "score", "n_answered", "grade"]]
      subject scale  score  n_answered  grade
    0       a  GAD7    7.0           7   mild
    1       b  GAD7    8.4           5   mild
    """
    use = rule if isinstance(rule, Rule) else read_rule(rule)
    renamed = {new: old for old, new in (columns or {}).items()}
    frame = items.rename(columns=renamed).reset_index(drop=True)
    wanted = [*use.items, *(name for name, scale in use.scales.items() if scale.total)]
    missing = [c for c in wanted if c not in frame.columns]
    if missing:
        raise UseError(f"{use.title} needs {len(wanted)} columns and {len(missing)} are not there; first {missing[0]!r}. "
                       "Map yours with columns={item: column}")
    _check_version(frame, use)
    carried = frame[[c for c in frame.columns if c not in wanted]]
    values = {c: _numbers(frame, c, _range_of(use, c), use) for c in wanted}
    parts, made = [], {}
    for name, scale in use.scales.items():
        made[name] = _score_one(name, scale, use, values, made)
        parts.append(pd.concat([carried, made[name]], axis=1).assign(_row=np.arange(len(frame))))
    table = pd.concat(parts, ignore_index=True).sort_values("_row", kind="stable").drop(columns="_row")
    return table.reset_index(drop=True)


def _score_one(
    name: str, scale: Scale, rule: Rule, values: Mapping[str, np.ndarray], made: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    low, high = scale.range or rule.range
    if scale.of:
        parts = [made[part] for part in scale.of]
        result = np.sum([part["score"].to_numpy() for part in parts], axis=0)
        n_items = sum(int(part["n_items"].iloc[0]) for part in parts) if len(parts[0]) else 0
        answered = np.sum([part["n_answered"].to_numpy() for part in parts], axis=0)
        few = "a scale it is made of is missing"
    elif scale.total:
        result, n_items = values[name], 1
        answered, few = (~np.isnan(result)).astype(int), "not given"
    else:
        answers = np.column_stack([low + high - values[i] if i in scale.reverse else values[i] for i in scale.items])
        n_items, answered = len(scale.items), (~np.isnan(answers)).sum(axis=1)
        enough = answered >= scale.needed()
        mean = np.divide(np.nansum(answers, axis=1), answered, out=np.full(len(answers), np.nan), where=enough & (answered > 0))
        share = (mean - low) / (high - low)
        result = {"sum": mean * n_items, "0-100": 100 * share, "100-0": 100 * (1 - share)}[scale.transform]
        few = f"fewer than {scale.needed()} of {n_items} answered"
    fewest = -1.0 if scale.complete_from is None else round(scale.complete_from * n_items, 9)
    complete = answered > fewest
    lost = np.isnan(result)
    unverified = "" if rule.verified else "the rule is not verified against the publisher's"
    partial = "" if scale.complete_from is None else f"{100 * scale.complete_from:g} % of the items or fewer answered"
    notes = ["; ".join(p for p in (few if gone else "", "" if ok or gone else partial, unverified) if p)
             for gone, ok in zip(lost, complete, strict=True)]
    return pd.DataFrame({
        "instrument": rule.name, "scale": name, "score": result, "n_items": n_items, "n_answered": answered,
        "complete": complete & ~lost, "grade": [_grade(scale, v) for v in result], "direction": rule.direction, "note": notes,
    })


def _grade(scale: Scale, value: float) -> str:
    reached = [(least, name) for name, least in scale.grades.items() if value >= least]
    return max(reached)[1] if reached else ""


def _range_of(rule: Rule, item: str) -> tuple[float, float]:
    return next((s.range for s in rule.scales.values() if item in s.items and s.range is not None), None) or rule.range


def _numbers(frame: pd.DataFrame, column: str, legal: tuple[float, float], rule: Rule) -> np.ndarray:
    value = pd.to_numeric(frame[column], errors="coerce")
    whole = column in rule.items
    bad = (frame[column].notna() & value.isna()) | (value < legal[0]) | (value > legal[1])
    if whole:
        bad |= value.notna() & (value != value.round())
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        who = f" of subject {frame['subject'].iloc[place]}" if "subject" in frame else ""
        first = frame[column].iloc[place]
        what = f"{'whole numbers ' if whole else ''}from {legal[0]:g} to {legal[1]:g}"
        raise UseError(f"{rule.title}: values of {column} that are not {what}: {int(bad.sum())}, first {str(first)!r}{who} "
                       f"(row {place + 1}). A missing answer is an empty cell")
    return value.to_numpy(dtype=float)


def _check_version(frame: pd.DataFrame, rule: Rule) -> None:
    if "version" not in frame:
        return
    versions = sorted(frame["version"].dropna().astype(str).unique())
    if len(versions) > 1:
        raise UseError(f"{rule.title}: versions {', '.join(versions)} are mixed; their scores are not comparable. "
                       "Score each by its own rule")
    if versions and versions[0] != rule.version:
        raise UseError(f"{rule.title}: the answers are version {versions[0]}, the rule is for version {rule.version}")


def _check_keys(kind: type, block: Mapping[str, Any], place: tuple[str, ...], complain: Any) -> None:
    known = {f.name: f for f in fields(kind)}
    for key in block:
        if key not in known:
            complain((*place, key), f"unknown key; {did_you_mean(key, known)}")
    missing = [n for n, f in known.items() if n not in block and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        complain(place, f"needs {', '.join(missing)}")


def _check_scales(raw: Mapping[str, Any], scales: Mapping[str, Scale], complain: Any) -> None:
    if not scales:
        complain(("scales",), "a rule needs at least one [scales.NAME]")
    if raw.get("direction") not in DIRECTIONS:
        complain(("direction",), f"must be one of {', '.join(DIRECTIONS)}")
    seen: set[str] = set()
    for name, scale in scales.items():
        place = ("scales", name)
        if sum((bool(scale.items), bool(scale.of), scale.total)) != 1:
            complain(place, "needs exactly one of items, of, total")
        if set(scale.reverse) - set(scale.items):
            complain((*place, "reverse"), f"{sorted(set(scale.reverse) - set(scale.items))[0]!r} is not among its items")
        if scale.transform not in TRANSFORMS:
            complain((*place, "transform"), f"must be one of {', '.join(TRANSFORMS)}")
        if set(scale.of) - seen:
            complain((*place, "of"), f"{sorted(set(scale.of) - seen)[0]!r} is no scale above it")
        seen.add(name)
