"""Does an index belong to its file? The data after the last indexed byte must be empty.

An index of an earlier version of a file answers "no record" where there is one, and every reader believes it. Times do
not tell: copying changes them. But a tabix or CSI index ends where its file ended when it was made, so an index whose last
chunk does not end at the end of the data was made for other bytes.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_LARGEST_INDEX = 1 << 28


@dataclass(frozen=True, slots=True)
class Index:
    """What is asked of an index before it is used.

    Parameters
    ----------
    end : int or None
        Virtual offset (compressed offset << 16 | offset within the block) behind the last record; None: no record indexed.
    is_vcf : bool
        Made with the VCF preset, so that it knows how far a record reaches.
    """

    end: int | None
    is_vcf: bool


def find_index(path: Path) -> Path | None:
    """The index beside a file: `.csi` before `.tbi`, as htslib looks for them."""
    for ending in (".csi", ".tbi"):
        beside = path.with_name(path.name + ending)
        if beside.is_file():
            return beside
    return None


def read_index(path: Path) -> Index:
    """Read a `.tbi` or `.csi`.

    Raises
    ------
    ValueError
        It is neither, or is damaged.
    """
    try:
        raw = path.read_bytes()
        data = _inflate(raw)
        if data[:4] == b"TBI\1":
            return _tbi(data)
        if data[:4] == b"CSI\1":
            return _csi(data)
    except (struct.error, zlib.error, IndexError, OSError) as error:
        raise ValueError(f"damaged index ({error})") from error
    raise ValueError("neither a tabix nor a CSI index")


def _inflate(raw: bytes) -> bytes:
    parts, size = [], 0
    while raw:
        one = zlib.decompressobj(31)
        part = one.decompress(raw, _LARGEST_INDEX)
        if not one.eof:
            raise ValueError("index cut off")
        parts.append(part)
        size += len(part)
        if size > _LARGEST_INDEX:
            raise ValueError("index too large")
        raw = one.unused_data
    return b"".join(parts)


def _tbi(data: bytes) -> Index:
    n_ref, preset, _, _, _, _, _, l_names = struct.unpack_from("<8i", data, 4)
    offset, end = 36 + l_names, None
    for _ in range(n_ref):
        (n_bin,) = struct.unpack_from("<i", data, offset)
        offset += 4
        for _ in range(n_bin):
            number, n_chunk = struct.unpack_from("<Ii", data, offset)
            # Bin 37450 is no bin but a note; its second pair counts records.
            end = _last(data, offset + 8, 1 if number == 37450 else n_chunk, end)
            offset += 8 + 16 * n_chunk
        (n_interval,) = struct.unpack_from("<i", data, offset)
        offset += 4 + 8 * n_interval
    return Index(end, preset & 0xFFFF == 2)


def _csi(data: bytes) -> Index:
    _, depth, l_aux = struct.unpack_from("<3i", data, 4)
    is_vcf = l_aux < 28 or struct.unpack_from("<i", data, 16)[0] & 0xFFFF == 2
    offset, end, note = 16 + l_aux, None, ((1 << 3 * depth + 3) - 1) // 7 + 1
    (n_ref,) = struct.unpack_from("<i", data, offset)
    offset += 4
    for _ in range(n_ref):
        (n_bin,) = struct.unpack_from("<i", data, offset)
        offset += 4
        for _ in range(n_bin):
            number, _, n_chunk = struct.unpack_from("<IQi", data, offset)
            end = _last(data, offset + 16, 1 if number == note else n_chunk, end)
            offset += 16 + 16 * n_chunk
    return Index(end, is_vcf)


def _last(data: bytes, offset: int, n_chunk: int, end: int | None) -> int | None:
    if not 0 <= n_chunk <= len(data) // 16:
        raise ValueError("damaged index (chunk count)")
    if n_chunk == 0:
        return end
    (last,) = struct.unpack_from("<Q", data, offset + 16 * n_chunk - 8)
    return last if end is None or last > end else end


def index_fits(index: Index, path: Path, size: int) -> bool:
    """True when nothing but empty blocks follows the last byte the index knows of.

    Parameters
    ----------
    index : Index
    path : Path
        The BGZF file, known to end with its end block.
    size : int
        Its size in bytes.
    """
    if index.end is None:
        return False
    at, within = index.end >> 16, index.end & 0xFFFF
    if at >= size:
        return False
    if size - at > 4 * 65536:
        return False
    with path.open("rb") as file:
        file.seek(at)
        rest = file.read()
    try:
        data = inflate_blocks(rest)
    except ValueError:
        return False
    return len(data) == within


def inflate_blocks(raw: bytes) -> bytes:
    """Decompress whole BGZF blocks; every checksum is verified.

    Raises
    ------
    ValueError
        A block is damaged or cut off, or something else follows a block.
    """
    parts, offset, n = [], 0, len(raw)
    while offset < n:
        if raw[offset:offset + 4] != b"\x1f\x8b\x08\x04" or raw[offset + 12:offset + 16] != b"BC\x02\x00" or n - offset < 28:
            raise ValueError("trailing bytes that are no BGZF block, or a truncated block")
        length = int.from_bytes(raw[offset + 16:offset + 18], "little") + 1
        if offset + length > n or length < 26:
            raise ValueError("truncated in the middle of a BGZF block")
        try:
            part = zlib.decompressobj(-15).decompress(raw[offset + 18:offset + length - 8], 65537)
        except zlib.error as error:
            raise ValueError(f"corrupt BGZF block at byte {offset}: {error}") from error
        checksum, isize = struct.unpack_from("<II", raw, offset + length - 8)
        if len(part) != isize or zlib.crc32(part) != checksum:
            raise ValueError(f"corrupt BGZF block at byte {offset}: checksum or size is wrong")
        parts.append(part)
        offset += length
    return b"".join(parts)
