"""What a line says about a locus: the role of every allele, and what makes a line no evidence at all."""

from __future__ import annotations

import pytest

from biomarkers.domain.loci import LOCI
from biomarkers.genotype.options import Options
from biomarkers.genotype.record import LARGEST_POSITION, Record, View, extent, parse_record, position, view_record

SITE, COMPANION = LOCI["FCGR3A-158"], LOCI["FCGR2A-131"]
P = SITE.position["GRCh38"]


def line(
    pos: int = P,
    ref: str = "A",
    alt: str = "C",
    info: str = ".",
    keys: str = "GT",
    cells: str = "0/1",
    qual: str = ".",
    filters: str = "PASS",
    id: str = ".",
) -> bytes:
    return f"chr1\t{pos}\t{id}\t{ref}\t{alt}\t{qual}\t{filters}\t{info}\t{keys}\t{cells}".encode()


def record(n: int = 1, **about: object) -> Record:
    return parse_record(line(**about), n)


def views(**about: object) -> list[View]:
    options = Options(allow_flip=bool(about.pop("flip", False)), ref_mismatch=str(about.pop("mismatch", "resolve")))
    return view_record(record(**about), SITE, P, options)


def test_a_position_is_a_whole_number_of_a_chromosome() -> None:
    found = [
        position(text) for text in (b"1", b"0", b"2147483647", b"2147483648", b"12345678901", b"-1", b"", b"1.0", b"x", b" 1")
    ]
    assert found == [1, 0, LARGEST_POSITION, None, None, None, None, None, None, None]


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "info", "end"),
    [
        (10, b"A", b"C", b".", 10),
        (10, b"ACG", b"A", b".", 12),
        (10, b"A", b"C", b"END=99", 10),
        (10, b"A", b"<DEL>", b"SVTYPE=DEL;END=99", 99),
        (10, b"A", b"<DEL>", b"END=5", 10),
        (10, b"A", b".", b"END=20", 20),
        (10, b"A", b"<DEL>", b"SVLEN=-30", 40),
        (10, b"A", b"<DUP>,<DEL>", b"SVLEN=30,-50;X=1", 60),
        (10, b"A", b"<DEL>", b"XEND=99", 10),
        (10, b"A", b"<DEL>", b"END=99;SVLEN=-500", 99),
        (10, b"A", b"<DEL>", b"END=12345678901", 10),
        (10, b"A", b"<DEL>", b"SVLEN=x", 10),
        (10, b"A", b"<DEL>", b"SVLEN=,-", 10),
        (10, b"ACGT", b"<NON_REF>", b".", 13),
    ],
)
def test_how_far_a_line_reaches(pos: int, ref: bytes, alt: bytes, info: bytes, end: int) -> None:
    assert extent(pos, ref, alt, info) == end


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"ref": "A-"}, "REF 'A-' is no sequence of bases"),
        ({"ref": "X" * 30}, f"REF {'X' * 20!r} is no sequence"),
        ({"alt": "C,"}, "ALT '' is no allele"),
        ({"alt": "<A B>"}, "ALT '<A B>' is no allele"),
        ({"alt": "R"}, "ALT 'R' is no allele"),
        ({"qual": "x"}, "QUAL 'x' is no number"),
        ({"qual": "-1"}, "QUAL '-1' is no number"),
        ({"filters": "a b"}, "FILTER 'a b' is no list"),
        ({"filters": "PASS;q"}, "FILTER 'PASS;q'"),
        ({"filters": "a;.;b"}, "FILTER 'a;.;b'"),
        ({"filters": "0"}, "FILTER '0'"),
        ({"id": "a;a"}, "ID 'a;a' is no list of names"),
        ({"id": "a,b"}, "ID 'a,b'"),
        ({"info": "A=1;A=2"}, "INFO 'A=2' is not valid"),
        ({"keys": "GT:DP:DP", "cells": "0/1:1:1"}, "FORMAT 'GT:DP:DP' repeats a key or holds an empty or illegal one"),
        ({"keys": "GT:", "cells": "0/1"}, "FORMAT 'GT:' repeats"),
        ({"keys": "GT:1x", "cells": "0/1"}, "FORMAT 'GT:1x' repeats"),
        ({"keys": "DP:GT", "cells": "1:0/1"}, "GT is not the first key of FORMAT"),
        ({"cells": "0/1\t0/1"}, "2 sample columns, the header names 1"),
    ],
)
def test_an_invalid_line_says_what_is_wrong_and_refuses_the_site_alone(about: dict, words: str) -> None:
    found = record(**about)
    assert found.problem.startswith(words)
    (view,) = views(**about)
    assert view.refused == ("BAD_RECORD", f"chr1:{P}: {found.problem}")
    assert views(**{**about, "pos": P + 1}) == []


