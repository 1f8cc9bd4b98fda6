"""A design registry: every number a trial states, and what reproduces it, recomputed whenever it is read.

A file holds what a trial says about itself (`[[comparison]]`, `[[single_arm]]`, `[escalation]`: the numbers an analysis needs)
and each `[[statement]]` with the derivations that were tried for it. Nothing in the file says whether a statement is right:
the verdict is computed.

* **reproduced**: exactly one derivation gives the stated number;
* **ambiguous**: several do, or, where no number is stated, the derivations differ; or only some of several stated numbers are
  reproduced. The statement does not say which was meant;
* **inconsistent**: a stated number contradicts others;
* **not reproduced**: no derivation gives it;
* **stated**: there is nothing to recompute.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import MISSING, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from biomarkers.domain import limits
from biomarkers.domain.errors import UseError
from biomarkers.domain.nearest import did_you_mean
from biomarkers.readers.toml_lines import line_of

from .derivations import DERIVATIONS, Outcome
from .simulate import Futility, TwoArmDesign
from .twostage import TwoStage

Noun = TypeVar("Noun")
UNIT_DAYS = {"days": 1.0, "weeks": 7.0, "months": 30.4375}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A randomised comparison: times in `unit`, alpha one-sided. `look` and `assumed_strata` are inputs, never assumed."""

    name: str
    cohort: str = ""
    endpoint: str = "pfs"
    strata: tuple[str, ...] = ()
    n: int
    median_control: float
    median_experimental: float
    unit: str = "weeks"
    alpha: float
    power: float
    accrual: float
    follow_up: float
    events: int | None = None
    look: dict[str, float] | None = None
    assumed_strata: tuple[tuple[float, float], ...] = ()
    assumed_strata_are: str = ""

    def __post_init__(self) -> None:
        limits.one_sided(self.alpha)
        limits.wanted_power(self.power, self.alpha)
        if self.unit not in UNIT_DAYS:
            raise UseError(f"unit {self.unit!r} is not one of {', '.join(UNIT_DAYS)}")
        if self.n % 2:
            raise UseError(f"n = {self.n} is odd: two arms of equal size need an even number")
        self.two_arm()
        if self.look is not None:
            unknown = sorted(set(self.look) - {"events", "bound"})
            if unknown or "events" not in self.look:
                raise UseError("look needs events, and may give bound: look = { events = 29, bound = 0.0 }")
            if self.events is not None and self.look["events"] >= self.events:
                raise UseError(
                    f"look after {self.look['events']:g} events, but the last event analysed is number {self.events}"
                )

    @property
    def hazard_ratio(self) -> float:
        """Under exponential times."""
        return self.median_control / self.median_experimental

    @property
    def futility(self) -> Futility | None:
        """The look, where one is given."""
        return None if self.look is None else Futility(int(self.look["events"]), float(self.look.get("bound", 0.0)))

    def two_arm(self) -> TwoArmDesign:
        """The design as the simulator wants it, with the strata that the file assumes."""
        return TwoArmDesign(
            n_per_arm=self.n // 2, median_control=self.median_control, median_experimental=self.median_experimental,
            accrual=self.accrual, follow_up=self.follow_up, alpha=self.alpha, events=self.events,
            strata=tuple((s, h) for s, h in self.assumed_strata) or ((1.0, 1.0),),
        )


@dataclass(frozen=True, kw_only=True)
class SingleArm:
    """One cohort against a null share at a day. `stage1` = { n, r } is an input where the trial does not state it."""

    name: str
    cohort: str = ""
    endpoint: str = "pfs"
    day: int
    null: float | None = None
    alternative: float | None = None
    alpha: float | None = None
    power: float | None = None
    n: int | None = None
    design: dict[str, int] | None = None

    def __post_init__(self) -> None:
        for key in ("null", "alternative", "power"):
            if getattr(self, key) is not None:
                limits.share(getattr(self, key), key)
        if self.alpha is not None:
            limits.one_sided(self.alpha)
        if self.null is not None and self.alternative is not None and self.null >= self.alternative:
            raise UseError(f"null {self.null:g} and alternative {self.alternative:g}: the alternative must be the larger share")
        if self.design is not None:
            if set(self.design) != {"r1", "n1", "r", "n"}:
                raise UseError("design needs r1, n1, r and n")
            self.two_stage()

    def two_stage(self) -> TwoStage | None:
        """The boundary, where the file gives one."""
        return None if self.design is None else TwoStage(**self.design)


