"""Can the calls of a cohort be trusted? Call rates, Hardy-Weinberg, concordance with its direction, and what if V were lost.

Everything here is computed as tidy frames; `quality_page` shows them. Nothing is filtered: quality is shown beside the
analysis, and a platform that goes with cohort or arm is said to do so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.domain.loci import LOCI, Locus, find_loci
from biomarkers.domain.numbers import plural
from biomarkers.genotype.decide import NOTES, REASONS
from biomarkers.genotype.equilibrium import expected_f, hardy_weinberg
from biomarkers.kernels.binomial import at_least, wilson
from biomarkers.kernels.cox import cox
from biomarkers.kernels.rubin import pool

GROUPS = ("cohort", "arm", "platform", "ancestry")
PEOPLE = ("sample", "subject", *GROUPS, "time", "event")
_N_DRAWS = 100
LOSSES = (0.0, 0.05, 0.1, 0.2, 0.37, 0.5)
GAINS = (0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Quality:
    """The quality of the calls at one locus.

    Parameters
    ----------
    locus : Locus
    rows : DataFrame
        The calls at this locus, with subject and groups where they were given.
    rates : DataFrame
        group, level, n, n_called, rate, conf_low, conf_high.
    reasons : DataFrame
        platform (or `all`), reason, n, meaning.
    notes : DataFrame
        note, n (calls it stands beside), meaning.
    hardy_weinberg : DataFrame
        group, level, n_ff, n_vf, n_vv, q, p_value, p_mid, f, f_low, f_high.
    pairs : DataFrame
        first, second (platform or file), n, n_both, concordance, kappa, v_lost, v_gained, p_value, suggests.
    table : DataFrame
        The 4 by 4 table of the first pair: call of the first in rows, of the second in columns.
    balance : DataFrame
        sample, call, reason, v_fraction, dp.
    what_if : DataFrame
        v_lost, v_gained, f: the F that such an error would produce at this frequency; and, with times and events,
        hazard_ratio, conf_low, conf_high per V allele if it had happened here.
    warnings : list of str
    """

    locus: Locus
    rows: pd.DataFrame
    rates: pd.DataFrame
    reasons: pd.DataFrame
    notes: pd.DataFrame
    hardy_weinberg: pd.DataFrame
    pairs: pd.DataFrame
    table: pd.DataFrame
    balance: pd.DataFrame
    what_if: pd.DataFrame
    warnings: list[str] = field(default_factory=list)


def read_people(path: str | Path) -> pd.DataFrame:
    """Who the samples are: a CSV with `sample` and any of `subject, cohort, arm, platform, ancestry, time, event`.

    Other columns are not read. One row per sample, or per sample and platform.

    Raises
    ------
    UseError
        No such file, or no column `sample`.
    """
    where = Path(path)
    try:
        head = pd.read_csv(where, dtype=str, keep_default_na=False, nrows=0, encoding="utf-8-sig")
        if "sample" not in head.columns:
            raise UseError(f"{where}:1: no column 'sample'; found {', '.join(map(str, head.columns[:8]))}")
        known = [c for c in head.columns if c in PEOPLE]
        return pd.read_csv(where, dtype=str, keep_default_na=False, usecols=known, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UseError(f"{where}: cannot be read as CSV: {error}") from error


def cohort_quality(calls: pd.DataFrame, people: pd.DataFrame | None = None, *, seed: int = 0,
                   loci: Sequence[str | Locus] = ()) -> list[Quality]:
    """Judge the calls of a cohort, locus by locus.

    Parameters
    ----------
    calls : DataFrame
        As `call_genotypes` or `read_calls` return it.
    people : DataFrame, optional
        As `read_people` returns it.
    seed : int
        Of the reassignments behind the hazard ratios of `what_if`.
    loci : sequence of str or Locus
        Loci of your own that the table holds, as given to `call_genotypes`; the shipped ones are known.

    Raises
    ------
    UseError
        No calls, a locus that is not known, or a sample that `people` names twice for one platform.
    """
    if not len(calls):
        raise UseError("the calls table has no rows")
    known = {locus.id: locus for locus in find_loci([*loci, *LOCI], unverified="keep")}
    found = []
    for name in dict.fromkeys(calls["locus"].astype(str)):
        rows = _with_people(calls[calls["locus"] == name].reset_index(drop=True), people)
        if name not in known:
            raise UseError(f"locus {name!r} of the table is not known: its definition stands in the provenance file beside the "
                           "table, or is given as loci=")
        found.append(_quality(known[name], rows, seed))
    return found


def _with_people(rows: pd.DataFrame, people: pd.DataFrame | None) -> pd.DataFrame:
    rows = rows.astype(dict.fromkeys(("file", "call", "reason", "note", "sample"), "str"))
    short = rows["file"].map(lambda name: Path(name).name)
    if short.nunique() == rows["file"].nunique():
        rows["file"] = short
    rows["was"] = rows["call"].where(rows["call"] != "", rows["note"].str.extract(_WAS, expand=False).fillna(""))
    if people is None:
        return rows.assign(subject=rows["sample"])
    keys = ["sample"]
    twice = people[people.duplicated(keys)]
    if len(twice):
        name = twice.iloc[0]["sample"]
        raise UseError(f"the list of people names sample {name!r} more than once; one row per sample is needed")
    orders = {group: _order(people[group]) for group in GROUPS if group in people}
    plain = people.astype(dict.fromkeys((*orders, *({"subject"} & set(people))), "str"))
    joined = rows.merge(plain, on=keys, how="left", validate="many_to_one")
    for group in (*GROUPS, "subject"):
        if group in joined:
            joined[group] = joined[group].fillna("")
    joined.attrs["orders"] = orders
    if "subject" not in joined:
        joined["subject"] = joined["sample"]
    joined["subject"] = joined["subject"].where(joined["subject"] != "", joined["sample"])
    return joined


def _order(column: pd.Series) -> list[str]:
    """The levels of a group in the order of the design: that of its categories, else that in which the list names them."""
    levels = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.dropna()
    return list(dict.fromkeys(str(level) for level in levels))


_WAS = re.compile(r"^was (\S+):")


def _quality(locus: Locus, rows: pd.DataFrame, seed: int) -> Quality:
    by = _grouping(rows)
    orders = rows.attrs.get("orders", {})
    once = _one_per_subject(rows)
    pairs, table = _concordance(locus, rows)
    balance = pd.DataFrame({"sample": rows["sample"], "call": rows["call"], "reason": rows["reason"], "dp": rows["dp"],
                            "v_fraction": v_fraction(locus, rows)})
    quality = Quality(locus, rows, _rates(rows, by, orders), _reasons(rows, by), _notes(rows), _tests(locus, once, orders),
                      pairs, table, balance, _what_if(locus, once, seed))
    quality.warnings.extend(_warnings(quality, once))
    return quality


def _grouping(rows: pd.DataFrame) -> str | None:
    """What stands for the platform: its own column, else the file where files hold many samples."""
    if "platform" in rows and rows["platform"].ne("").any():
        return "platform"
    n_files = rows["file"].nunique()
    return "file" if 1 < n_files <= 30 and len(rows) / n_files >= 5 else None


def _levels(rows: pd.DataFrame, groups: list[str], orders: dict[str, list[str]]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    yield "all", "all", rows
    for group in groups:
        if group in rows:
            present = set(rows[group]) - {""}
            for level in orders.get(group, sorted(present)):
                if level in present:
                    yield group, level, rows[rows[group] == level]


def _rates(rows: pd.DataFrame, by: str | None, orders: dict[str, list[str]]) -> pd.DataFrame:
    made = []
    groups = [g for g in GROUPS if g in rows] + (["file"] if by == "file" else [])
    for group, level, part in _levels(rows[rows["sample"] != ""], groups, orders):
        n, called = len(part), int((part["was"] != "").sum())
        low, high = wilson(called, n) if n else (np.nan, np.nan)
        made.append((group, level, n, called, called / n if n else np.nan, low, high))
    return pd.DataFrame(made, columns=["group", "level", "n", "n_called", "rate", "conf_low", "conf_high"])


def _reasons(rows: pd.DataFrame, by: str | None) -> pd.DataFrame:
    counts = rows.groupby([by or (lambda _: "all"), "reason"], sort=False, observed=True).size()
    made = [(place, reason, int(n), REASONS.get(reason, "")) for (place, reason), n in counts.items()]
    frame = pd.DataFrame(made, columns=["platform", "reason", "n", "meaning"])
    return frame.sort_values(["platform", "n"], ascending=[True, False], kind="stable", ignore_index=True)


def _notes(rows: pd.DataFrame) -> pd.DataFrame:
    """What stands beside the calls, code by code."""
    counts = rows.loc[rows["call"] != "", "note"].str.split(";").explode().value_counts()
    made = [(code, int(counts[code]), meaning) for code, meaning in NOTES.items() if code in counts]
    return pd.DataFrame(made, columns=["note", "n", "meaning"])


def _one_per_subject(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per subject: the called one where there are several; a subject with different calls has none."""
    named = rows[rows["subject"] != ""]
    called = named[named["call"] != ""]
    agreed = called.groupby("subject")["call"].transform("nunique") == 1
    first = called[agreed].drop_duplicates("subject")
    rest = named[~named["subject"].isin(set(first["subject"]))].drop_duplicates("subject")
    rest = rest.assign(call="", n_v=pd.array([pd.NA] * len(rest), dtype="Int64"))
    return pd.concat([first, rest]).sort_index().reset_index(drop=True)


