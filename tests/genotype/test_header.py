"""Evidence for a build, in its order; signs of a somatic caller; headers that are none."""

from __future__ import annotations

import pytest

from biomarkers.domain.loci import LOCI
from biomarkers.genotype.definitions import CellShape, Definition, cell_shape, definition, n_values, wrong_info
from biomarkers.genotype.header import (
    HeaderProblem,
    Samples,
    declared_contigs,
    declares_blocks,
    find_build,
    has_contig_lines,
    parse_header,
    split_contigs,
)

ONE = LOCI["FCGR3A-158"].chromosome
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT"
L37, L38 = 249_250_621, 248_956_422


def meta(*lines: str) -> bytes:
    return ("##fileformat=VCFv4.2\n" + "".join(f"{line}\n" for line in lines)).encode()


def build(*lines: str, given: str | None = None) -> str:
    found = find_build(*split_contigs(meta(*lines)), ONE, given)
    assert bool(found.name) != bool(found.reason)
    assert bool(found.message) == bool(found.reason)
    return found.name or found.reason


@pytest.mark.parametrize(
    ("lines", "given", "answer"),
    [
        ([f"##contig=<ID=1,length={L37}>"], None, "GRCh37"),
        ([f"##contig=<ID=chr1,length={L38},assembly=x>"], None, "GRCh38"),
        ([f"##contig=<length={L38},ID=chr1>"], None, "GRCh38"),
        (["##contig=<ID=NC_000001.10>"], None, "GRCh37"),
        (["##contig=<ID=CM000663.2>"], None, "GRCh38"),
        (["##contig=<ID=NC_000001.9>"], None, "BUILD_UNSUPPORTED"),
        (["##contig=<ID=1,length=247249719>"], None, "BUILD_UNSUPPORTED"),
        (["##contig=<ID=1,length=248387328>"], "GRCh38", "BUILD_UNSUPPORTED"),
        (["##contig=<ID=1,length=5>"], None, "BUILD_UNSUPPORTED"),
        (["##contig=<ID=2,length=5>"], None, "BUILD_UNKNOWN"),
        ([f"##contig=<ID=1,length={L37}>", f"##contig=<ID=chr1,length={L38}>"], None, "BUILD_CONFLICT"),
        ([f"##contig=<ID=1,length={L37}>"], "GRCh38", "BUILD_CONFLICT"),
        ([f"##contig=<ID=1,length={L37}>"], "GRCh37", "GRCh37"),
        ([f"##contig=<ID=1,length={L37}>", "##reference=hg38.fa"], None, "BUILD_CONFLICT"),
        ([f"##contig=<ID=1,length={L37}>", "##reference=hg38.fa"], "GRCh37", "GRCh37"),
        ([f"##contig=<ID=1,length={L37}>", "##reference=/a/hg19/b37.fa"], None, "GRCh37"),
        ([f"##contig=<ID=1,length={L37}>", "##reference=hg38.fa", "##reference=hg19.fa"], None, "GRCh37"),
        (["##contig=<ID=1,assembly=b37>"], None, "GRCh37"),
        (["##contig=<ID=1,assembly=GRCh38.p13>"], None, "GRCh38"),
        (["##reference=file:///x/hs37d5.fa"], None, "GRCh37"),
        (["##assembly=human_g1k_v37"], None, "GRCh37"),
        (["##reference=hs38DH.fa"], None, "GRCh38"),
        (["##reference=ncbi36.fa"], None, "BUILD_UNSUPPORTED"),
        (["##reference=chm13v2.0.fa"], None, "BUILD_UNSUPPORTED"),
        (["##reference=T2T.fa"], None, "BUILD_UNSUPPORTED"),
        (["##reference=hs1.fa"], None, "BUILD_UNSUPPORTED"),
        (["##reference=ths12.fa"], None, "BUILD_UNKNOWN"),
        (["##reference=hg19.fa", "##assembly=GRCh38"], None, "BUILD_CONFLICT"),
        (["##reference=hg19.fa"], "GRCh38", "GRCh38"),
        (["##reference=lab381.fa"], None, "BUILD_UNKNOWN"),
        (["##reference=b380.fa"], None, "BUILD_UNKNOWN"),
        (["##reference=b38.fa"], None, "GRCh38"),
        (["##reference=hg18.fa"], None, "BUILD_UNSUPPORTED"),
        (["##other=hg38"], None, "BUILD_UNKNOWN"),
        ([], None, "BUILD_UNKNOWN"),
        ([], "GRCh37", "GRCh37"),
    ],
)
def test_evidence_for_a_build_is_weighed_in_its_order(lines: list[str], given: str | None, answer: str) -> None:
    assert build(*lines, given=given) == answer