@pytest.mark.parametrize(
    ("version", "defined", "key", "fits"),
    [
        ("4.0", "", "G_S", False),
        ("4.1", "", "G_S", False),
        ("4.2", "", "G_S", False),
        ("4.2", "", "G.S", False),
        ("4.2", "", "G2S", True),
        ("4.2", "G_S", "G_S", True),
        ("4.2", "G_S2", "G_S", False),
        ("4.3", "", "G_S", True),
        ("4.4", "", "G_S", True),
        ("4.4", "G%S", "G%S", False),
    ],
)
def test_before_vcf_4_3_a_key_with_an_underscore_needs_its_definition(version: str, defined: str, key: str, fits: bool) -> None:
    meta = f"##fileformat=VCFv{version}\n" + f'##FORMAT=<ID={defined},Number=1,Type=String,Description="x">\n' * bool(defined)
    problem = parse_record(line(keys=f"GT:{key}", cells="0/1:5"), 1, meta.encode()).problem
    assert (problem == "") == fits
    assert fits or problem == f"FORMAT 'GT:{key}' repeats a key or holds an empty or illegal one"


@pytest.mark.parametrize(
    "about",
    [
        {"qual": "1e3"},
        {"qual": "+3.5"},
        {"qual": "0"},
        {"qual": "-0.0"},
        {"qual": "inf"},
        {"qual": "NaN"},
        {"qual": ".5"},
        {"filters": "."},
        {"filters": "q10;s50"},
        {"id": "a;b"},
        {"keys": "GT:_x.1", "cells": "0/1"},
        {"keys": "GT:1000G", "cells": "0/1"},
        {"alt": "G]17:198982]"},
        {"alt": "]13:123456]T"},
        {"alt": ".A"},
        {"alt": "A."},
        {"alt": "<INS:ME:ALU>"},
        {"alt": "*"},
        {"alt": "."},
        {"ref": "ryswkmbdhvn"},
    ],
)
def test_a_valid_line_has_no_problem(about: dict) -> None:
    assert record(**about).problem == ""


def test_too_few_columns_are_counted() -> None:
    for n in (3, 5, 8, 9):
        cut = b"\t".join(line().split(b"\t")[:n])
        found = parse_record(cut, 4)
        assert found.problem == f"{n} columns, the header has 13"
        assert (found.pos, found.end, found.cells) == (P, P, b"")
    block = b"\t".join(line(pos=P - 9, ref="T", alt="<NON_REF>", info=f"END={P}").split(b"\t")[:9])
    assert parse_record(block, 1).end == P


def test_letters_come_in_any_case_and_are_kept_as_written() -> None:
    found = record(ref="a", alt="c,<non_ref>")
    assert (found.ref, found.alts, found.ref_text, found.alt_text) == ("A", ("C", "<NON_REF>"), "a", "c,<non_ref>")
    assert record(alt=".").alts == ()
    assert found.where == f"chr1:{P}"


