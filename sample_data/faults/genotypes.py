"""Faults of VCF files and of a table of genotypes: G01 to G06."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deterministic import table_text

from faults.twin import Fault, Place, Twin, Vcf, elsewhere, read_vcf


def plant_genotypes(t: Twin) -> None:
    """G01 to G05. The line is that of the text inside the file; a tool that names file and sample has named it."""
    files = t.vcf

    def called(s: str) -> bool:
        return any(
            s in v.samples and v.build == "GRCh38" and not v.fields["FCGR3A-158"][s].startswith("./.") for v in files.values()
        )

    def field_of(subject: str) -> str:
        return next(v for v in t.vcf.values() if subject in v.samples).fields["FCGR3A-158"][subject]

    def line(vcf: Vcf, start: str) -> int:
        return next(n for n, text in enumerate(vcf.text().splitlines(), start=1) if text.startswith(start))

    def lose(subject: str) -> None:
        for vcf in t.equivalent_vcf.values():
            if subject in vcf.samples:
                vcf.fields["FCGR3A-158"][subject] = "./.:1,1:2:."

    def alone(name: str, subject: str, change: Callable[[str], str], sample: str | None = None) -> Vcf:
        """Move a subject into a file of its own."""
        sample = sample or subject
        source = next(v for v in t.vcf.values() if subject in v.samples)
        fields = {locus: {sample: by_sample.pop(subject)} for locus, by_sample in source.fields.items()}
        source.samples.remove(subject)
        t.vcf[name] = Vcf("GRCh38", [sample], fields, change)
        return t.vcf[name]

    def place(name: str, vcf: Vcf, start: str, subject: str, raw: str, column: str = "") -> Place:
        return Place(name, None, column or subject, raw, line=line(vcf, start), subject=subject)

    site = "chr1\t161544752"

    def swap_last(new: Callable[[str], list[str]]) -> Callable[[str], str]:
        """Other records in place of the last one."""
        return lambda text: "\n".join([*text.splitlines()[:-1], *new(text.splitlines()[-1])]) + "\n"

    if not t.recoverable:
        subject = t.one("vcf", called)
        name = "vcf/g01_suffix.vcf.gz"
        vcf = alone(name, subject, str, sample=f"{subject}_germline")
        t.plant(
            "G01",
            "R",
            "the sample name is the subject and a suffix: a mapping is needed",
            place(name, vcf, "#CHROM", subject, f"{subject}_germline"),
            subject,
            subjects=(f"{subject}_germline", subject),
        )
    subject = t.one("vcf", called)
    name = "vcf/g02_absent.vcf.gz"
    vcf = alone(name, subject, lambda text: "\n".join(text.splitlines()[:-1]) + "\n")
    t.plant(
        "G02",
        "F",
        "the site is absent from the file: missing, not reference",
        Place(name, None, subject, None, subject=subject),
        "ABSENT|absent|no record",
    )
    lose(subject)
    for raw, what in (("./.:20,18:38:99", "no call in the file"), ("0/0:4,0:4:99", "four reads")):
        subject = t.one("vcf", called)
        source_name, source = next((n, v) for n, v in t.vcf.items() if subject in v.samples)
        source.fields["FCGR3A-158"][subject] = raw
        t.plant("G03", "F", what, place(source_name, source, site, subject, raw), severity="note")
        lose(subject)
    subject = t.one("vcf", called)
    name = "vcf/g03_filtered.vcf.gz"
    vcf = alone(name, subject, swap_last(lambda last: [last.replace("\tPASS\t", "\tLowQual\t")]))
    t.plant("G03", "F", "the record failed its filter", place(name, vcf, site, subject, "LowQual", "FILTER"), severity="note")
    lose(subject)
    if t.recoverable:
        return
    subject = t.one("vcf", lambda s: called(s) and field_of(s).startswith("0/0"))
    name = "vcf/g04_conflict.vcf.gz"
    vcf = alone(name, subject, swap_last(lambda last: [last, last.replace("0/0:", "0/1:", 1)]))
    t.plant(
        "G04",
        "R",
        "two records of the site that disagree",
        place(name, vcf, site, subject, "0/0 and 0/1"),
        "CONFLICT|conflict|two records|disagree",
    )
    subject = t.one("vcf", called)
    name = "vcf/g04_third_allele.vcf.gz"
    vcf = alone(
        name,
        subject,
        swap_last(lambda last: ["\t".join([*last.split("\t")[:4], "C,G", *last.split("\t")[5:9], "0/2:20,0,19:39:99"])]),
    )
    t.plant(
        "G04", "R", "a third allele is carried", place(name, vcf, site, subject, "0/2:20,0,19:39:99"), "OTHER_ALLELE|allele"
    )
    subject = t.one("vcf", called)
    name = "vcf/g05_build.vcf.gz"
    vcf = alone(name, subject, lambda text: text.replace("length=248956422", "length=249250621"))
    t.plant(
        "G05",
        "R",
        "the contig lengths are of GRCh37, the header says GRCh38",
        place(name, vcf, "##contig", subject, "length=249250621", "##contig"),
        "BUILD|build",
    )
    subject = t.one("vcf", called)
    name = "vcf/g05_ref.vcf.gz"
    vcf = alone(name, subject, swap_last(lambda last: [last.replace("\tA\tC\t", "\tG\tC\t")]))
    t.plant("G05", "R", "REF is not the base of the reference", place(name, vcf, site, subject, "G", "REF"), "REF")


def genotype_table(clean: Path, study: str) -> tuple[str, dict[str, bytes], list[Fault]]:
    """G06: genotypes as a table of letters, in the spellings that laboratories use."""
    calls = {}
    for path in sorted((clean / "vcf").glob("*.vcf.gz")):
        vcf = read_vcf(path)
        calls |= {
            s: {"0/0": "F/F", "0/1": "V/F", "1/1": "V/V"}.get(text[:3], "") for s, text in vcf.fields["FCGR3A-158"].items()
        }
    rows = [
        {"subject": s, "locus": "FCGR3A-158", "call": call, "reason": "OK" if call else "LOW_DP"}
        for s, call in sorted(calls.items())
    ]
    faults = []
    for raw, means, kind in (("FV", "V/F", "C"), ("V/V ", "V/V", "C"), ("Val/Phe", "V/F", "C"), ("HH", "F/F", "R")):
        n, row = next((n, row) for n, row in enumerate(rows, start=2) if row["call"] == means)
        row["call"] = raw
        what = "letters of another gene" if kind == "R" else "the amino acids in another spelling"
        faults.append(
            Fault(
                "G06",
                kind,
                what,
                [Place("genotypes.csv", None, "call", raw, line=n, subject=row["subject"])],
                ("HH",) if kind == "R" else (),
                study="G06/study.toml",
            )
        )
    text = elsewhere(study, "genotypes.csv").replace(
        '{ path = "../../br1801/vcf/*.vcf.gz", format = "vcf", locus = "FCGR3A-158" }', '"genotypes.csv"'
    )
    return text, {"genotypes.csv": table_text(rows, ["subject", "locus", "call", "reason"]).encode()}, faults
