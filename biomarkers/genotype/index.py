"""A tabix or CSI index: where to look in a bgzipped file, and whether the index belongs to that file at all.

An index of an earlier version of a file answers "no record" where there is one, and every reader believes it. Times do
not tell: copying changes them. But an index ends where its file ended when it was made, so an index behind whose last
record more data follow was made for other bytes.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_inflater: Any
try:  # ISA-L verifies the same checksum in a third of zlib's time; it has no wheel for every machine
    from isal import isal_zlib as _inflater
except ImportError:
    _inflater = zlib

EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_LARGEST_INDEX = 1 << 28
_PIECE = 1 << 18


@dataclass(slots=True)
class _Bins:
    """One contig's bins: number -> (offset of its first record or 0, place of its chunks, their count)."""

    bins: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    linear: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class Index:
    """An index in memory.

    Parameters
    ----------
    data : bytes
        The index, decompressed.
    end : int or None
        Virtual offset (compressed offset << 16 | offset within the block) behind the last record; None: no record indexed.
    is_vcf : bool
        Made with the VCF preset, so that it knows how far a record reaches.
    names : list of str
        Contigs that have records; empty for BCF, whose own header names them.
    shift, depth : int
        Width of the smallest bin (as a power of two) and number of levels above it.
    """

    data: bytes
    end: int | None
    is_vcf: bool
    names: list[str]
    contigs: list[_Bins]
    shift: int = 14
    depth: int = 5

    def chunks(self, name: str, start: int, end: int) -> list[tuple[int, int]]:
        """Stretches of the file, as virtual offsets, that hold every record of `start` to `end` (1-based, both included)."""
        contig = self.contigs[self.names.index(name)]
        begin, stop = max(0, start - 1), max(start, end)
        found, least = [], self._least(contig, begin)
        for number in self._bins_over(begin, stop):
            if number in contig.bins:
                _, place, n_chunk = contig.bins[number]
                values = struct.unpack_from(f"<{2 * n_chunk}Q", self.data, place)
                found += [(max(a, least), b) for a, b in zip(values[::2], values[1::2], strict=True) if b > least]
        merged: list[tuple[int, int]] = []
        for a, b in sorted(found):
            if merged and a >> 16 <= merged[-1][1] >> 16:
                merged[-1] = merged[-1][0], max(merged[-1][1], b)
            else:
                merged.append((a, b))
        return merged

    def _bins_over(self, begin: int, stop: int) -> Iterator[int]:
        first, shift = 0, self.shift + 3 * self.depth
        for level in range(self.depth + 1):
            yield from range(first + (begin >> shift), first + (stop - 1 >> shift) + 1)
            first += 1 << 3 * level
            shift -= 3

    def _least(self, contig: _Bins, begin: int) -> int:
        """No record that reaches `begin` lies before this offset."""
        place, n = contig.linear
        if n:
            i = min(begin >> self.shift, n - 1)
            return int(struct.unpack_from("<Q", self.data, place + 8 * i)[0])
        number = ((1 << 3 * self.depth) - 1) // 7 + (begin >> self.shift)
        while number:
            if number in contig.bins:
                return contig.bins[number][0]
            number = number - 1 >> 3
        return contig.bins[0][0] if 0 in contig.bins else 0


def find_index(path: str) -> str | None:
    """The index beside a file: `.csi` before `.tbi`, as htslib looks for them."""
    for ending in (".csi", ".tbi"):
        if os.path.isfile(path + ending):  # noqa: PTH113  called once per file; Path objects would cost more than the test
            return path + ending
    return None


def read_index(path: str) -> Index:
    """Read a `.tbi` or `.csi`.

    Raises
    ------
    ValueError
        It is neither, or is damaged.
    """
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  as above
            data = inflate_blocks(file.read(), most=_LARGEST_INDEX)
        if data[:4] == b"TBI\1":
            return _tbi(data)
        if data[:4] == b"CSI\1":
            return _csi(data)
    except (struct.error, zlib.error, IndexError, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"damaged index ({error})") from error
    raise ValueError("neither a tabix nor a CSI index")


def _tbi(data: bytes) -> Index:
    n_ref, preset, _, _, _, _, _, l_names = struct.unpack_from("<8i", data, 4)
    names = data[36:36 + l_names].decode().split("\0")[:-1]
    offset, end, contigs = 36 + l_names, -1, []
    bin_of, last_of = struct.Struct("<II").unpack_from, struct.Struct("<Q").unpack_from
    for _ in range(n_ref):
        contig = _Bins()
        contigs.append(contig)
        bins = contig.bins
        (n_bin,) = struct.unpack_from("<i", data, offset)
        offset += 4
        for _ in range(n_bin):
            number, n_chunk = bin_of(data, offset)
            bins[number] = 0, offset + 8, n_chunk
            if n_chunk and number != _NOTE:
                (last,) = last_of(data, offset + 16 * n_chunk)
                if last > end:
                    end = last
            offset += 8 + 16 * n_chunk
        (n_interval,) = struct.unpack_from("<i", data, offset)
        if n_interval < 0:
            raise ValueError("damaged index (interval count)")
        contig.linear = offset + 4, n_interval
        offset += 4 + 8 * n_interval
    if offset > len(data):
        raise ValueError("damaged index (cut off)")
    return Index(data, None if end < 0 else end, preset & 0xFFFF == 2 and len(names) == n_ref, names, contigs)