@dataclass(frozen=True, kw_only=True)
class Escalation:
    """A 3+3 escalation: levels in their order, scenarios of true DLT chances to show it under."""

    levels: tuple[Any, ...]
    unit: str = ""
    variant: str | None = None
    scenarios: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What the trial says, and the derivations tried for it."""

    id: str
    says: str
    about: str = ""
    value: float | None = None
    values: tuple[float, ...] = ()
    why: str = ""
    derivation: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class DesignFile:
    """A design registry as read.

    Attributes
    ----------
    comparisons, single_arms : tuple
    escalation : Escalation or None
    statements : tuple of Statement
    path : pathlib.Path
    """

    trial: str
    registry: str = ""
    title: str = ""
    source: str = ""
    assumptions: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    single_arms: tuple[SingleArm, ...] = ()
    escalation: Escalation | None = None
    statements: tuple[Statement, ...] = ()
    path: Path = field(default_factory=Path)

    def comparison(self, cohort: str) -> Comparison | None:
        """The comparison of a cohort, if the design has one."""
        return next((c for c in self.comparisons if cohort in (c.cohort, c.name)), None)

    def single_arm(self, cohort: str) -> SingleArm | None:
        """The single-arm question of a cohort, if the design has one."""
        return next((c for c in self.single_arms if cohort in (c.cohort, c.name)), None)


_TOP = {"trial", "registry", "title", "source", "assumptions", "comparison", "single_arm", "escalation", "statement"}


def read_design(path: str | os.PathLike[str]) -> DesignFile:
    """Read a design registry.

    Raises
    ------
    UseError
        Every problem at once: file, line, key, what is wrong and the nearest known key.
    """
    where = Path(path)
    text = where.read_text(encoding="utf-8")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UseError(f"{where.name}: {error}") from None
    problems: list[str] = []

    def complain(place: tuple[str | int, ...], words: str) -> None:
        line = line_of(text, place)
        problems.append(f"{where.name}{f':{line}' if line else ''} {'.'.join(map(str, place))}: {words}")

    for key in raw:
        if key not in _TOP:
            complain((key,), f"unknown key; {did_you_mean(key, _TOP)}")
    if not isinstance(raw.get("trial"), str):
        complain(("trial",), "a design needs the name of its trial: trial = \"...\"")

    def nouns(key: str, kind: type[Noun]) -> tuple[Noun, ...]:
        blocks = raw.get(key, [])
        if not isinstance(blocks, list):
            complain((key,), f"write it as [[{key}]]")
            return ()
        made = [_noun(kind, block, (key, i), complain) for i, block in enumerate(blocks)]
        return tuple(noun for noun in made if noun is not None)

    comparisons, single_arms = nouns("comparison", Comparison), nouns("single_arm", SingleArm)
    statements = nouns("statement", Statement)
    escalation = _noun(Escalation, raw["escalation"], ("escalation",), complain) if "escalation" in raw else None
    known = {c.name for c in comparisons} | {s.name for s in single_arms} | ({"escalation"} if escalation else set())
    for i, statement in enumerate(statements):
        _check_statement(statement, ("statement", i), known, complain)
    if problems:
        raise UseError("\n".join(problems))
    given = {key: raw.get(key, "") for key in ("trial", "registry", "title", "source")}
    return DesignFile(**given, assumptions=tuple(raw.get("assumptions", ())), comparisons=comparisons, single_arms=single_arms,
                      escalation=escalation, statements=statements, path=where)


def load_design(name: str) -> DesignFile:
    """The design registry of one of the two trials, as it comes with the package.

    Parameters
    ----------
    name : {"br1801", "stop_her2"}

    Examples
    --------
    >>> design = load_design("br1801")
    >>> design.registry, [c.name for c in design.comparisons]
    ('NCT04351230', ['ER+', 'ER-'])
    """
    package = Path(str(resources.files("biomarkers")))
    for folder in (package / "sample_data" / "designs", package.parent / "sample_data" / "designs"):
        if (folder / f"{name}.toml").is_file():
            return read_design(folder / f"{name}.toml")
    raise UseError(f"no design {name!r}; there are 'br1801' and 'stop_her2'")


def _noun(kind: type[Noun], block: Any, place: tuple[str | int, ...], complain: Any) -> Noun | None:
    """A frozen noun from a TOML table; None, with its complaints, where that cannot be."""
    if not isinstance(block, dict):
        complain(place, "must be a table of keys")
        return None
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    unknown = [key for key in block if key not in known]
    for key in unknown:
        complain((*place, key), f"unknown key; {did_you_mean(key, known)}")
    missing = [n for n, f in known.items() if n not in block and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        complain(place, f"needs {', '.join(missing)}")
    wrong = False
    for key, value in block.items():
        if key in known and not _fits(value, str(known[key].type)):
            complain((*place, key), f"{value!r} is not {_KINDS[str(known[key].type).split('[')[0].split(' ')[0]][1]}")
            wrong = True
    if unknown or missing or wrong:
        return None
    try:
        return kind(**{key: _frozen(value) for key, value in block.items()})
    except (UseError, TypeError) as error:
        complain(place, str(error))
        return None


_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "a whole number"), "float": ((int, float), "a number"), "str": ((str,), "text in quotes"),
    "tuple": ((list,), "a list"), "dict": ((dict,), "a table such as { a = 1 }"),
}


def _fits(value: Any, annotation: str) -> bool:
    """Whether a TOML value is of the kind that a field's annotation asks for."""
    kinds, _ = _KINDS[annotation.split("[")[0].split(" ")[0]]
    return isinstance(value, kinds) and not isinstance(value, bool)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value


