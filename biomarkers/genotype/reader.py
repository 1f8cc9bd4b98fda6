"""From a file to its header and the few lines that bear on the loci. The only file that knows pysam.

Two lanes, one answer. The *index lane* asks a tabix or CSI index (large bgzipped text, BCF). The *scan lane* reads
everything: plain text, gzip, unindexed files, and every small file, which costs less to read than its index costs to ask.
Both give the same lines, as bytes, to the same decision. Content decides how a file is read, never its name.

Text is decompressed here block by block, each checksum verified, up to the last line that can matter; htslib, through
pysam, reads BCF.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from biomarkers.genotype.header import HeaderProblem, check_beginning
from biomarkers.genotype.index import EOF_BLOCK, Index, find_index, index_fits, inflate_blocks, inflate_from, read_index
from biomarkers.genotype.record import extent, position

if TYPE_CHECKING:
    import pysam

SMALL = 64 * 1024             # compressed bytes; below this a file is read whole
_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 28       # 256 MB: half a million samples with every field; beyond it the file is no VCF
_LONGEST_HEADER = 1 << 28


class FileProblem(Exception):
    """A file that cannot be read, with the words for its rows."""


@dataclass(frozen=True, slots=True)
class Region:
    """Lines wanted: contig names, first and last position (1-based, both included)."""

    names: frozenset[str]
    start: int
    end: int


class Plan(Protocol):
    """Which stretches of a file are wanted, as its header and its lines become known."""

    def everything(self) -> Sequence[Region]:
        """All that could be wanted of any file: for a scan, which passes once."""

    def first(self, header: bytes) -> Sequence[Region]:
        """What is wanted of a file with this header."""

    def then(self, lines: Lines) -> Sequence[Region]:
        """What is wanted besides, now that these lines are known."""


@dataclass(slots=True)
class Lines:
    """The lines of a file that overlap a region, and what was learnt on the way.

    Parameters
    ----------
    header : bytes
    seen : frozenset of str
        Contig names of interest that have records.
    found : list of (str, int, int, bytes)
        Contig, first and last position covered, and the line without its end.
    invalid : dict of str to str
        Contig names of interest with a line whose position cannot be read, and what stands there.
    note : str
        `NO_INDEX`, `STALE_INDEX` or empty.
    unsorted : bool
        A scan found lines of a contig of interest out of order, or apart from each other.
    """

    header: bytes
    seen: frozenset[str] = frozenset()
    found: list[tuple[str, int, int, bytes]] = field(default_factory=list)
    invalid: dict[str, str] = field(default_factory=dict)
    note: str = ""
    unsorted: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What every row of the file must say about how it was read."""
        return tuple(code for code in (self.note, "UNSORTED" if self.unsorted else "") if code)


def read_lines(path: str, plan: Plan, *, lane: str = "auto") -> Lines:
    """Header and overlapping lines of one file, `-` for standard input.

    Parameters
    ----------
    path : str
    plan : Plan
    lane : str
        `auto`; `index` and `scan` force a lane where it applies, for tests.

    Raises
    ------
    FileProblem, HeaderProblem
        The file is no regular file, is damaged, cut off, or no VCF.
    """
    try:
        if path == "-":
            with _spooled(sys.stdin.buffer) as copy:
                return _read(copy, plan, lane)
        return _read(path, plan, lane)
    except FileNotFoundError as error:
        link = os.path.islink(path)  # noqa: PTH114  the path as named
        raise FileProblem("not found" + (": a link whose target is missing" if link else "")) from error
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise FileProblem(_words(error)) from error


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.errno:
        return error.strerror
    return str(error) or type(error).__name__


@contextmanager
def _spooled(stream: BinaryIO) -> Iterator[str]:
    """Standard input as a file: whether it is BGZF, gzip, BCF or text is then found as for any other file."""
    with tempfile.NamedTemporaryFile(prefix="biomarkers-stdin-", delete=False) as copy:
        try:
            while piece := stream.read(_CHUNK):
                copy.write(piece)
            copy.close()
            yield copy.name
        finally:
            Path(copy.name).unlink(missing_ok=True)