def test_a_conflict_names_both_sides() -> None:
    found = find_build(*split_contigs(meta(f"##contig=<ID=1,length={L37}>", "##reference=/x/hg38.fa")), ONE, None)
    assert found.message == "contig 1 of 249250621 bases (GRCh37) against ##reference '/x/hg38.fa' (GRCh38)"
    found = find_build(*split_contigs(meta(f"##contig=<ID=1,length={L37}>")), ONE, "GRCh38")
    assert found.message == "contig 1 of 249250621 bases (GRCh37) against build=GRCh38"
    found = find_build(*split_contigs(meta("##contig=<ID=1,length=247249719>")), ONE, None)
    assert found.message == "contig 1 of 247249719 bases: NCBI36"
    found = find_build(*split_contigs(meta("##contig=<ID=1,length=5>")), ONE, None)
    assert found.message == "contig 1 of 5 bases: no assembly known here"


def test_contigs_of_the_chromosome_are_found_among_others() -> None:
    text = meta(
        "##contig=<ID=10>", "##contig=<ID=1,x=y>", "##contig=<a=b,ID=chr1>", "##contig=<ID=NC_000001.77>", "##contig=<ID=chr11>"
    )
    assert declared_contigs(text, ONE) == (("1", b"ID=1,x=y"), ("chr1", b"a=b,ID=chr1"), ("NC_000001.77", b"ID=NC_000001.77"))
    assert has_contig_lines(text)
    assert not has_contig_lines(meta("##contigs=none"))


def head(*lines: str, samples: str = "S1\tS2", columns: str = COLUMNS) -> bytes:
    return meta(*lines) + f"{columns}\t{samples}\n".encode()


@pytest.mark.parametrize(
    "line", ["##INFO=<ID=" + "x" * 300_000, "##INFO=<ID=a" + ",ID=a" * 60_000, "##INFO=<ID=" + ">" * 300_000 + "x"]
)
def test_a_header_line_is_judged_in_one_pass_however_long(line: str) -> None:
    with pytest.raises(HeaderProblem, match="a header line that is not valid: '##INFO=<ID="):
        parse_header(head(line))


def test_contig_lines_are_set_apart_wherever_they_stand() -> None:
    lines = ["##contig=<ID=1>", "##source=Mutect2", "##contig=<ID=2>", "##contig=<ID=3>\r", "##contigs=4"]
    header = parse_header(head(*lines))
    assert header.meta == b"##fileformat=VCFv4.2\n##source=Mutect2\n##contigs=4\n"
    assert header.contigs == b"\n##contig=<ID=1>\n##contig=<ID=2>\n##contig=<ID=3>\r\n"
    assert header.somatic
    assert parse_header(head("##source=x")).contigs == b"\n"


@pytest.mark.parametrize("wrong", ["##contig=<ID=2", "##contig=<length=5>", "##contig=2"])
def test_a_contig_line_that_is_none_makes_the_header_invalid(wrong: str) -> None:
    with pytest.raises(HeaderProblem) as said:
        parse_header(head("##contig=<ID=1>", wrong, "##contig=<ID=3>", "##source=x"))
    assert (said.value.reason, said.value.message) == ("FILE_ERROR", f"a header line that is not valid: {wrong!r}")


