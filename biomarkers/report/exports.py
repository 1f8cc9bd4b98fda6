"""What a statistician needs to do everything again in R or SAS: the data as analysed, the results in long form, and the script.

The folder holds ADSL- and ADTTE-shaped tables (CSV for reading by eye, Dataset-JSON for exchange), `admk.csv` with one row per
analysis and subject and the covariate exactly as the model saw it, `admi.csv` with the imputed covariate where values lay
below a limit, `ard.csv` with one row per statistic, `results.csv` as the run wrote it, and `reproduce.R`, which computes the
rows again with R's survival and says how far apart the numbers are.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from biomarkers.domain.atomic import write_text
from biomarkers.domain.design import Design
from biomarkers.domain.errors import UseError
from biomarkers.kernels import tobit
from biomarkers.models.association import Model
from biomarkers.models.below_limit import Entering, impute
from biomarkers.models.exposure import Exposure
from biomarkers.report.folder import csv_text
from biomarkers.report.reproduce import MODEL, names, r_script

if TYPE_CHECKING:
    from biomarkers.plan.analysis import Association
    from biomarkers.plan.plan import Plan
    from biomarkers.study.study import Study

CREATED = "1970-01-01T00:00:00"
"""The creation time that Dataset-JSON requires. A constant: the same inputs give the same bytes; `run.log` knows the time."""


@dataclass(frozen=True)
class Dataset:
    """One table in the shape of the standard.

    Parameters
    ----------
    name : str
        "ADTTE".
    label : str
    rows : DataFrame
    labels : mapping of column to label
    keys : tuple of str
    """

    name: str
    label: str
    rows: pd.DataFrame
    labels: dict[str, str]
    keys: tuple[str, ...] = ()


def export_run(plan: Plan, study: Study, results: pd.DataFrame, out: str | os.PathLike[str]) -> list[Path]:
    """Everything of one run, into a folder.

    Questions that are no association (a supermodel, a response) have no single row per subject: their results are exported, and
    the script names them as left out.

    Parameters
    ----------
    plan : Plan
        Its analyses are asked again, without permutations, for the rows that each of them analysed.
    study : Study
    results : DataFrame
        `Results.table`: the numbers that the script has to meet.
    out : path-like
        Made where it does not exist; files of the same names are replaced, each in one step.

    Returns
    -------
    list of Path
        The files written, in the order of their writing.

    Raises
    ------
    UseError
        The study asks for a minimum cell size: data sets with a row per patient cannot keep it.
    """
    if study.design.privacy.minimum_cell_size > 1:
        raise UseError("study.toml asks for a minimum cell size, and an export has a row per patient: nothing was written. "
                       "Export from a study.toml without minimum_cell_size, for those who may see single patients")
    from biomarkers.plan.analysis import Analysis

    asked = [analysis for analysis in plan.against(study).analyses if isinstance(analysis, Analysis)]
    return export([replace(analysis, permutations=0).run(study) for analysis in asked], study, results, out)


def export(answers: Sequence[Association], study: Study, results: pd.DataFrame, out: str | os.PathLike[str]) -> list[Path]:
    """The same for associations of a notebook; `results` are their tables, one below the other."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    named = columns_of(answers, study)
    analysed, imputed = admk(answers, named), admi(answers)
    long = Dataset("ARD", "Analysis Results Data", ard(results), STATISTIC_LABELS)
    texts = {
        "adsl.csv": csv_text(adsl(study).rows),
        "adsl.json": dataset_json(adsl(study), study.design),
        "adtte.csv": csv_text(adtte(study).rows),
        "adtte.json": dataset_json(adtte(study), study.design),
        "admk.csv": csv_text(analysed.rows),
        "admk.json": dataset_json(analysed, study.design),
        "admi.csv": csv_text(imputed.rows),
        "ard.csv": csv_text(long.rows),
        "ard.json": dataset_json(long, study.design),
        "results.csv": csv_text(results),
        "reproduce.R": r_script(results, analysed.rows, named, study.design.arms),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


# ---- the data --------------------------------------------------------------------------------------------------------


def strata_columns(design: Design) -> dict[str, str]:
    """Stratum or covariate of the design to its exported column: STRAT1R, STRAT2R ... and COV1, COV2 ..."""
    named = {name: f"STRAT{i}R" for i, name in enumerate(design.strata, start=1)}
    return named | {name: f"COV{i}" for i, name in enumerate((c for c in design.covariates if c not in named), start=1)}


def adsl(study: Study) -> Dataset:
    """One row per subject: identifiers, cohort, arm, strata, covariates, and whether anything set the subject aside."""
    people = study.members
    columns = {
        "STUDYID": _text(people, "study", study.design.name),
        "USUBJID": _text(people, "subject"),
        "SITEID": _text(people, "site"),
        "COHORT": _text(people, "cohort"),
        "ARM": _text(people, "arm"),
        "TRT01P": _text(people, "arm"),
        "AGE": people["age"].astype(float),
        "SEX": _text(people, "sex"),
    }
    labels = {
        "STUDYID": "Study Identifier",
        "USUBJID": "Unique Subject Identifier",
        "SITEID": "Study Site Identifier",
        "COHORT": "Cohort of the Design",
        "ARM": "Description of Planned Arm",
        "TRT01P": "Planned Treatment for Period 01",
        "AGE": "Age",
        "SEX": "Sex",
        "ANFL": "Analysed Population Flag",
        "ANREASN": "Reason Not Analysed",
    }
    for name, column in strata_columns(study.design).items():
        columns[column] = people[name].astype(float) if _is_number(people[name]) else _text(people, name)
        labels[column] = name
    out = people["excluded"].fillna("") != ""
    columns["ANFL"] = np.where(out, "N", "Y")
    columns["ANREASN"] = _text(people, "excluded_why")
    return Dataset("ADSL", "Subject-Level Analysis Dataset", pd.DataFrame(columns), labels, ("STUDYID", "USUBJID"))


def adtte(study: Study) -> Dataset:
    """One row per subject and endpoint. CNSR 0 is the event, 1 censored, 2 a competing event; AVAL = end - start + 1 days.

    There are no dates in a study, only days: STARTDY and ADY stand for STARTDT and ADT, and as everywhere in the standard there
    is no day 0 among them.
    """
    people = study.members.set_index("subject")
    rows = study.outcomes
    rows = rows[rows["time"].notna() & rows["event"].notna() & rows["subject"].isin(people.index)]
    who = people.loc[rows["subject"]].reset_index()
    days, event = rows["time"].astype(int).to_numpy(), rows["event"].astype(int).to_numpy()
    kind = rows["event_type"].fillna("").astype(str).to_numpy()
    competing = (event == 0) & (kind == "restart")
    endpoint = rows["endpoint"].astype(str).to_numpy()
    named = {name.lower(): made.label for name, made in study.design.endpoints.items()}
    columns = {
        "STUDYID": _text(who, "study", study.design.name),
        "USUBJID": _text(who, "subject"),
        "SITEID": _text(who, "site"),
        "COHORT": _text(who, "cohort"),
        "TRTP": _text(who, "arm"),
        "PARAMCD": [name.upper()[:8] for name in endpoint],
        "PARAM": [named.get(name, name.upper()) for name in endpoint],
        "AVAL": days + 1,
        "AVALU": "DAYS",
        "CNSR": np.where(event == 1, 0, np.where(competing, 2, 1)),
        "STARTDY": 1,
        "ADY": np.where(days >= 0, days + 1, days),
        "EVNTDESC": [_described(k, e) for k, e in zip(kind, event, strict=True)],
        "ANL01FL": np.where(rows["excluded"].fillna("") == "", "Y", ""),
    }
    labels = {
        "STUDYID": "Study Identifier",
        "USUBJID": "Unique Subject Identifier",
        "SITEID": "Study Site Identifier",
        "COHORT": "Cohort of the Design",
        "TRTP": "Planned Treatment",
        "PARAMCD": "Parameter Code",
        "PARAM": "Parameter",
        "AVAL": "Analysis Value",
        "AVALU": "Analysis Value Unit",
        "CNSR": "Censor",
        "STARTDY": "Time-to-Event Origin Day",
        "ADY": "Analysis Relative Day",
        "EVNTDESC": "Event or Censoring Description",
        "ANL01FL": "Analysis Flag 01",
    }
    for name, column in strata_columns(study.design).items():
        if name in study.design.strata:
            columns[column], labels[column] = _text(who, name), name
    frame = pd.DataFrame(columns).sort_values(["USUBJID", "PARAMCD"], kind="stable", ignore_index=True)
    return Dataset("ADTTE", "Time-to-Event Analysis Dataset", frame, labels, ("STUDYID", "USUBJID", "PARAMCD"))


def columns_of(answers: Iterable[Association], study: Study) -> dict[str, str]:
    """Column of an analysis to its exported name: COHORT, ARM, those of ADSL, and ADJ1, ADJ2 ... for what else models hold."""
    named = {**strata_columns(study.design), "cohort": "COHORT", "arm": "ARM"}
    for answer in answers:
        for text in answer.table["model"].unique():
            model = MODEL.fullmatch(str(text))
            for name in () if model is None else (*names(model["strata"]), *names(model["adjust"])):
                if name in answer.sets.rows and name not in named:
                    named[name] = f"ADJ{sum(column.startswith('ADJ') for column in named.values()) + 1}"
    return named


def admk(answers: Iterable[Association], named: Mapping[str, str]) -> Dataset:
    """One row per analysis and subject analysed: the times, the marker, and X, the covariate as the model saw it."""
    parts = []
    for answer in answers:
        rows, seen = answer.sets.rows, answer.exposure
        start = rows["entry"].astype(float) if "entry" in rows else pd.Series(np.nan, index=rows.index)
        classes = _classes(seen)
        columns: dict[str, Any] = {
            "ANALYSIS": answer.table["analysis"].iloc[0], "USUBJID": _text(rows, "subject"), "COHORT": _text(rows, "cohort"),
            "ARM": _text(rows, "arm"), "PARAMCD": answer.question.endpoint.upper()[:8], "MARKER": answer.marker.name,
            "ENTRY": start.to_numpy() + 1, "AVAL": rows["time"].astype(int).to_numpy() + 1,
            "EVENT": rows["event"].astype(int).to_numpy(), "VALUE": _number(rows, "value"), "FEATURE": _number(rows, "x"),
            "X": np.asarray(seen.x, float), "CLASS": np.full(len(rows), "") if seen.groups is None else seen.groups,
            "CLASSN": classes,
        }  # fmt: skip
        for name, column in named.items():
            if name in rows and column not in columns:
                columns[column] = rows[name].astype(float).to_numpy() if _is_number(rows[name]) else _text(rows, name)
        parts.append(pd.DataFrame(columns))
    labels = {
        "ANALYSIS": "Analysis", "USUBJID": "Unique Subject Identifier", "COHORT": "Cohort of the Design", "ARM": "Arm",
        "PARAMCD": "Parameter Code", "MARKER": "Marker", "ENTRY": "Day at Risk From, Start Is Day 1",
        "AVAL": "Analysis Value in Days", "EVENT": "1 Event, 0 Censored", "VALUE": "Marker in Its Unit",
        "X": "Covariate on the Model Scale",
        "FEATURE": "Serial Marker on the Model Scale", "CLASS": "Class", "CLASSN": "Class of Two (N)",
        **{column: name for name, column in named.items()},
    }  # fmt: skip
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["ANALYSIS", "USUBJID"])
    labels = {column: labels[column] for column in frame.columns}
    return Dataset("ADMK", "Marker Analysis Dataset", frame, labels, ("ANALYSIS", "USUBJID"))