def _tests(locus: Locus, once: pd.DataFrame, orders: dict[str, list[str]]) -> pd.DataFrame:
    made = []
    for group, level, part in _levels(once, [g for g in GROUPS if g in once], orders):
        counts = [int((part["call"] == word).sum()) for word in locus.calls]
        test = hardy_weinberg(*counts)
        made.append((group, level, *counts, test.q, test.p_value, test.p_mid, test.f, test.f_low, test.f_high))
    columns = ["group", "level", "n_ff", "n_vf", "n_vv", "q", "p_value", "p_mid", "f", "f_low", "f_high"]
    return pd.DataFrame(made, columns=columns)


def v_fraction(locus: Locus, rows: pd.DataFrame) -> pd.Series:
    """Share of the alternate base among the reads of both, whichever of them is the record's REF."""
    ref, alt = rows["ad_ref"].astype("Float64"), rows["ad_alt"].astype("Float64")
    share = alt / (ref + alt).where(lambda x: x > 0)
    bases = rows["ref"].astype(str).str.upper()
    swapped = bases.isin([locus.alt]) | rows["note"].str.contains("REF_MISMATCH_RESOLVED")
    return share.where(~swapped, 1 - share).astype(float)


# ---------------------------------------------------------------------- concordance
def _concordance(locus: Locus, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every pair of readings of one subject, first platform against second."""
    place = "platform" if "platform" in rows and rows["platform"].ne("").any() else "file"
    repeated = rows[(rows["subject"] != "") & rows.duplicated("subject", keep=False)]
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = {}
    many_files = place == "file" and repeated["file"].nunique() > 10
    for _, group in repeated.groupby("subject", sort=False):
        for a, b in combinations(group.itertuples(), 2):
            key = getattr(a, place), getattr(b, place)
            if many_files or key[0] == key[1]:
                key = "first", "second"
            if key not in pairs and key[::-1] in pairs:
                key, a, b = key[::-1], b, a
            pairs.setdefault(key, []).append((a.was, b.was))
    words = [*locus.calls, ""]
    made, table = [], pd.DataFrame()
    for (first, second), readings in pairs.items():
        counts = np.array([[sum(r == (x, y) for r in readings) for y in words] for x in words])
        made.append((Path(first).name, Path(second).name, *_agreement(locus, counts)))
        if table.empty:
            labels = [*locus.calls, "no call"]
            axes = [pd.Index(labels, name=Path(name).name) for name in (first, second)]
            table = pd.DataFrame(counts, index=axes[0], columns=axes[1])
    columns = ["first", "second", "n", "n_both", "concordance", "kappa", "v_lost", "v_gained", "p_value", "suggests"]
    return pd.DataFrame(made, columns=columns), table


def _agreement(locus: Locus, counts: np.ndarray) -> tuple[Any, ...]:
    both = counts[:3, :3]
    n = int(both.sum())
    agree = int(np.trace(both))
    expected = float((both.sum(0) * both.sum(1)).sum()) / n**2 if n else np.nan
    kappa = (agree / n - expected) / (1 - expected) if n and expected < 1 else np.nan
    lost, gained = int(np.tril(both, -1).sum()), int(np.triu(both, 1).sum())
    p_value = min(1.0, 2 * at_least(max(lost, gained), lost + gained, 0.5))
    concordance = agree / n if n else np.nan
    return int(counts.sum()), n, concordance, kappa, lost, gained, p_value, _suggests(locus, lost, gained, p_value)


def _suggests(locus: Locus, lost: int, gained: int, p_value: float) -> str:
    letter = locus.letters[1]
    if not lost + gained:
        return "no discordant pair"
    if p_value >= 0.05:
        return "no direction: swaps or random error before a paralog"
    if locus.paralog is None:
        return f"the second reads {'fewer' if lost > gained else 'more'} {letter}"
    other = locus.paralog.gene
    if lost > gained:
        return f"the second loses {letter}: short reads that go to {other}, or the first gains it from {other}"
    return f"the second gains {letter}: primers or probes that catch {other}, or the first loses it to {other}"


# ---------------------------------------------------------------------- what if
def _what_if(locus: Locus, once: pd.DataFrame, seed: int) -> pd.DataFrame:
    counts = [int((once["call"] == word).sum()) for word in locus.calls]
    n = sum(counts)
    q = (counts[1] + 2 * counts[2]) / (2 * n) if n else np.nan
    survival = _survival(once)
    made = []
    for lost, gained in [(x, 0.0) for x in LOSSES] + [(0.0, x) for x in GAINS]:
        f = expected_f(q, v_lost=lost, v_gained=gained) if n and 0 < q < 1 else np.nan
        row: dict[str, Any] = {"v_lost": lost, "v_gained": gained, "f": f}
        if survival is not None:
            row |= _hazard_ratio(survival, counts, lost, gained, seed)
        made.append(row)
    return pd.DataFrame(made)


def _survival(once: pd.DataFrame) -> pd.DataFrame | None:
    if "time" not in once or "event" not in once:
        return None
    frame = pd.DataFrame({"time": pd.to_numeric(once["time"], errors="coerce"),
                          "event": pd.to_numeric(once["event"], errors="coerce"),
                          "n_v": once["n_v"].astype("Float64").astype(float), "stratum": once.get("cohort", "")}).dropna()
    return frame if len(frame) and frame["event"].isin([0, 1]).all() and frame["event"].sum() >= 5 else None


def _hazard_ratio(frame: pd.DataFrame, counts: list[int], lost: float, gained: float, seed: int) -> dict[str, float]:
    """Per V allele, had a fraction of genotypes been misread: drawn back at random, pooled over the draws by Rubin's rules.

    Observed F/F hold lost / (1 - lost) misread V/F per observed V/F; observed V/F hold gained / (1 - gained) misread F/F per
    observed F/F. Who was misread is drawn without regard to outcome.
    """
    n_v = frame["n_v"].to_numpy()
    back_up = min(1.0, counts[1] * lost / (1 - lost) / counts[0]) if counts[0] else 0.0
    back_down = min(1.0, counts[0] * gained / (1 - gained) / counts[1]) if counts[1] else 0.0
    draws = _N_DRAWS if lost or gained else 1
    rng = np.random.default_rng(seed)
    estimates, errors = [], []
    for _ in range(draws):
        chance = rng.random(len(frame))
        drawn = np.where((n_v == 0) & (chance < back_up), 1.0, np.where((n_v == 1) & (chance < back_down), 0.0, n_v))
        solution = cox(frame["time"].to_numpy(), frame["event"].to_numpy(), drawn, stratum=frame["stratum"].to_numpy())
        if not solution.finite[0] or not np.isfinite(solution.coef[0]):
            continue
        estimates.append(float(solution.coef[0]))
        errors.append(float(solution.std_error[0]))
    if len(estimates) < max(1, draws // 2):
        return {"hazard_ratio": np.nan, "conf_low": np.nan, "conf_high": np.nan}
    if len(estimates) == 1:
        centre, reach = estimates[0], 1.959963984540054 * errors[0]
        low, high = centre - reach, centre + reach
    else:
        pooled = pool(estimates, errors)
        centre, (low, high) = pooled.estimate, pooled.interval(0.95)
    return {"hazard_ratio": float(np.exp(centre)), "conf_low": float(np.exp(low)), "conf_high": float(np.exp(high))}


# ---------------------------------------------------------------------- warnings
def _warnings(quality: Quality, once: pd.DataFrame) -> list[str]:
    said = []
    if not (once["call"] != "").any():
        common = quality.rows["reason"].mode().iloc[0]
        return [f"nobody was called: {common}, {REASONS.get(common, '')}"]
    tests, letter = quality.hardy_weinberg, quality.locus.letters[1]
    looked = tests[tests["group"].isin(["all", "platform", "cohort"])]
    for _, test in looked[looked["p_mid"] < 0.05].iterrows():
        if test["f"] > 0:
            way = f"too few heterozygotes: {letter} lost, as from short reads; or several ancestries in one sample"
        else:
            way = f"too many heterozygotes: {letter} gained, as from primers that also catch a paralog"
        where = "" if test["group"] == "all" else f" in {test['level']}"
        said.append(f"Hardy-Weinberg{where}: mid-p {test['p_mid']:.2g}, F {test['f']:+.2f}; {way}; or chance "
                    f"({plural(len(looked), 'group')} tested)")
    for _, pair in quality.pairs.iterrows():
        if pair["n_both"] and pair["concordance"] < 1:
            wrong = round((1 - pair["concordance"]) * pair["n_both"])
            said.append(f"{pair['first']} and {pair['second']} differ in {wrong} of {pair['n_both']} subjects: "
                        f"{pair['suggests']}")
    for group in ("cohort", "arm"):
        if group in once and "platform" in once:
            said += _goes_with(once[(once["platform"] != "") & (once[group] != "")], "platform", group)
    for group in ("cohort", "arm", "event"):
        if group in once:
            here = once[once[group] != ""]
            said += _goes_with(here.assign(called=np.where(here["call"] != "", "called", "not called")), "called", group)
    said += _of_notes(quality)
    variant = quality.locus.rsid != ""
    if variant and set(once["call"]) <= {"", quality.locus.calls[0]} and (once["call"] != "").sum() >= 20:
        said.append(f"nobody carries {quality.locus.letters[1]}: is the site in the file at all, or its letters exchanged?")
    return said


def _of_notes(quality: Quality) -> list[str]:
    """What notes that stand beside calls ask the reader to look at."""
    n = dict(zip(quality.notes["note"], quality.notes["n"], strict=True))
    ref = quality.locus.calls[0]
    told = {
        "ASSUMED_REF": f"by the assertion that an absent record means {ref}",
        "GVCF_GAP": "of these in a file with reference blocks, none of which covers the site: a gap is no data",
        "HOMREF_BLOCK": "on a reference block, not on a record of the site: the depth is the block's",
        "LOW_R2": "imputed with a quality below 0.8; copy-number variation makes imputation doubtful here",
        "PARALOG_SITE": "with the locus' reference base called in the paralog as well: reads have gone astray",
        "UNSORTED": "from a file whose lines are out of order",
        "STALE_INDEX": "from a file whose index was made for other bytes",
    }
    said = [f"{plural(n[code], 'call')} {words}" for code, words in told.items() if code in n]
    signal = int(quality.rows["note"].str.contains("PARALOG_SIGNAL|PARALOG_V_LOSS").sum())
    if signal:
        said.append(f"{plural(signal, 'call')} with a sign of the paralog (few {quality.locus.letters[1]} reads, or its bases "
                    "around the site)")
    if not quality.locus.rsid and (carriers := int((quality.rows["n_v"].astype("Float64").fillna(0) > 0).sum())):
        said.append(f"{plural(carriers, 'sample')} with a variant where none is established: reads of the paralogous gene?")
    return said


def _goes_with(rows: pd.DataFrame, what: str, group: str) -> list[str]:
    from scipy.stats import chi2_contingency  # slow to import, and a plan that shows no genotypes needs none of it

    table = pd.crosstab(rows[what], rows[group])
    if table.shape[0] < 2 or table.shape[1] < 2:
        return []
    chi2 = chi2_contingency(table.to_numpy(), correction=False)
    strength = float(np.sqrt(chi2.statistic / table.to_numpy().sum() / (min(table.shape) - 1)))
    if chi2.pvalue >= 0.01 and strength < 0.5:
        return []
    rate = table.div(table.sum(axis=0), axis=1).iloc[0]
    shares = ", ".join(f"{level} {share:.0%}" for level, share in rate.items())
    if what == "called":
        return [f"missing calls go with {group} (call rate: {shares}; Cramer's V {strength:.2f})"]
    return [f"{what} goes with {group} (share of {what} {table.index[0]}: {shares}; Cramer's V {strength:.2f}): a comparison "
            f"of {group}s may compare laboratories"]