SOMATIC = [
    "##tumor_sample=T",
    "##normal_sample=N",
    "##source=Mutect2",
    "##source=strelka somatic",
    "##source=CaVEMan",
    "##MutectVersion=2.1",
    "##GATKCommandLine.MuTect2=<x>",
    "##GATKCommandLine=<ID=Mutect2,x=y>",
    "##content=strelka somatic snv calls",
    "##cmdline=/x/configureStrelkaSomaticWorkflow.py",
    "##MuSE_version=1",
    "##PEDIGREE=<Derived=T,Original=N>",
    "##PEDIGREE=<ID=x,Derived=T>",
    "##vcfProcessLog=<InputVCFSource=<CaVEMan>>",
    '##INFO=<ID=SS,Number=1,Type=String,Description="x">',
    '##INFO=<ID=SPV,Number=1,Type=Float,Description="x">',
    '##INFO=<ID=QSS_NT,Number=1,Type=Integer,Description="x">',
    '##INFO=<ID=SomaticEVS,Number=1,Type=Float,Description="x">',
    '##DRAGENCommandLine=<ID=dragen,x="--tumor-fastq1 a">',
]
GERMLINE = [
    "##source=HaplotypeCaller",
    "##GATKCommandLine=<ID=HaplotypeCaller>",
    "##content=strelka germline variant calls",
    "##PEDIGREE=<ID=x,Father=y>",
    '##INFO=<ID=SSR,Number=1,Type=Integer,Description="x">',
    '##DRAGENCommandLine=<ID=dragen,x="--fastq1 a">',
    "##cmdline=bcftools call",
    '##INFO=<ID=SOMATIC,Number=0,Type=Flag,Description="x">',
]


@pytest.mark.parametrize("line", SOMATIC)
def test_a_somatic_caller_betrays_itself(line: str) -> None:
    assert parse_header(head(line)).somatic
    assert parse_header(head("##first=x", line.upper() if "ID=" not in line else line, "##last=x")).somatic


@pytest.mark.parametrize("line", GERMLINE)
def test_a_germline_caller_is_not_taken_for_one(line: str) -> None:
    assert not parse_header(head(line)).somatic


def test_phred_probabilities_are_known_by_their_description() -> None:
    assert parse_header(head('##FORMAT=<ID=GP,Number=G,Type=Float,Description="Phred-scaled">')).gp_is_phred
    assert not parse_header(head('##FORMAT=<ID=GP,Number=G,Type=Float,Description="probability">')).gp_is_phred
    assert not parse_header(head('##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred-scaled">')).gp_is_phred


def test_a_header_speaks_of_blocks() -> None:
    for line in (
        "##GVCFBlock0-20=minGQ=0",
        '##ALT=<ID=NON_REF,Description="x">',
        '##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="x">',
    ):
        assert declares_blocks(meta(line))
    assert not declares_blocks(meta('##ALT=<ID=DEL,Description="NON_REF">', "##source=GVCFBlock"))


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        (b"", "FILE_ERROR", "the file is empty"),
        (b" \n", "FILE_ERROR", "the file is empty"),
        (b"x", "FILE_ERROR", "not a VCF 4 file"),
        (b"\xef\xbb\xbf##fileformat=VCFv4.2\n", "FILE_ERROR", "byte-order mark"),
        (meta(), "FILE_ERROR", "no #CHROM line"),
        (meta() + b"#CHROM POS ID\n", "FILE_ERROR", "it has spaces in place of tabs"),
        (meta() + b"#CHROM\tPOS\tID\n", "FILE_ERROR", "the eight VCF columns, separated by tabs"),
        (meta() + b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n", "NO_SAMPLES", "no sample columns"),
        (meta() + COLUMNS.encode() + b"\n", "NO_SAMPLES", "no sample columns"),
        (head(columns=COLUMNS.replace("FORMAT", "FORMATS")), "FILE_ERROR", "the ninth column"),
        (head(samples="A\t\tB"), "FILE_ERROR", "sample column 2 has no name"),
        (head(samples="\tB"), "FILE_ERROR", "sample column 1 has no name"),
        (head(samples="A\t"), "FILE_ERROR", "sample column 2 has no name"),
        (head(samples="B\tA\tB\tA\tC"), "FILE_ERROR", "sample named twice in the header: A, B"),
        (head("##INFO=<Number=1>"), "FILE_ERROR", "a header line that is not valid: '##INFO=<Number=1>'"),
        (head("##x"), "FILE_ERROR", "not valid: '##x'"),
    ],
)
def test_a_header_that_cannot_be_used_says_why(text: bytes, reason: str, words: str) -> None:
    with pytest.raises(HeaderProblem, match=words.replace("(", r"\(")) as error:
        parse_header(text)
    assert error.value.reason == reason