def _read(path: str, plan: Plan, lane: str) -> Lines:
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(SMALL if lane != "index" else 4096)
        if not head:
            raise FileProblem("the file is empty")
        if head[:4] == b"\x1f\x8b\x08\x04" and head[12:16] == b"BC\x02\x00":
            file.seek(max(0, size - 28))
            if file.read(28) != EOF_BLOCK:
                raise FileProblem("no BGZF end block: the file is truncated, or has trailing bytes")
            return _read_bgzf(path, file, size, head, plan, lane)
        file.seek(0)
        if head[:2] == b"\x1f\x8b":
            return _scan(_gunzipped(file), plan)
        if head[:3] == b"BCF":
            return _read_bcf(path, size, _chunks(file), plan, lane, indexable=False)
        check_beginning(head[:64])
        return _scan(_chunks(file), plan)


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    """A regular file, opened without waiting: a pipe or a device is refused."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        what = "a directory" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise FileProblem(f"{what}, not a regular file")
    with os.fdopen(handle, "rb", buffering=0) as file:
        yield file


# ---------------------------------------------------------------------- bgzipped files
def _read_bgzf(path: str, file: BinaryIO, size: int, head: bytes, plan: Plan, lane: str) -> Lines:
    first = zlib.decompressobj(31).decompress(head, 64)
    if first[:3] == b"BCF":
        return _read_bcf(path, size, inflate_from(file.fileno(), 0), plan, lane, indexable=True)
    check_beginning(first)
    beside = find_index(path)
    index = _fitting(beside, path, size) if beside else None
    if size <= SMALL and lane != "index":
        lines = _scan(iter([inflate_blocks(head)]), plan)
    elif index is not None and lane != "scan":
        return _ask_index(file.fileno(), index, plan)
    else:
        lines = _scan(inflate_from(file.fileno(), 0), plan)
    if index is None:
        # An index of a file without records has no end to compare, and nothing to answer wrongly.
        lines.note = "NO_INDEX" if beside is None else "STALE_INDEX" if lines.seen else ""
    return lines


def _fitting(beside: str, path: str, size: int) -> Index | None:
    """The index, if it can be read and was made for this very file."""
    try:
        index = read_index(beside)
    except ValueError:
        return None
    return index if index.is_vcf and index_fits(index, path, size) else None


def _ask_index(handle: int, index: Index, plan: Plan) -> Lines:
    lines = Lines(_split_header(inflate_from(handle, 0))[0], frozenset(index.names))
    whole = must_end_lines(lines.header)
    for step in (1, 2):
        asked = plan.first(lines.header) if step == 1 else plan.then(lines)
        _add(lines, ((region, name, _lines_over(handle, index, region, name, whole=whole))
                     for region in asked for name in sorted(region.names & lines.seen)))
    return lines


def _lines_over(handle: int, index: Index, region: Region, name: str, *, whole: bool) -> Iterator[bytes]:
    """Lines that the index holds for a region; reading stops at the first line that begins after it.

    A line without its end is the file's last; where `whole` demands line ends, it may be cut off. Most lines only lie on
    the way: they are passed over by their beginning, without a copy of their samples.
    """
    prefix = name.encode() + b"\t"
    for begin, end in index.chunks(name, region.start, region.end):
        parts: list[bytes] = []
        for piece in inflate_from(handle, begin, end):
            at = 0
            while (stop := piece.find(b"\n", at)) >= 0:
                line = None
                if parts:
                    line = b"".join([*parts, piece[at:stop]])
                    parts = []
                head = piece[at:min(stop, at + _HEAD)] if line is None else line[:_HEAD]
                where = _place(head, prefix, region)
                if where is None:
                    line = piece[at:stop] if line is None else line
                    where = _place(line, prefix, region, whole=True)
                if where == AFTER:
                    return
                if where == OVER:
                    yield (piece[at:stop] if line is None else line).rstrip(b"\r")
                at = stop + 1
            parts.append(piece[at:])
            if len(parts) == 1 and _place(parts[0][:_HEAD], prefix, region) == AFTER:
                return  # an unfinished line already shows that it lies behind the region
        if any(parts) and _place(line := b"".join(parts), prefix, region, whole=True) == OVER:
            if whole:
                raise FileProblem(_NO_LINE_END)
            yield line


BEFORE, OVER, AFTER = -1, 0, 1
_HEAD = 160


def _place(head: bytes, prefix: bytes, region: Region, *, whole: bool = False) -> int | None:
    """Where a line lies, by its beginning; None where the beginning does not tell."""
    if not head.startswith(prefix):
        return BEFORE if whole or len(head) >= len(prefix) else None
    fields = head.split(b"\t", 5)
    if len(fields) < 3 or (pos := position(fields[1])) is None:
        return BEFORE if whole else None
    if pos > region.end:
        return AFTER
    if pos >= region.start:
        return OVER
    if len(fields) == 6 and b"<" not in fields[4] and fields[4] != b".":
        return OVER if pos + len(fields[3]) > region.start else BEFORE
    if not whole:
        return None
    return OVER if _reach(head)[1] >= region.start else BEFORE


def _add(lines: Lines, answers: Iterable[tuple[Region, str, Iterable[bytes]]]) -> None:
    """Keep what overlaps. A long record answers to several regions but is one; a record written twice stays two."""
    kept = Counter((name, pos, end, line) for name, pos, end, line in lines.found)
    for region, name, texts in answers:
        here: Counter[tuple[str, int, int, bytes]] = Counter()
        for line in texts:
            pos, end = _reach(line)
            if pos is not None and pos <= region.end and end >= region.start:
                item = name, pos, end, line
                here[item] += 1
                if here[item] > kept[item]:
                    kept[item] += 1
                    lines.found.append(item)


def _reach(line: bytes) -> tuple[int | None, int]:
    """First and last base that a line may cover. A block whose samples carry their own LEN may reach anywhere."""
    fields = line[:400].split(b"\t", 9)
    if len(fields) < 10:
        fields = line.split(b"\t", 9)
    pos = position(fields[1]) if len(fields) > 1 else None
    if pos is None:
        return None, 0
    if len(fields) < 8:
        return pos, pos
    end = extent(pos, fields[3], fields[4], fields[7])
    if len(fields) > 9 and b"LEN" in fields[8] and fields[4] in (b"<*>", b"<NON_REF>", b"."):
        lengths = [int(x) for x in re.findall(rb"\d{1,9}", line)]
        end = max([end, *(pos + x - 1 for x in lengths)])
    return pos, end


# ---------------------------------------------------------------------- the scan
def _scan(chunks: Iterator[bytes], plan: Plan) -> Lines:
    """Every line of a stream, in any order, to its end: damage anywhere is an error, never an absence."""
    header, rest = _split_header(chunks)
    lines = Lines(header)
    _scan_body(rest, chunks, plan.everything(), lines)
    return lines


def versions() -> dict[str, str]:
    """Versions of the reading libraries, for provenance."""
    import pysam

    return {"pysam": pysam.__version__, "htslib": pysam.version.__htslib_version__}


def _split_header(pieces: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Header lines to the end of the #CHROM line, and what follows of the pieces read so far.

    Only whole lines are looked at: a piece may end anywhere.
    """
    buffer, done = bytearray(b"\n"), 0
    while True:
        piece = next(pieces, None)
        if piece is None and buffer[-1:] == b"\n":
            check_beginning(bytes(buffer[1:65]))
            raise HeaderProblem("FILE_ERROR", "no #CHROM line (header cut off, or not a VCF)")
        buffer += b"\n" if piece is None else piece
        if len(buffer) > 64:
            check_beginning(bytes(buffer[1:65]))
        if len(buffer) > _LONGEST_HEADER:
            raise FileProblem("the header does not end, or a line is too long for a VCF")
        last = buffer.rfind(b"\n", done + 1)
        if last < 0:
            continue
        if found := _NO_META.search(buffer, done, last):
            start = found.start() + 1
            end = buffer.index(b"\n", start) + 1
            if not buffer.startswith(b"#CHROM", start):
                check_beginning(bytes(buffer[1:65]))
                shown = bytes(buffer[start:min(end, start + 30)]).decode("latin-1")
                raise HeaderProblem("FILE_ERROR", f"no #CHROM line before the first line that is no header line: {shown!r}")
            check_beginning(bytes(buffer[1:65]))
            return bytes(buffer[1:end]), bytes(buffer[end:])
        done = last


