"""What a later version of a plan changed: compared key by key with the version it amends, and listed in the results.

An analysis that an amendment added or changed is still in the plan, and its rows say in which version it came: a reader judges
by the date of the amendment, which no program knows, whether the data had been seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from biomarkers.plan.plan import Plan

COLUMNS = ("change", "analysis", "key", "before", "after")
_WHOLE = ("title", "study", "version", "multiplicity", "seed", "permutations")
_OF_THE_RUN = ("prespecified",)


def differences(before: Plan, after: Plan) -> pd.DataFrame:
    """Every difference between two versions of a plan.

    Parameters
    ----------
    before, after : Plan

    Returns
    -------
    pandas.DataFrame
        change ("changed", "removed", "added"), analysis ("" for the plan itself), key, before, after: one row per key that
        differs, in the order of the plan; the order of the analyses themselves is no difference.
    """
    lines = [("changed", "", key, _words(getattr(before, key)), _words(getattr(after, key)))
             for key in _WHOLE if getattr(before, key) != getattr(after, key)]
    old = {a.id: a for a in before.analyses}
    new = {a.id: a for a in after.analyses}
    lines += [("removed", name, "", _summary(old[name]), "") for name in old if name not in new]
    for name, question in new.items():
        if name not in old:
            lines.append(("added", name, "", "", _summary(question)))
            continue
        was, now = _settings(old[name]), _settings(question)
        lines += [("changed", name, key, _words(was.get(key)), _words(now.get(key)))
                  for key in dict.fromkeys([*was, *now]) if was.get(key) != now.get(key)]
    return pd.DataFrame(lines, columns=list(COLUMNS))


def stamps(changes: pd.DataFrame, version: int | str) -> Mapping[str, str]:
    """What the rows of each amended analysis must say, by its id.

    Examples
    --------
    >>> changes = pd.DataFrame([("changed", "til", "cut", "none", "20"), ("added", "tk1", "", "", "x")], columns=list(COLUMNS))
    >>> stamps(changes, 2)
    {'til': 'amended in version 2 (cut: none, now 20)', 'tk1': 'amended in version 2 (added)'}
    """
    out = {}
    for name, part in changes[(changes["analysis"] != "") & (changes["change"] != "removed")].groupby("analysis", sort=False):
        said = [c.change if c.change == "added" else f"{c.key}: {c.before}, now {c.after}" for c in part.itertuples()]
        out[str(name)] = f"amended in version {version} ({'; '.join(said)})"
    return out


def stamped(table: pd.DataFrame, said: Mapping[str, str]) -> pd.DataFrame:
    """The result table with these notes added to the rows of their analyses."""
    if not said:
        return table
    extra = table["analysis"].map(said).fillna("")
    both = (table["note"] != "") & (extra != "")
    return table.assign(note=(table["note"] + both.map({True: "; ", False: ""}) + extra).astype("str"))


def _settings(question: Any) -> dict[str, Any]:
    return {f.name: getattr(question, f.name) for f in fields(question) if f.name not in _OF_THE_RUN}


def _summary(question: Any) -> str:
    parts = [getattr(question, name, None) for name in ("marker", "feature", "endpoint")]
    return ", ".join(str(p) for p in parts if p)


def _words(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "(nothing)"
    return str(value)