def test_names_are_kept_as_bytes_until_someone_looks() -> None:
    samples = parse_header(head(samples="A\tB\tC")).samples
    assert (len(samples), samples[1], list(samples), samples.table) == (3, "B", ["A", "B", "C"], None)
    wide = Samples("\t".join(f"S{i:04d}" for i in range(1000)).encode())
    assert wide.table.shape == (1000, 5)
    assert bytes(wide.table[7]) == b"S0007"
    assert Samples("\t".join(f"S{i:04d}" for i in range(999)).encode()).table is None
    assert Samples("\t".join(f"S{i}" for i in range(1000)).encode()).table is None
    assert Samples(("\t" * 999).encode()).table is None


# ---------------------------------------------------------------------- definitions
def test_a_definition_is_the_headers_or_the_specifications() -> None:
    text = meta(
        '##INFO=<ID=AC,Number=1,Type=Float,Description="Number=7,Type=Flag">',
        "##FORMAT=<ID=XY,Type=Integer>",
        "##FORMAT=<ID=Z,Number=R>",
    )
    assert definition(text, "INFO", "AC") == Definition("1", "Float")
    assert definition(text, "FORMAT", "AC") == Definition(".", "String")
    assert definition(text, "FORMAT", "XY") == Definition(".", "Integer")
    assert definition(text, "FORMAT", "Z") == Definition("R", "String")
    assert definition(text, "FORMAT", "PL") == Definition("G", "Integer")
    assert definition(text, "INFO", "X") == Definition(".", "String")


def test_numbers_of_values_by_alleles_and_ploidy() -> None:
    assert [n_values("G", a, p) for a, p in ((1, 1), (1, 2), (2, 2), (1, 3), (3, 2))] == [2, 3, 6, 4, 10]
    assert [n_values(n, 3, 2) for n in ("A", "R", "0", "12", ".", "LA", "-1")] == [3, 4, 0, 12, None, None, None]


def test_the_first_wrong_entry_of_info_is_named() -> None:
    text = meta('##INFO=<ID=N,Number=2,Type=Integer,Description="x">')
    assert wrong_info("DP=1;N=1;AC=x", 1, text) == "INFO 'N=1' has 1 values where Number=2 demands 2"
    assert wrong_info("N=1,x", 1, text) == "INFO 'N=1,x' is not valid"
    assert wrong_info("DB=0", 1, text) == "INFO 'DB=0' is a flag with a value"
    assert wrong_info("A;;B", 1, text) == "INFO ';' is not valid"
    assert wrong_info("AC=1,2", 0, text) == ""
    assert wrong_info("AF=0.5,1.01", 2, text) == "INFO 'AF=0.5,1.01' is not valid"
    assert wrong_info("AF=-0.1", 1, text) != ""
    assert wrong_info("DP=12345678901", 1, text) != ""
    assert wrong_info("DP=1234567890", 1, text) == ""
    assert wrong_info("verylongnameofakey=" + "1" * 30 + ";=", 1, text) == "INFO '=' is not valid"


def test_a_cell_is_held_to_every_definition_and_the_first_wrong_field_is_named() -> None:
    shape = CellShape(("GT", "X", "Y"), (Definition("1", "String"), Definition("R", "Integer"), Definition("1", "Float")), 1)
    assert [shape.wrong(c) for c in (b"0/1", b"0/1:1,2", b"0/1:.", b"0/1:1,2:nan", b"0/1:1,2:.:9")] == [""] * 5
    assert shape.wrong(b"0/1:1:x") == "X '1' is not Number=R of Type=Integer"
    assert shape.wrong(b"0/1:1,2:x") == "Y 'x' is not Number=1 of Type=Float"


RESERVED = {
    "AA": ("C|||", "A,C"),
    "AC": ("2,0", "1", "1,x", "-1,0", "1.5,0"),
    "AF": ("0,1e-3", "0.5", "2,0", "x,0", "-0.1,0"),
    "AN": ("4", "1,2", "x", "-4"),
    "BQ": ("-1.5e2", "1,2", "x"),
    "CIGAR": ("1X,10M2I3D4N5S6H7P8=", "1X", "M,1X", "1.0,1X"),
    "DB": (None, "1"),
    "DP": ("30", "1,2", "1.5", "12345678901"),
    "END": ("99", "9,9", "x"),
    "H2": (None, "1"),
    "H3": (None, "1"),
    "MQ": ("inf", "1,2", "high"),
    "MQ0": ("0", "1,2", "-1"),
    "NS": ("3", "1,2", "3.0"),
    "SB": ("1,2.5,nan,.", "x"),
    "SOMATIC": (None, "1"),
    "VALIDATED": (None, "1"),
    "1000G": (None, "1"),
}