def _classes(exposure: Exposure) -> np.ndarray:
    """0 and 1 for two classes, in their order; missing for anything else."""
    if exposure.groups is None or not exposure.binary:
        return np.full(len(exposure.x), np.nan)
    return (np.asarray(exposure.groups) == exposure.order[1]).astype(float)


def admi(answers: Iterable[Association]) -> Dataset:
    """The imputed covariates: one row per analysis, imputation and subject; made again from the seed of the analysis."""
    parts = []
    for answer in answers:
        for i, x in enumerate(_imputations(answer), start=1):
            rows = answer.sets.rows
            parts.append(pd.DataFrame({
                "ANALYSIS": answer.table["analysis"].iloc[0], "USUBJID": _text(rows, "subject"), "IMPUTID": i, "X": x,
            }))  # fmt: skip
    columns = ["ANALYSIS", "USUBJID", "IMPUTID", "X"]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    labels = {"ANALYSIS": "Analysis", "USUBJID": "Unique Subject Identifier", "IMPUTID": "Imputation", "X": "Imputed Covariate"}
    return Dataset("ADMI", "Imputed Covariates", frame, labels, ("ANALYSIS", "IMPUTID", "USUBJID"))


def _imputations(answer: Association) -> list[np.ndarray]:
    """The covariates that were imputed for values below or above a limit; none where the analysis imputed nothing."""
    table, rows, by = answer.table, answer.sets.rows.reset_index(drop=True), answer.question.by
    row = table[table["method"].str.startswith("multiple imputation") & (table["cohort"] == "all")]
    model = MODEL.fullmatch(str(row["model"].iloc[0])) if len(row) else None
    if model is None:
        return []
    m = int(str(row["method"].iloc[0]).partition("m = ")[2].partition(")")[0])
    if "x_censor" in rows:
        x, code = rows["x"].to_numpy(float), rows["x_censor"].to_numpy(np.int64)
    else:
        x = np.asarray(answer.exposure.x, float)
        code = np.select([rows["censor"] == "left", rows["censor"] == "right"], [tobit.LEFT, tobit.RIGHT], tobit.NONE)
    strata = tuple(name for name in names(model["strata"]) if name != by)
    entering = Entering(x, code.astype(np.int64), np.full(len(rows), np.nan), "", "")
    settings = Model(strata=strata, adjust=names(model["adjust"]), seed=answer.question.seed)
    return list(impute(rows, entering, settings, groups=by, m=m))