_NOTE = 37450  # no bin but a note: the first and last offset, and how many records


def _csi(data: bytes) -> Index:
    shift, depth, l_aux = struct.unpack_from("<3i", data, 4)
    if not (0 <= depth <= 12 and 0 < shift <= 30):
        raise ValueError("damaged index (depth)")
    names, is_vcf = [], True
    if l_aux >= 28:
        preset, _, _, _, _, _, l_names = struct.unpack_from("<7i", data, 16)
        names = data[44:44 + l_names].decode().split("\0")[:-1]
        is_vcf = preset & 0xFFFF == 2
    offset, end, note, contigs = 16 + l_aux, -1, ((1 << 3 * depth + 3) - 1) // 7 + 1, []
    (n_ref,) = struct.unpack_from("<i", data, offset)
    offset += 4
    for _ in range(n_ref):
        contig = _Bins()
        contigs.append(contig)
        (n_bin,) = struct.unpack_from("<i", data, offset)
        offset += 4
        for _ in range(n_bin):
            number, first, n_chunk = struct.unpack_from("<IQI", data, offset)
            contig.bins[number] = first, offset + 16, n_chunk
            if n_chunk and number != note:
                end = max(end, struct.unpack_from("<Q", data, offset + 8 + 16 * n_chunk)[0])
            offset += 16 + 16 * n_chunk
    return Index(data, None if end < 0 else end, is_vcf and len(names) in (0, n_ref), names, contigs, shift, depth)


def index_fits(index: Index, path: str, size: int) -> bool:
    """True when nothing but empty blocks follows the last byte the index knows of.

    Parameters
    ----------
    index : Index
    path : str
        The BGZF file, known to end with its end block.
    size : int
        Its size in bytes.
    """
    if index.end is None:
        return False
    at, within = index.end >> 16, index.end & 0xFFFF
    if at == size - len(EOF_BLOCK):
        return within == 0
    if not 0 <= size - at <= 4 * 65536:
        return False
    with Path(path).open("rb") as file:
        file.seek(at)
        rest = file.read()
    try:
        return len(inflate_blocks(rest)) == within
    except ValueError:
        return False


def inflate_blocks(raw: bytes, *, most: int = sys.maxsize) -> bytes:
    """Decompress whole BGZF blocks; every checksum is verified.

    Raises
    ------
    ValueError
        A block is damaged or cut off, something else follows a block, or there are more than `most` bytes.
    """
    parts, start, n = [], 0, len(raw)
    while start < n:
        part, start = inflate_block(raw, start)
        parts.append(part)
        most -= len(part)
        if most < 0:
            raise ValueError("too large")
    return b"".join(parts)


def inflate_block(raw: bytes, start: int) -> tuple[bytes, int]:
    """One BGZF block that begins at `start`, decompressed, and where the next one begins; see `inflate_blocks`."""
    if raw[start:start + 4] != b"\x1f\x8b\x08\x04" or raw[start + 12:start + 16] != b"BC\x02\x00":
        raise ValueError("corrupt: trailing bytes that are no BGZF block")
    stop = start + int.from_bytes(raw[start + 16:start + 18], "little") + 1
    if stop > len(raw) or stop < start + 26:
        raise ValueError("truncated in the middle of a BGZF block")
    size = int.from_bytes(raw[stop - 4:stop], "little")
    try:
        # A block is a gzip member, whose checksum zlib verifies. Without the right buffer size it would grow its buffer in
        # steps; a block that lies about its size is damaged anyway.
        part = _inflater.decompress(raw[start:stop], 31, min(size, 65536) or 1)
    except (zlib.error, _inflater.error) as error:
        raise ValueError(f"corrupt BGZF block: {error}") from error
    if len(part) != size:
        raise ValueError("corrupt BGZF block: its size is wrong")
    return part, stop


def inflate_from(handle: int, begin: int, end: int | None = None) -> Iterator[bytes]:
    """The decompressed blocks from one virtual offset to another, as far as they are asked for.

    Parameters
    ----------
    handle : int
        File descriptor.
    begin, end : int
        Virtual offsets; without `end` to the end of the file.
    """
    at, skip = begin >> 16, begin & 0xFFFF
    raw, start, where = b"", 0, at
    while end is None or where << 16 < end:
        if len(raw) - start < 65536 + 18:
            more = os.pread(handle, _PIECE, at + len(raw))
            raw, at, start = raw[start:] + more, where, 0
            if not raw:
                return
            if more and len(raw) < 65536 + 18:
                continue
        part, stop = inflate_block(raw, start)
        last = end is not None and where == end >> 16
        part = part[:end & 0xFFFF] if last and end is not None else part
        yield part[skip:] if skip else part
        where, start, skip = where + stop - start, stop, 0


def bgzip(data: bytes) -> bytes:
    """Blocked gzip, which every genomics tool can index."""
    blocks = []
    for at in range(0, len(data), 65280):
        piece = data[at:at + 65280]
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = packer.compress(piece) + packer.flush()
        head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + (len(body) + 25).to_bytes(2, "little")
        blocks.append(head + body + zlib.crc32(piece).to_bytes(4, "little") + len(piece).to_bytes(4, "little"))
    return b"".join(blocks) + EOF_BLOCK