def _check_statement(statement: Statement, place: tuple[str | int, ...], known: set[str], complain: Any) -> None:
    if statement.about and statement.about not in known:
        complain((*place, "about"), f"{statement.about!r} is nothing in this file; {did_you_mean(statement.about, known)}")
    if statement.value is not None and statement.values:
        complain(place, "give value or values, not both")
    for derivation in statement.derivation:
        by = derivation.get("by", "")
        if by not in DERIVATIONS:
            complain((*place, "derivation"), f"by = {by!r} is no derivation; {did_you_mean(str(by), DERIVATIONS)}")


def check_design(design: DesignFile) -> pd.DataFrame:
    """Recompute every statement.

    Returns
    -------
    DataFrame
        One row per statement: ``id, about, says, stated, verdict, reproduced_by, tried, why``. `attrs["derivations"]` is a
        frame with one row per derivation: ``id, by, text, value, matches, hint``.
    """
    inputs: dict[str, Any] = {c.name: c for c in design.comparisons} | {s.name: s for s in design.single_arms}
    inputs["escalation"] = design.escalation
    rows, details = [], []
    for statement in design.statements:
        found = []
        for given in statement.derivation:
            keys = {k: v for k, v in given.items() if k not in ("by", "part")}
            try:
                outcome = DERIVATIONS[given["by"]](inputs.get(statement.about), _stated(statement, given), **keys)
            except (TypeError, AttributeError, KeyError, IndexError, ValueError, ArithmeticError) as error:
                about = "" if inputs.get(statement.about) is not None else "; the statement needs about = ..., what it is about"
                where = f"{design.path.name}: statement {statement.id!r}, derivation {given['by']!r}"
                raise UseError(f"{where}: {error}{about}") from None
            found.append((given, outcome))
            details.append({"id": statement.id, "by": given["by"], "text": outcome.text, "value": outcome.value,
                            "matches": outcome.matches, "hint": outcome.hint})
        verdict = _verdict(statement, found)
        stated = statement.values or (() if statement.value is None else (statement.value,))
        rows.append(
            {
                "id": statement.id, "about": statement.about, "says": statement.says,
                "stated": ", ".join(f"{v:g}" for v in stated), "verdict": verdict,
                "reproduced_by": "; ".join(o.text for _, o in found if o.matches),
                "tried": "; ".join(o.text for _, o in found if not o.matches and not o.hint), "why": statement.why,
            }
        )
    table = pd.DataFrame(rows, columns=["id", "about", "says", "stated", "verdict", "reproduced_by", "tried", "why"])
    table.attrs["derivations"] = pd.DataFrame(details, columns=["id", "by", "text", "value", "matches", "hint"])
    return table


def _stated(statement: Statement, given: dict[str, Any]) -> float | None:
    if statement.values:
        return float(statement.values[int(given.get("part", 1)) - 1])
    return None if statement.value is None else float(statement.value)


def _verdict(statement: Statement, tried: list[tuple[dict[str, Any], Outcome]]) -> str:
    found = [(given, outcome) for given, outcome in tried if not outcome.hint]
    if not found:
        return "stated"
    if any(o.contradiction for _, o in found):
        return "inconsistent"
    if statement.values:
        parts = {int(given.get("part", 1)) for given, o in found if o.matches}
        return "reproduced" if len(parts) == len(statement.values) else "ambiguous" if parts else "not reproduced"
    if statement.value is None:
        if all(o.value is None for _, o in found):
            return "reproduced" if all(o.matches for _, o in found) else "not reproduced"
        return "reproduced" if len({o.value for _, o in found}) == 1 else "ambiguous"
    matches = sum(bool(o.matches) for _, o in found)
    return "reproduced" if matches == 1 else "ambiguous" if matches else "not reproduced"