_NO_META = re.compile(rb"\n(?!##)")


@lru_cache(maxsize=16)
def _wanted(names: tuple[str, ...]) -> re.Pattern[bytes]:
    return re.compile(rb"\n(" + b"|".join(re.escape(n.encode()) for n in names) + rb")(?=[\t\r\n])")


def _scan_body(first: bytes, chunks: Iterator[bytes], regions: Sequence[Region], lines: Lines) -> None:
    names = sorted({n for region in regions for n in region.names})
    spans = {n.encode(): [(r.start, r.end) for r in regions if n in r.names] for n in names}
    # Beginning with a literal line end, the search passes over long lines at the speed of memchr.
    wanted = _wanted(tuple(names))
    order = _Order()
    parts: list[bytes] = []
    size = 0
    columns = lines.header[lines.header.rfind(b"\n#CHROM") + 1:].count(b"\t")
    for chunk in _chain(first, chunks):
        cut = chunk.rfind(b"\n") + 1
        size += len(chunk)
        if not cut:
            parts.append(chunk)
            if size > _LONGEST_LINE:
                raise FileProblem("a line is too long for a VCF")
            continue
        block = b"".join([b"\n", *parts, chunk[:cut]])
        parts, size = [chunk[cut:]], len(chunk) - cut
        _scan_block(block, wanted, spans, order, lines)
    last = b"".join(parts)
    if last:
        if last.count(b"\t") != columns and not last.isspace():
            raise FileProblem("truncated: the last line is cut off")
        if must_end_lines(lines.header):
            raise FileProblem(_NO_LINE_END)
        _scan_block(b"\n" + last + b"\n", wanted, spans, order, lines)
    lines.seen, lines.unsorted = frozenset(name.decode() for name in order.last), order.disturbed