def test_a_block_reaches_to_the_longest_of_its_samples() -> None:
    cells = f"0/0:5\t0/0:{2 * 10**9}\t0/0:.\t0/0\t0/0:12"
    assert record(5, pos=P - 9, ref="T", alt="<*>", keys="GT:LEN", cells=cells.replace(str(2 * 10**9), "40")).end == P + 30
    assert record(5, pos=P - 9, ref="T", alt="<*>", keys="GT:LEN", cells=cells).end == P + 2
    assert record(1, pos=P - 9, ref="T", alt="C", keys="GT:LEN", cells="0/0:500").end == P - 9


@pytest.mark.parametrize(
    ("about", "kind", "roles", "bases", "notes"),
    [
        ({}, "site", [0, 1], ["A", "C"], ()),
        ({"alt": "G"}, "site", [0, "OTHER_ALLELE"], ["A", "G"], ()),
        ({"alt": "."}, "site", [0], ["A"], ()),
        ({"alt": "G,C,N"}, "site", [0, "OTHER_ALLELE", 1, "OTHER_ALLELE"], ["A", "G", "C", "N"], ()),
        ({"alt": "C,<NON_REF>,*"}, "site", [0, 1, "SYMBOLIC_ONLY", "SPANNING_DEL"], ["A", "C", "<NON_REF>", "*"], ()),
        ({"alt": "C,<*:DEL>"}, "site", [0, 1, "SPANNING_DEL"], ["A", "C", "<*:DEL>"], ()),
        ({"alt": "*"}, "site", [0, "SPANNING_DEL"], ["A", "*"], ()),
        ({"alt": "C,AT"}, "site", [0, 1, "OVERLAP_INDEL"], ["A", "C", "AT"], ()),
        ({"alt": "C,A]1:5]"}, "site", [0, 1, "OTHER_ALLELE"], ["A", "C", "A]1:5]"], ()),
        ({"ref": "C", "alt": "A"}, "site", [1, 0], ["C", "A"], ("REF_MISMATCH_RESOLVED",)),
        ({"ref": "C", "alt": "T,A"}, "site", [1, "OTHER_ALLELE", 0], ["C", "T", "A"], ("REF_MISMATCH_RESOLVED",)),
        ({"ref": "AA", "alt": "CA,AG,A"}, "site", [0, 1, 0, "OVERLAP_INDEL"], ["A", "C", "A", "A"], ("MNP",)),
        ({"pos": P - 2, "ref": "AAA", "alt": "AAC"}, "site", [0, 1], ["A", "C"], ("MNP",)),
        (
            {"pos": P - 2, "ref": "AAA", "alt": "AAC,A,AA"},
            "site",
            [0, 1, "OVERLAP_DEL", "OVERLAP_DEL"],
            ["A", "C", "A", "AA"],
            ("MNP",),
        ),
        ({"pos": P - 2, "ref": "AAA", "alt": "A"}, "indel", [0, "OVERLAP_DEL"], ["A", "A"], ()),
        ({"pos": P - 2, "ref": "AAA", "alt": "AAAT"}, "indel", [0, "OVERLAP_INDEL"], ["A", "AAAT"], ()),
        ({"alt": "AT"}, "indel", [0, "OVERLAP_INDEL"], ["A", "AT"], ()),
        ({"ref": "AG", "alt": "A,<DEL>"}, "indel", [0, "OVERLAP_INDEL", "SYMBOLIC_ONLY"], ["A", "A", "<DEL>"], ()),
        ({"ref": "AG", "alt": "A,A[2:5["}, "indel", [0, "OVERLAP_INDEL", "OTHER_ALLELE"], ["A", "A", "A[2:5["], ()),
        ({"pos": P - 1, "ref": "AA", "alt": "*,A"}, "indel", [0, "SPANNING_DEL", "OVERLAP_DEL"], ["A", "*", "A"], ()),
        (
            {"pos": P - 9, "ref": "T", "alt": "<NON_REF>", "info": f"END={P}"},
            "block",
            [0, "SYMBOLIC_ONLY"],
            ["A", "<NON_REF>"],
            ("HOMREF_BLOCK",),
        ),
        ({"pos": P - 9, "ref": "T", "alt": ".", "info": f"END={P}"}, "block", [0], ["A"], ("HOMREF_BLOCK",)),
        ({"alt": "<*>", "info": f"END={P + 5}"}, "block", [0, "SYMBOLIC_ONLY"], ["A", "<*>"], ("HOMREF_BLOCK",)),
        ({"alt": ".", "info": f"END={P + 5}"}, "block", [0], ["A"], ("HOMREF_BLOCK",)),
        ({"pos": P - 9, "ref": "G", "alt": "<DEL>", "info": f"END={P}"}, "copies", [], [], ()),
        ({"alt": "<CNV>", "info": f"END={P + 5}"}, "copies", [], [], ()),
        ({"pos": P - 9, "ref": "G", "alt": "<DUP:TANDEM>", "info": f"END={P}"}, "copies", [], [], ()),
    ],
)
def test_every_allele_has_its_role(about: dict, kind: str, roles: list, bases: list, notes: tuple) -> None:
    view = views(**about)[0]
    assert view.refused == ("", "")
    assert (view.kind, view.roles, view.bases, view.notes) == (kind, roles, bases, notes)


