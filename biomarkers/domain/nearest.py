"""A misspelt name and the known one it was meant to be: the one text behind every "did you mean"."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known name closest to this one, or None where none is close.

    A beginning or a continuation of a known name counts before a similar one; upper and lower case are the same.

    Parameters
    ----------
    name : str
        As it was typed.
    known : iterable of str
        In the order in which ties are settled.
    cutoff : float
        Least similarity, 0 to 1, by `difflib.SequenceMatcher.ratio`.

    Examples
    --------
    >>> nearest("cohort", ["arms", "cohorts"]), nearest("HOLM", ["bh", "holm"]), nearest("x", ["arm"])
    ('cohorts', 'holm', None)
    """
    spelled = {text.casefold(): text for text in reversed(list(known))}
    order, wanted = list(reversed(spelled)), name.casefold()
    if not wanted:
        return None
    begun = [text for text in order if text and (text.startswith(wanted) or wanted.startswith(text))]
    found = get_close_matches(wanted, begun, 1, 0.0) or get_close_matches(wanted, order, 1, cutoff)
    return spelled[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], otherwise: str | None = None, *, cutoff: float = 0.6) -> str:
    """Half a sentence for an error: the nearest known name, or what else there is to say.

    Parameters
    ----------
    name : str
    known : iterable of str
    otherwise : str, optional
        Said where no known name is near; by default the known names.
    cutoff : float
        As in `nearest`.

    Examples
    --------
    >>> did_you_mean("markr", ["marker", "endpoint"])
    "did you mean 'marker'?"
    >>> did_you_mean("colour", ["marker", "endpoint"])
    'known: marker, endpoint'
    """
    names = list(known)
    near = nearest(name, names, cutoff=cutoff)
    if near is not None:
        return f"did you mean {near!r}?"
    return otherwise if otherwise is not None else f"known: {', '.join(names) or 'none'}"