# ---- the results -----------------------------------------------------------------------------------------------------

STATISTICS = {
    "estimate": "Estimate",
    "std_error": "Standard error",
    "conf_low": "Lower confidence limit",
    "conf_high": "Upper confidence limit",
    "conf_level": "Confidence level",
    "statistic": "Statistic",
    "p_value": "P value",
    "p_permutation": "Permutation P value",
    "p_adjusted": "P value adjusted within the family",
    "n": "Subjects",
    "n_events": "Events",
    "n_excluded": "Subjects excluded",
    "detectable": "Detectable hazard ratio",
}


STATISTIC_LABELS = {
    "AnalysisId": "Analysis", "AnalysisPurpose": "Prespecified or Exploratory", "Family": "Family of Tests",
    "PARAMCD": "Parameter Code", "MethodId": "Model and Test", "Group1_groupingId": "Grouping",
    "Group1_groupValue": "Group", "Variable": "Marker", "Term": "Term of the Model", "Contrast": "Contrast",
    "Timing": "When the Marker Is Known", "Estimand": "Estimand", "OperationId": "Statistic",
    "stat_label": "Statistic in Words", "rawValue": "Value, Unrounded", "note": "What a Reader Must Know",
}  # fmt: skip


def ard(results: pd.DataFrame) -> pd.DataFrame:
    """Analysis results data: one row per statistic, with what it belongs to; a statistic that is missing has no row.

    Columns follow the results model of CDISC: AnalysisId, MethodId, the grouping, OperationId and the raw value.
    """
    rows = []
    for line in results.to_dict("records"):
        shared = {
            "AnalysisId": line["analysis"],
            "AnalysisPurpose": "prespecified" if line["prespecified"] else "exploratory",
            "Family": line["family"],
            "PARAMCD": str(line["endpoint"]).upper(),
            "MethodId": f"{line['model']}; {line['method']}",
            "Group1_groupingId": "cohort",
            "Group1_groupValue": line["cohort"],
            "Variable": line["marker"],
            "Term": line["term"],
            "Contrast": line["contrast"],
            "Timing": line["timing"],
            "Estimand": line["estimand"],
        }
        for name, label in STATISTICS.items():
            value = line[name]
            if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
                continue
            rows.append({**shared, "OperationId": name, "stat_label": label, "rawValue": float(value), "note": line["note"]})
    return pd.DataFrame(rows)