@pytest.mark.parametrize(
    ("about", "reason", "words"),
    [
        (
            {"ref": "T", "alt": "G"},
            "STRAND_FLIPPED",
            f"chr1:{P}: REF T ALT G are the other strand's letters; allow_flip reads them as such",
        ),
        ({"ref": "G", "alt": "T"}, "STRAND_FLIPPED", f"chr1:{P}: REF G ALT T"),
        ({"ref": "G", "alt": "A"}, "REF_MISMATCH", f"chr1:{P}: REF is G (base G at the site), FCGR3A-158 has A"),
        ({"ref": "T", "alt": "G,C"}, "REF_MISMATCH", f"chr1:{P}: REF is T"),
        ({"ref": "T", "alt": "C", "flip": True}, "REF_MISMATCH", f"chr1:{P}: REF is T"),
        ({"ref": "C", "alt": "A", "mismatch": "strict"}, "REF_MISMATCH", f"chr1:{P}: REF is C"),
        ({"ref": "C", "alt": "G"}, "REF_MISMATCH", f"chr1:{P}: REF is C"),
        ({"ref": "N", "alt": "C"}, "REF_MISMATCH", f"chr1:{P}: REF is N"),
        ({"ref": "GA", "alt": "G"}, "REF_MISMATCH", f"chr1:{P}: REF has G at the site, FCGR3A-158 has A or C"),
        ({"ref": "TT", "alt": "GT"}, "REF_MISMATCH", f"chr1:{P}: REF is TT (base T at the site)"),
        ({"ref": "G", "alt": ".", "info": f"END={P + 5}"}, "REF_MISMATCH", f"chr1:{P}: REF is G"),
    ],
)
def test_letters_that_cannot_be_the_site_are_refused(about: dict, reason: str, words: str) -> None:
    view = views(**about)[0]
    assert view.refused[0] == reason
    assert view.refused[1].startswith(words)


def test_flipped_letters_are_read_on_request() -> None:
    (view,) = views(ref="T", alt="G", flip=True)
    assert (view.roles, view.bases, view.notes) == ([0, 1], ["A", "C"], ("STRAND_FLIPPED",))
    (view,) = views(ref="G", alt="T", flip=True)
    assert (view.roles, view.bases, view.notes) == ([1, 0], ["C", "A"], ("STRAND_FLIPPED", "REF_MISMATCH_RESOLVED"))


@pytest.mark.parametrize(
    "about",
    [
        {"pos": P - 1},
        {"pos": P + 1},
        {"pos": P - 9, "ref": "G", "alt": "<INV>", "info": f"END={P + 9}"},
        {"pos": P - 9, "ref": "G", "alt": "<INS>", "info": f"END={P + 9}"},
        {"alt": "<DEL>", "info": f"END={P + 9}"},
        {"alt": "<INV>", "info": f"END={P + 9}"},
        {"alt": "A[2:300["},
        {"pos": P - 9, "ref": "G", "alt": "<DEL>", "info": f"END={P - 1}"},
        {"pos": P - 9, "ref": "T", "alt": "<NON_REF>", "info": f"END={P - 1}"},
    ],
)
def test_what_has_no_bearing_on_the_site_gives_no_view_of_it(about: dict) -> None:
    assert not [v for v in views(**about) if v.kind in ("site", "block", "indel", "copies")]


