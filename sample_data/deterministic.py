"""Random variates, tables and BGZF files that come out as the same bytes on every machine.

The sample studies are compared byte for byte with a fresh build, so nothing here may depend on the version of a library:

* numpy promises the bits of `Philox`, but not the algorithms of `Generator.normal` and its siblings (NEP 19). Every variate
  is therefore made from uniforms by a published formula of a few lines.
* zlib and zlib-ng compress the same text to different bytes. BGZF blocks are therefore *stored* (RFC 1951, section 3.2.4):
  larger by a few kilobytes, the same everywhere.
* The last bit of `exp` or `log` may differ between processors. What is written is rounded as a laboratory reports it, which
  hides that bit.

One keyed stream per variable: a variable added to a study changes no other.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Row = dict[str, str]

# Wichura (1988), algorithm AS 241 (PPND16): the normal quantile to about 1 part in 10^16.
# fmt: off
_CENTRE_NUM = (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
               4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3)
_CENTRE_DEN = (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
               2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3)
_MIDDLE_NUM = (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
               1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4)
_MIDDLE_DEN = (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
               1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9)
_TAIL_NUM = (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
             2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7)
_TAIL_DEN = (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
             7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15)


# fmt: on


def _ratio(num: Sequence[float], den: Sequence[float], x: Floats) -> Floats:
    """The quotient of two polynomials, coefficients from the constant upwards."""
    return np.polyval(num[::-1], x) / np.polyval(den[::-1], x)


def normal_quantile(p: Floats) -> Floats:
    """The standard normal quantile of `p`, elementwise, for 0 < p < 1."""
    q = np.asarray(p, dtype=float) - 0.5
    z = q * _ratio(_CENTRE_NUM, _CENTRE_DEN, 0.180625 - q * q)
    outer = np.abs(q) > 0.425
    if outer.any():
        s = np.sqrt(-np.log(np.where(q[outer] < 0, p[outer], 1.0 - p[outer])))
        tail = np.where(s <= 5.0, _ratio(_MIDDLE_NUM, _MIDDLE_DEN, s - 1.6), _ratio(_TAIL_NUM, _TAIL_DEN, s - 5.0))
        z[outer] = np.sign(q[outer]) * tail
    return z


class Streams:
    """Random variables of one study, each from a stream of its own.

    Parameters
    ----------
    study : str
        Enters every key, so that two studies never share a stream.
    seed : int
        Chosen before any result was looked at.

    Examples
    --------
    >>> s = Streams("doc", 1)
    >>> bool((s.normal("a", 3) == Streams("doc", 1).normal("a", 3)).all())
    True
    """

    def __init__(self, study: str, seed: int) -> None:
        self.study, self.seed = study, seed

    def generator(self, variable: str) -> np.random.Generator:
        """The generator of one variable; its key is a hash of study, seed and name."""
        digest = hashlib.sha256(f"{self.study}|{self.seed}|{variable}".encode()).digest()
        return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "big")))

    def uniform(self, variable: str, *shape: int) -> Floats:
        """Uniform on (0, 1): 53 bits, moved by half a step so that neither end occurs."""
        raw = self.generator(variable).bit_generator.random_raw(int(np.prod(shape)))
        return ((raw >> np.uint64(11)).astype(float) + 0.5).reshape(shape) * 2.0**-53

    def normal(self, variable: str, *shape: int) -> Floats:
        """Standard normal, by inversion."""
        return normal_quantile(self.uniform(variable, *shape))

    def chance(self, variable: str, p: float | Floats, *shape: int) -> NDArray[np.bool_]:
        """True with probability `p`."""
        return self.uniform(variable, *shape) < p

    def integers(self, variable: str, low: int, high: int, *shape: int) -> NDArray[np.int64]:
        """Integers from low to high, both included."""
        return low + np.floor(self.uniform(variable, *shape) * (high - low + 1)).astype(np.int64)

    def exponential(self, variable: str, *shape: int) -> Floats:
        """Exponential with mean 1, by inversion."""
        return -np.log(self.uniform(variable, *shape))

    def beta(self, variable: str, a: float, b: float, n: int) -> Floats:
        """Beta(a, b) by Johnk's rejection: u^(1/a) / (u^(1/a) + v^(1/b)) where that sum is at most 1."""
        out, todo, turn = np.full(n, np.nan), np.arange(n), 0
        while todo.size:
            u = self.uniform(f"{variable}/u{turn}", todo.size) ** (1.0 / a)
            v = self.uniform(f"{variable}/v{turn}", todo.size) ** (1.0 / b)
            kept = u + v <= 1.0
            out[todo[kept]] = u[kept] / (u[kept] + v[kept])
            todo, turn = todo[~kept], turn + 1
        return out

    def poisson(self, variable: str, mean: Floats) -> NDArray[np.int64]:
        """Poisson counts by inversion; a mean above 400 is split, because exp(-745) is zero."""
        total, left, turn = np.zeros(mean.shape, dtype=np.int64), mean.astype(float).copy(), 0
        while (left > 0).any():
            part = np.minimum(left, 400.0)
            u = self.uniform(f"{variable}/{turn}", *mean.shape)
            k = np.zeros(mean.shape, dtype=np.int64)
            term = np.exp(-part)
            below = term.copy()
            active = (below < u) & (part > 0)
            while active.any():
                k[active] += 1
                term[active] *= part[active] / k[active]
                below[active] += term[active]
                active &= (below < u) & (term > 0)
            total += k
            left, turn = left - part, turn + 1
        return total


def number(x: float, decimals: int) -> str:
    """A number as a laboratory prints it, without a trailing '.0' and never as '-0'.

    >>> number(12.50, 1), number(3.0, 1), number(-0.01, 1)
    ('12.5', '3', '0')
    """
    text = f"{x:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def table_text(rows: Iterable[Mapping[str, str]], columns: Sequence[str]) -> str:
    r"""A CSV text: header, then the rows, `\n` line ends, quotes only where needed."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(columns), lineterminator="\n", extrasaction="raise", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write_table(path: Path, rows: Iterable[Mapping[str, str]], columns: Sequence[str]) -> None:
    """Write a CSV file in UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(table_text(rows, columns).encode("utf-8"))


def write_json(path: Path, content: object, *, indent: int | None = 1) -> None:
    """Write JSON with a fixed layout."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((json.dumps(content, ensure_ascii=False, indent=indent) + "\n").encode("utf-8"))


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with `\\n` line ends, whatever the platform."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))


def bgzf(data: bytes) -> bytes:
    """`data` as a BGZF file of stored blocks, with the end-of-file block (SAM specification, section 4.1)."""
    blocks = [data[at : at + 65000] for at in range(0, len(data), 65000)]
    end_of_file = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
    return b"".join(_bgzf_block(block) for block in blocks) + end_of_file


def _bgzf_block(block: bytes) -> bytes:
    stored = struct.pack("<BHH", 1, len(block), len(block) ^ 0xFFFF) + block
    size = 18 + len(stored) + 8
    head = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, size - 1)
    return head + stored + struct.pack("<II", zlib.crc32(block), len(block))