_NO_LINE_END = "the last line has no line end, as VCF 4.3 demands: it may be cut off"


def must_end_lines(header: bytes) -> bool:
    """True for VCF 4.3, by the specification's own test files; of other versions they ask no end of the last line."""
    return header[:len(b"##fileformat=VCFv4.3\n")].strip() == b"##fileformat=VCFv4.3"


class _Order:
    """Watches that the lines of each contig of interest rise, and stand together."""

    __slots__ = ("disturbed", "last", "name", "next")

    def __init__(self) -> None:
        self.last: dict[bytes, int] = {}
        self.name, self.next, self.disturbed = b"", -1, False

    def add(self, name: bytes, pos: int, start: int, stop: int) -> None:
        """One line, by its place in the current block."""
        if name in self.last and (pos < self.last[name] or start != self.next or name != self.name):
            self.disturbed = True
        self.last[name], self.name, self.next = pos, name, stop + 1


def _chain(first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from chunks


def _scan_block(block: bytes, wanted: re.Pattern[bytes], spans: dict[bytes, list[tuple[int, int]]], order: _Order,
                lines: Lines) -> None:
    """Whole lines behind a line end: keep those that overlap a span."""
    beyond = {name: (min(first for first, _ in regions), max(last for _, last in regions)) for name, regions in spans.items()}
    for match in wanted.finditer(block):
        start = match.start() + 1
        name = match[1]
        stop = block.index(b"\n", start)
        tab = block.find(b"\t", match.end() + 1, stop)
        pos = position(block[match.end() + 1:tab]) if tab > 0 else None
        order.add(name, 0 if pos is None else pos, start, stop)
        if pos is None:
            shown = block[match.end() + 1:min(stop, match.end() + 31)].split(b"\t")[0].decode("latin-1")
            lines.invalid.setdefault(name.decode(), f"POS {shown!r} is no position on it")
            continue
        earliest, latest = beyond[name]
        if pos > latest:
            continue
        line = block[start:stop].rstrip(b"\r")
        _, end = _reach(line)
        if end >= earliest and any(pos <= last and end >= first for first, last in spans[name]):
            lines.found.append((name.decode(), pos, end, line))
    order.next -= len(block) - 1  # the next block begins with the line end of this one


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _gunzipped(file: BinaryIO) -> Iterator[bytes]:
    """Gzip members one after the other, in pieces of bounded size."""
    one, fed = zlib.decompressobj(31), False
    raw = b""
    while True:
        if not raw:
            raw = file.read(_CHUNK)
            if not raw:
                break
        fed = True
        piece = one.decompress(raw, _CHUNK)
        raw = one.unconsumed_tail
        if piece:
            yield piece
        if one.eof:
            raw = one.unused_data
            if not raw:
                raw = file.read(_CHUNK)
            if not raw:
                return
            if raw[:2] != b"\x1f\x8b":
                raise FileProblem("trailing bytes behind the gzip data")
            one, fed = zlib.decompressobj(31), False
    if fed or not one.eof:
        raise FileProblem("truncated: the gzip data end early")


# ---------------------------------------------------------------------- BCF
def _read_bcf(path: str, size: int, pieces: Iterator[bytes], plan: Plan, lane: str, *, indexable: bool) -> Lines:
    import pysam

    _check_numbering(pieces)
    pysam.set_verbosity(0)  # htslib's messages on stderr are answered by rows with a reason
    beside = find_index(path) if indexable else None
    usable = beside is not None and _fitting(beside, path, size) is not None
    with pysam.VariantFile(path, "r", **({"index_filename": beside} if usable else {})) as file:
        header = str(file.header).encode("utf-8", "surrogateescape")
        lines = Lines(header, note="" if usable else ("STALE_INDEX" if beside else "NO_INDEX"))
        if usable and lane != "scan":
            _ask_bcf(file, plan, lines)
        else:
            _scan_bcf(file, plan.everything(), lines)
    return lines


_FAR = re.compile(rb"IDX=[^,>\n]*\d{8}")


def _check_numbering(pieces: Iterator[bytes]) -> None:
    """Refuse a BCF header that gives an entry a number of eight digits or more.

    htslib makes room for every number up to it: a random change of one IDX cost 44 seconds, beyond the reach of any signal.
    """
    text, stop = bytearray(), 0
    for piece in pieces:
        text += piece
        stop = 9 + int.from_bytes(text[5:9], "little")
        if len(text) >= min(stop, _LONGEST_HEADER):
            break
    if found := _FAR.search(text, 0, stop):
        raise FileProblem(f"a BCF header with an impossible number: {found[0][:30].decode('latin-1')!r}")


def _ask_bcf(file: pysam.VariantFile, plan: Plan, lines: Lines) -> None:
    names = frozenset(n for region in plan.everything() for n in region.names) & frozenset(file.header.contigs)
    lines.seen = frozenset(n for n in names if next(iter(file.fetch(n)), None) is not None)
    for step in (1, 2):
        asked = plan.first(lines.header) if step == 1 else plan.then(lines)
        _add(lines, ((region, name, map(_text, file.fetch(name, max(0, region.start - 1), region.end)))
                     for region in asked for name in sorted(region.names & lines.seen)))


def _text(record: pysam.VariantRecord) -> bytes:
    return str(record).rstrip("\n").encode("utf-8", "surrogateescape")


def _scan_bcf(file: pysam.VariantFile, regions: Sequence[Region], lines: Lines) -> None:
    present = frozenset(n for region in regions for n in region.names) & frozenset(file.header.contigs)
    order = _Order()
    for number, record in enumerate(file):
        name = record.chrom
        if name not in present:
            continue
        order.add(name.encode(), record.pos, number, number)
        first, last = record.pos, max(record.stop, record.pos)
        if any(name in r.names and first <= r.end and last >= r.start for r in regions):
            line = _text(record)
            lines.found.append((name, first, _reach(line)[1], line))
    lines.seen, lines.unsorted = frozenset(name.decode() for name in order.last), order.disturbed
