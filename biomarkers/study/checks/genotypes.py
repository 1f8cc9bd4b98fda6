"""Genotypes across files: one subject, one locus, one call."""

from __future__ import annotations

from biomarkers.study.checks.facts import Facts


def conflicts(facts: Facts) -> None:
    """One subject called differently in two rows, or twice alike."""
    rows = facts["genotypes"]
    rows = rows[rows["subject"].notna()]
    twice = rows[rows.duplicated(["subject", "locus"], keep=False)]
    drop = []
    for (subject, locus), group in twice.groupby(["subject", "locus"], sort=False):
        calls = group["call"].dropna().unique()
        places = ", ".join(dict.fromkeys(str(file) for file in group["source_file"]))
        if len(calls) > 1:
            facts.report(
                "genotypes",
                group.iloc[-1],
                "genotype_conflict",
                f"{subject} is {' and '.join(calls)} at {locus} ({places})",
                "keep the right file",
                column="call",
                value=calls[-1],
            )
        else:
            facts.report(
                "genotypes",
                group.iloc[-1],
                "genotype_twice",
                f"{subject} stands {len(group)} times at {locus} with one call ({places}); it counts once",
                column="call",
                value=calls[0] if len(calls) else "",
                severity="note",
            )
            keep = group[group["call"].notna()].index[:1] if len(calls) else group.index[:1]
            drop += [index for index in group.index if index not in keep]
    if drop:
        facts.drop("genotypes", rows.loc[drop].index)