@pytest.mark.parametrize("key", RESERVED)
def test_reserved_keys_are_held_to_the_specification(key: str) -> None:
    """Two ALT alleles; the first value is valid, the others are not."""
    good, *bad = RESERVED[key]
    assert wrong_info(key if good is None else f"{key}={good}", 2, b"") == ""
    if good is not None:
        assert wrong_info(f"{key}=.", 2, b"") == ""
    for value in bad:
        assert wrong_info(f"{key}={value}", 2, b"").startswith(f"INFO '{key}={value}'"[:20]), value


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("Integer", ["0", "-5", "+7", ".", "1234567890123456789"], ["1.0", "x", "", "1e3", "12345678901234567890"]),
        ("Float", ["0", "-5.25", ".5", "5.", "1e-9", "1E+9", "inf", "-Infinity", "NaN", "."], ["x", "1e", "1,5", "--1", "e5"]),
        ("String", ["x", "1.0", "a b"], []),
        ("Character", ["x", "xy"], []),
    ],
)
def test_values_are_held_to_the_type_of_their_header(kind: str, good: list[str], bad: list[str]) -> None:
    text = meta(
        f'##INFO=<ID=MY,Number=1,Type={kind},Description="x">', f'##FORMAT=<ID=MY,Number=1,Type={kind},Description="x">'
    )
    shape = cell_shape(("GT", "MY"), (Definition("1", "String"), definition(text, "FORMAT", "MY")), 1)
    assert (shape is None) == (kind in ("String", "Character"))
    for value in good:
        assert wrong_info(f"MY={value}", 1, text) == "", value
        assert shape is None or shape.wrong(f"0/1:{value}".encode()) == "", value
    for value in bad:
        assert wrong_info(f"MY={value}", 1, text) != "", value
        if not value.isdigit():  # a whole number of any length may stand in a cell
            assert shape.wrong(f"0/1:{value}".encode()) != "", value


def test_fields_counted_by_ploidy_and_alleles() -> None:
    defined = (Definition("1", "String"), Definition("G", "Integer"), Definition("A", "Float"))
    shape = cell_shape(("GT", "PL", "X"), defined, 2)
    for gt, n in ((b"0/1", 6), (b"1", 3), (b"0|1|2", 10), (b"/0/1", 6), (b"|1", 3)):
        for k in range(1, 12):
            cell = gt + b":" + b",".join([b"7"] * k) + b":0.5,."
            assert (shape.wrong(cell) == "") == (k == n), (gt, k)
    assert shape.wrong(b".:1,2,3") == ""
    assert shape.wrong(b".:1,2,3,4,5,6") == ""
    assert shape.wrong(b".:1,2") == "PL '1,2' is not Number=G of Type=Integer"
    assert shape.wrong(b"0/1:.:0.5") == "X '0.5' is not Number=A of Type=Float"
    without_alt = cell_shape(("GT", "PL", "X"), defined, 0)  # how many values there should be is then left open
    assert [without_alt.wrong(c) for c in (b"0/0:7", b"0/0:7,8,9:0.5", b"0/0::")] == ["", "", ""]
    assert without_alt.wrong(b"0/0:x") != ""
    assert cell_shape(("PL",), (Definition("G", "Integer"),), 1).wrong(b"1,2,3") == ""
    assert (
        cell_shape(("AD",), (Definition("R", "Integer"),), 1).wrong(b"1,x") == ""
    )  # its values are judged where they are read
    assert cell_shape(("AD",), (Definition("R", "Integer"),), 1).wrong(b"1") != ""
    for key in ("DP", "MIN_DP", "GQ", "RGQ", "CN", "LEN", "DS", "FT"):
        assert cell_shape((key,), (Definition("1", "Float"),), 1).wrong(b"x") == ""
        assert cell_shape((key,), (Definition(".", "Float"),), 1) is None