def dataset_json(dataset: Dataset, design: Design) -> str:
    """The table as Dataset-JSON 1.1, one object; missing numbers are null, missing text is blank."""
    study = "".join(sign if sign.isalnum() else "." for sign in design.name)
    columns, values = [], []
    for name in dataset.rows.columns:
        series = dataset.rows[name]
        kind = _kind(series)
        column: dict[str, Any] = {
            "itemOID": f"IT.{dataset.name}.{name}",
            "name": name,
            "label": dataset.labels.get(name, name),
            "dataType": kind,
        }
        texts = [_plain(value, kind) for value in series.tolist()]
        if kind == "string":
            column["length"] = max((len(text) for text in texts), default=1) or 1
        if name in dataset.keys:
            column["keySequence"] = dataset.keys.index(name) + 1
        columns.append(column)
        values.append(texts)
    whole = {
        "datasetJSONCreationDateTime": CREATED,
        "datasetJSONVersion": "1.1.0",
        "fileOID": f"{study}/{dataset.name}",
        "originator": "biomarkers",
        "sourceSystem": {"name": "biomarkers", "version": metadata.version("biomarkers")},
        "studyOID": study,
        "metaDataVersionOID": f"MDV.{study}",
        "itemGroupOID": f"IG.{dataset.name}",
        "records": len(dataset.rows),
        "name": dataset.name,
        "label": dataset.label,
        "columns": columns,
        "rows": [list(row) for row in zip(*values, strict=True)],
    }
    return json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _kind(series: pd.Series) -> str:
    if pd.api.types.is_integer_dtype(series):
        return "integer"
    return "float" if pd.api.types.is_float_dtype(series) else "string"


def _plain(value: Any, kind: str) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return "" if kind == "string" else None
    return str(value) if kind == "string" else int(value) if kind == "integer" else float(value)


def _described(kind: str, event: int) -> str:
    if kind in ("", "none", "censored"):
        return "Event" if event else "Censored"
    return kind.capitalize() if event or kind == "restart" else f"Censored, {kind}"


def _text(frame: pd.DataFrame, column: str, default: str = "") -> np.ndarray:
    """A column as plain text, blank where missing or absent."""
    if column not in frame:
        return np.full(len(frame), default, dtype=object)
    values = ["" if pd.isna(value) else str(value) for value in frame[column].tolist()]
    return np.array([value or default for value in values], dtype=object)


def _is_number(series: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(series))


def _number(frame: pd.DataFrame, column: str) -> np.ndarray:
    """A column as numbers, missing where absent."""
    return frame[column].astype(float).to_numpy() if column in frame else np.full(len(frame), np.nan)
