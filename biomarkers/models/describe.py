"""What is in the study, before any hazard ratio: patients, endpoints, marker values and assays as tidy tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from biomarkers.domain.marker import Marker
from biomarkers.models.km import kaplan_meier
from biomarkers.study.draws import baseline_values
from biomarkers.study.study import Study

PATIENTS = ("variable", "level", "cohort", "arm", "n", "n_total", "statistic", "value")
ENDPOINTS = ("endpoint", "label", "cohort", "arm", "n", "n_events", "follow_up_median", "conf_low", "conf_high")
VALUES = ("marker", "cohort", "arm", "value", "model_value", "status", "lod")
ASSAYS = ("marker", "label", "unit", "matrix", "kind", "scale", "effect", "lod_rule", "lod", "cut", "citation", "gates", "note")


def patients(study: Study) -> pd.DataFrame:
    """Table 1: counts of each declared stratum and covariate by cohort and arm; quartiles where it is a number."""
    people = study.analysable
    declared = list(dict.fromkeys([*study.design.strata, *study.design.covariates]))
    lines: list[dict[str, object]] = []
    for cohort, arm, part in _cells(study, people):
        here = {"cohort": cohort, "arm": arm, "n_total": len(part)}
        lines.append({**here, "variable": "patients", "level": "", "n": len(part), "statistic": "n", "value": len(part)})
        for name in (c for c in declared if c in part):
            lines += [{**here, **line} for line in _summary(part[name], name)]
    return pd.DataFrame(lines, columns=list(PATIENTS))


def _cells(study: Study, people: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Cohort by arm, then cohort alone, in the order of the design; arm "" is both."""
    cells = []
    for cohort in study.design.cohorts or ("all",):
        inside = people[people["cohort"] == cohort] if study.design.cohorts else people
        if len(study.design.arms) > 1 and "arm" in study.groups:
            cells += [(cohort, arm, inside[inside["arm"] == arm]) for arm in study.design.arms]
        cells.append((cohort, "", inside))
    return cells


def _summary(column: pd.Series, name: str) -> list[dict[str, object]]:
    known = column.dropna()
    lines: list[dict[str, object]] = []
    if pd.api.types.is_numeric_dtype(known) and known.nunique() > 4:
        for statistic, share in (("q1", 0.25), ("median", 0.5), ("q3", 0.75)):
            value = float(known.quantile(share)) if len(known) else float("nan")
            lines.append({"variable": name, "level": "", "n": len(known), "statistic": statistic, "value": value})
    else:
        lines += [{"variable": name, "level": str(level), "n": int(n), "statistic": "n", "value": int(n)}
                  for level, n in known.value_counts().sort_index().items()]
    missing = int(column.isna().sum())
    lines.append({"variable": name, "level": "missing", "n": missing, "statistic": "missing", "value": missing})
    return lines


def endpoints(study: Study, level: float = 0.95) -> pd.DataFrame:
    """Events and median follow-up (reverse Kaplan-Meier) of each endpoint by cohort and arm."""
    lines = []
    people = study.analysable
    present = set(study.outcomes["endpoint"].str.lower())
    for endpoint in study.design.endpoints.values():
        if endpoint.name.lower() not in present:
            continue
        outcome = study.outcome(endpoint.name)[["subject", "time", "event"]]
        frame = people.merge(outcome, on="subject").dropna(subset=["time", "event"])
        for cohort, arm, part in _cells(study, frame):
            line = {"endpoint": endpoint.name, "label": endpoint.label, "cohort": cohort, "arm": arm, "n": len(part),
                    "n_events": int(part["event"].sum())}
            lines.append(line | _follow_up(part, level))
    return pd.DataFrame(lines, columns=list(ENDPOINTS))


def _follow_up(part: pd.DataFrame, level: float) -> dict[str, float]:
    if part.empty:
        return {"follow_up_median": float("nan"), "conf_low": float("nan"), "conf_high": float("nan")}
    reverse = kaplan_meier(part.assign(censored=1 - part["event"]), "time", "censored", level=level).median.iloc[0]
    return {"follow_up_median": reverse["median"], "conf_low": reverse["conf_low"], "conf_high": reverse["conf_high"]}


def marker_values(study: Study, names: Sequence[str]) -> pd.DataFrame:
    """Baseline values of the markers, one row per subject without its id, raw and on the model scale.

    Parameters
    ----------
    study : Study
    names : sequence of str
        Markers, in the order in which they come back.

    Returns
    -------
    DataFrame
        marker, cohort, arm, value, and what `figures.distributions` draws.

    Examples
    --------
    >>> import biomarkers as bm
    >>> values = marker_values(bm.load_example("br1801"), ["stil"])
    >>> len(values), values["marker"].unique().tolist()
    (98, ['stil'])
    """
    parts = []
    keys = study.analysable[["subject", *study.groups]]
    for name in names:
        marker = study.design.marker(name)
        chosen = baseline_values(study, marker)
        rows = keys.merge(chosen[chosen["lost"] == ""], on="subject")
        c = rows["c"].fillna(0.0).astype(float).to_numpy()
        on_scale = marker.to_model_scale(rows["value"].astype(float), c) if marker.quantitative else rows["value"]
        part = pd.DataFrame({"marker": name, "cohort": rows.get("cohort", "all"), "arm": rows.get("arm", ""),
                             "value": rows["value"].astype(float), "model_value": on_scale, "status": rows["status"],
                             "lod": rows["lod"].astype(float)})
        parts.append(part.sort_values(["cohort", "arm", "value"], kind="stable"))
    return pd.concat(parts, ignore_index=True)[list(VALUES)] if parts else pd.DataFrame(columns=list(VALUES))


def assays(markers: Sequence[Marker]) -> pd.DataFrame:
    """One card per marker: what it is measured in, how it enters a model, its limit, its cut and its gates."""
    lines = []
    for m in markers:
        gates = "; ".join(f"{g.column} {_limits(g.low, g.high, g.allowed)}" for g in m.gates)
        lines.append({
            "marker": m.name, "label": m.label, "unit": m.unit, "matrix": m.matrix, "kind": m.kind, "scale": m.scale,
            "effect": m.effect, "lod_rule": m.lod_rule, "lod": m.lod, "cut": m.cut.value if m.cut else None,
            "citation": m.cut.citation if m.cut else "", "gates": gates, "note": m.note,
        })
    return pd.DataFrame(lines, columns=list(ASSAYS))


def _limits(low: float | None, high: float | None, allowed: Sequence[str]) -> str:
    parts = [f"at least {low:g}" if low is not None else "", f"at most {high:g}" if high is not None else "",
             f"is {' or '.join(allowed)}" if allowed else ""]
    return " and ".join(p for p in parts if p)