def test_which_alleles_change_the_copy_number() -> None:
    (view,) = views(pos=P - 9, ref="G", alt="<CN0>,<CN2>,<DEL>,<DUP>,<CNV>", info=f"END={P + 9}")
    assert view.marked == {1, 2, 3, 4, 5}
    assert not [v for v in views(pos=P - 9, ref="G", alt="<DELX>", info=f"END={P + 9}") if v.kind == "copies"]


@pytest.mark.parametrize(("offset", "here", "paralog"), [(s.offset, s.here, s.paralog) for s in SITE.paralog.sentinels])
def test_a_sentinel_is_seen_by_both_its_letters(offset: int, here: str, paralog: str) -> None:
    (view,) = views(pos=P + offset, ref=here, alt=paralog)
    assert (view.kind, view.marked, view.notes) == ("sentinel", {1}, (str(offset),))
    assert views(pos=P + offset, ref=paralog, alt=here) == []
    other = next(b for b in "ACGT" if b not in (here, paralog))
    assert views(pos=P + offset, ref=here, alt=other) == []
    (view,) = views(pos=P + offset - 1, ref="G" + here + "T", alt=f"G{here}G,G{paralog}T,G{paralog}")
    assert view.marked == {2}
    assert view_record(record(pos=P + offset, ref=here, alt=paralog), COMPANION, P - 34_797, Options()) == []


def test_a_changed_base_of_the_codon_is_seen_beside_the_site() -> None:
    (view,) = views(pos=P - 1, ref="A", alt="G,A,N")
    assert (view.kind, view.marked) == ("codon", {1})
    site, codon = views(pos=P - 1, ref="AA", alt="AC,GC,GA")
    assert (site.kind, site.roles, codon.marked) == ("site", [0, 1, 1, 0], {2, 3})
    (view,) = views(pos=P - 2, ref="A", alt="T")
    assert view.kind == "codon"
    assert views(pos=P - 3, ref="A", alt="T") == []
    assert [v.kind for v in views(pos=P - 9, ref="TAAAAAAAA", alt="<NON_REF>", info=f"END={P}")] == ["block"]


def test_what_info_says_about_imputation() -> None:
    found = record(info="IMPUTED;DR2=0.9,0.7")
    assert (found.imputed, found.r2) == (True, ("DR2", 0.7))
    assert (record(info="XIMP;R2=.,0.5").imputed, record(info="R2=.,0.5").r2) == (False, ("R2", 0.5))
    assert record(info="R2=.").r2 is None
    assert record(info="IMP").imputed
    assert record().r2 is None
    assert record(alt="<NON_REF>").is_block
    assert not record(alt=".").is_block
    assert not record(alt="C,<NON_REF>").is_block


@pytest.mark.parametrize("about", [{"qual": "9" * 300_000 + "x"}, {"info": "AF=" + "9" * 300_000 + "x"}])
def test_a_number_is_judged_in_one_pass_however_long(about: dict[str, str]) -> None:
    assert record(**about).problem


@pytest.mark.parametrize("pl", ["1,2,3", "."])
def test_a_list_that_no_line_could_hold_is_wrong_unless_it_is_missing(pl: str) -> None:
    alts = ",".join("A" * n + "C" for n in range(1, 11))
    found = record(alt=alts, keys="GT:PL", cells="/".join("0" * 100) + ":" + pl)
    assert found.problem == ""
    assert found.shape is not None
    wrong = "PL '1,2,3' is not Number=G of Type=Integer" if pl != "." else ""
    assert found.shape.wrong(found.cells) == wrong
