"""Every spelling that laboratories send, as data: matched without regard to case, after trimming; an unknown one is a problem.

The sets are disjoint, and a test holds them to it. `readers.cells.parse_cell` is their only reader.
"""

from __future__ import annotations

BELOW: frozenset[str] = frozenset(
    {
        "<lod",
        "< lod",
        "<lloq",
        "< lloq",
        "<loq",
        "< loq",
        "<llod",
        "blq",
        "bql",
        "llod",
        "lloq",
        "below lod",
        "below loq",
        "below lloq",
        "below limit of detection",
        "below detection limit",
        "below limit of quantification",
        "not detected",
        "not_detected",
        "not detectable",
        "undetectable",
        "undetected",
        "none detected",
    }
)
"""A quantity below its limit, which stands elsewhere: in the row, in study.toml, or in the registry."""

NEGATIVE: frozenset[str] = frozenset({"neg", "negative", "neg."})
"""Below the limit for a concentration; ambiguous for a share of a flow panel, where a negative gate may be meant."""

ABOVE: frozenset[str] = frozenset({">uloq", "> uloq", ">loq", "uloq", "above uloq", "tntc", "too numerous to count"})
"""A quantity above its upper limit, which stands elsewhere."""

MISSING: dict[str, str] = {
    "qns": "qns",
    "quantity not sufficient": "qns",
    "insufficient": "qns",
    "insufficient sample": "qns",
    "insufficient material": "qns",
    "insufficient quantity": "qns",
    "hemolyzed": "hemolyzed",
    "haemolyzed": "hemolyzed",
    "hemolysed": "hemolyzed",
    "haemolysed": "hemolyzed",
    "hemolysis": "hemolyzed",
    "haemolysis": "hemolyzed",
    "clotted": "clotted",
    "clot": "clotted",
    ">96h": "too_late",
    "> 96 h": "too_late",
    ">96 h": "too_late",
    "received late": "too_late",
    "too late": "too_late",
    "too_late": "too_late",
    "ne": "not_evaluable",
    "not evaluable": "not_evaluable",
    "not_evaluable": "not_evaluable",
    "inevaluable": "not_evaluable",
    "unevaluable": "not_evaluable",
    "no tumour": "not_evaluable",
    "no tumor": "not_evaluable",
    "no stroma": "not_evaluable",
    "failed": "assay_failed",
    "fail": "assay_failed",
    "assay failed": "assay_failed",
    "assay_failed": "assay_failed",
    "pending": "pending",
    "tbd": "pending",
    "not done": "not_collected",
    "not_done": "not_collected",
    "not collected": "not_collected",
    "not_collected": "not_collected",
    "not taken": "not_collected",
    "no sample": "not_collected",
    "lost": "not_received",
    "not received": "not_received",
    "not_received": "not_received",
    "broken": "not_received",
    "no internal control": "no_internal_control",
    "no_internal_control": "no_internal_control",
    "below input": "below_input",
    "below_input": "below_input",
    "low input": "below_input",
    "indeterminate": "indeterminate",
    "indet": "indeterminate",
    "indet.": "indeterminate",
    "inconclusive": "indeterminate",
    "equivocal": "indeterminate",
    "tnp": "no_assay_design",
    "no assay design": "no_assay_design",
    "no_assay_design": "no_assay_design",
    "test not performed": "no_assay_design",
    "withdrawn consent": "withdrawn_consent",
    "withdrawn_consent": "withdrawn_consent",
    "consent withdrawn": "withdrawn_consent",
    "event before draw": "event_before_draw",
    "event_before_draw": "event_before_draw",
    "not_given": "not_given",
    "not given": "not_given",
    "no call": "assay_failed",
    "no_call": "assay_failed",
    "nocall": "assay_failed",
}
"""Missing with its reason (a key of `flow.MISSING_REASONS`)."""

BLANK: frozenset[str] = frozenset({"", "na", "n/a", ".", "nan", "null", "n.a."})
"""Missing without a reason; counted as `not_given`, never a level. A dash joins them in quantitative columns only."""

DASHES: frozenset[str] = frozenset({"-", "\u2013", "\u2014", "--"})

AMBIGUOUS: dict[str, str] = {
    "nd": '"not detected" and "not done" are both written so',
    "n.d.": '"not detected" and "not done" are both written so',
    "0*": "a zero with a footnote that is not in the file",
    "+/-": "neither positive nor negative",
    "\u00b1": "neither positive nor negative",
    "pos?": "the laboratory itself is not sure",
    "neg?": "the laboratory itself is not sure",
}
"""Spellings with two readings: refused until study.toml declares one."""

CALLS: dict[str, str] = {
    "detected": "detected",
    "pos": "detected",
    "positive": "detected",
    "mrd+": "detected",
    "ctdna detected": "detected",
    "mrd detected": "detected",
    "mrd positive": "detected",
    "ctdna positive": "detected",
    "pos.": "detected",
    "not_detected": "not_detected",
    "not detected": "not_detected",
    "neg": "not_detected",
    "negative": "not_detected",
    "neg.": "not_detected",
    "mrd-": "not_detected",
    "mrd\u2212": "not_detected",
    "ctdna not detected": "not_detected",
    "mrd not detected": "not_detected",
    "mrd negative": "not_detected",
    "ctdna negative": "not_detected",
    "undetected": "not_detected",
    "undetectable": "not_detected",
    "mutated": "detected",
    "mutation detected": "detected",
    "wild type": "not_detected",
    "wild-type": "not_detected",
    "wt": "not_detected",
}
"""Evaluable calls. `+` and `-` alone, 0 and 1 are ambiguous: a count, a flag and a call are written so."""

CALL_AMBIGUOUS: frozenset[str] = frozenset({"+", "-", "\u2212", "\u2013", "0", "1", "++", "+++"})

APPROXIMATE: tuple[str, ...] = ("~", "\u2248", "\u223c", "approximately", "approx.", "approx", "about", "circa", "ca.", "ca ")
"""Marks before a number that say it is rough; a question mark after it says the same."""

TRAILING: dict[str, str] = {
    "*": "footnote",
    "#": "footnote",
    "h": "above reference",
    "hh": "far above reference",
    "l": "below reference",
    "ll": "far below reference",
}
"""Laboratory flags behind a number, separated or not; kept in `flags`."""

SHEET_ERRORS: frozenset[str] = frozenset(
    {"#n/a", "#div/0!", "#ref!", "#value!", "#name?", "#num!", "#null!", "#spill!", "#calc!", "#getting_data"}
)

MONTHS: tuple[str, ...] = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

YES: frozenset[str] = frozenset({"yes", "y", "true", "1", "1.0"})
NO: frozenset[str] = frozenset({"no", "n", "false", "0", "0.0"})

CONTROL: dict[str, str] = {
    "positive": "positive",
    "pos": "positive",
    "+": "positive",
    "yes": "positive",
    "ok": "positive",
    "valid": "positive",
    "negative": "negative",
    "neg": "negative",
    "-": "negative",
    "no": "negative",
    "failed": "negative",
    "invalid": "negative",
}
"""Internal control of an immunohistochemistry read."""

PROGRESSION_LABELS: frozenset[str] = frozenset(
    {"progression", "at progression", "disease progression", "progressive disease", "pd", "at pd"}
)
"""Labels of a visit that say why the tube was drawn; any other label says nothing."""

AMINO_ACIDS: dict[str, str] = {"val": "V", "phe": "F", "his": "H", "arg": "R"}

GENOTYPE_REFUSED: str = (
    "letters of nucleotides or allele indices say nothing without the strand: "
    "the site is read A>C on one strand and T>G on the other"
)
