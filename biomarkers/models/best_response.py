"""Best overall response of each patient: the best answer up to the first progression, confirmed where that is asked.

One rule for the trial's own rates and for the question whether a marker goes with response, so that the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.domain.trial import RESPONSES

RESPONDERS = ("CR", "PR")


def best_response(
    response: pd.DataFrame, subjects: Sequence[str], *, confirmed: bool = False, benefit_days: int = 168,
    responders: Sequence[str] = RESPONDERS,
) -> pd.DataFrame:
    """Best overall response of every patient.

    Parameters
    ----------
    response : DataFrame
        subject, day, response (CR, PR, SD, PD, NE).
    subjects : sequence of str
        Everybody: a patient without an assessment is not evaluable, not absent.
    confirmed : bool
        CR and PR count only with a second one at least 28 days later.
    benefit_days : int
        SD at this day or later, before any PD, is clinical benefit.
    responders : sequence of str
        What counts as a response; a word of the study's own (pCR) ranks before the others.

    Returns
    -------
    DataFrame
        ``subject, best, responder, benefit, evaluable``.

    Examples
    --------
    >>> seen = pd.DataFrame({"subject": ["a", "a", "b"], "day": [42, 84, 42], "response": ["SD", "PR", "PD"]})
    >>> best_response(seen, ["a", "b", "c"])
      subject best  responder  benefit  evaluable
    0       a   PR       True     True       True
    1       b   PD      False    False       True
    2       c   NE      False    False      False
    """
    said = response.assign(response=response["response"].astype("string").str.strip().str.upper())
    wanted = [str(r).upper() for r in responders]
    ranked = [*(r for r in wanted if r not in RESPONSES), *RESPONSES]
    unknown = said[said["response"].isna() | ~said["response"].isin(ranked)]
    if len(unknown):
        raise UseError(f"{len(unknown)} responses are not one of {', '.join(ranked)}; first "
                       f"{unknown['response'].iloc[0]!r} of subject {unknown['subject'].iloc[0]!r}")
    strangers = sorted(set(said["subject"]) - set(subjects))
    if strangers:
        raise UseError(f"{len(strangers)} subjects with responses are not among the patients; first {strangers[0]!r}")
    groups = dict(list(said.sort_values("day", kind="stable").groupby("subject")))
    rows = []
    for subject in subjects:
        mine = groups.get(subject)
        seen = [] if mine is None else list(zip(mine["day"].tolist(), mine["response"].tolist(), strict=True))
        first_pd = next((d for d, r in seen if r == "PD"), None)
        before = [(d, r) for d, r in seen if r != "NE" and (first_pd is None or d <= first_pd)]
        if confirmed:
            hits = [d for d, r in before if r in RESPONDERS]
            before = [(d, "SD" if r in RESPONDERS and not any(e >= d + 28 for e in hits) else r) for d, r in before]
        best = min((r for _, r in before), key=ranked.index, default="NE")
        answered = any(r in wanted for _, r in before)
        long = any(r not in ("PD", "NE") and d >= benefit_days for d, r in before)
        rows.append((subject, best, answered, answered or long, best != "NE"))
    return pd.DataFrame(rows, columns=["subject", "best", "responder", "benefit", "evaluable"])
