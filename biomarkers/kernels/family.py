"""Max-T over a family whose tests differ in subjects, strata, adjusters and clocks: one permutation of the people for all.

Every test is the studentised score of one marker given its own null model (`kernels.scan`). In each round the same random
keys order the subjects, within blocks that no test's strata cut across; each test moves its marker by that order among the
subjects it has. So the maximum over the family knows how the markers go together, and

    p_j = (1 + #{max over k still in the race of T*_k >= T_j}) / (B + 1),  step-down from the largest T.

A test of q columns enters as the chi-square on one degree of freedom that has its own P, so that the maximum favours nobody.

Source: Westfall and Young (1993), algorithm 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chdtri

from .resample import _TIE, MaxT, generator, joint_statistics
from .riskset import Floats, Ints
from .scan import NullModel, centred

_BATCH = 512


@dataclass(frozen=True, slots=True)
class Member:
    """One test of a family.

    Attributes
    ----------
    null : NullModel
        Of its adjusters, strata and times.
    marker : (n, q) float
        In the row order of ``null.rs``; its columns move together and are tested together.
    subject : (n,) int
        Who each of these rows is, among the N people of the family.
    """

    null: NullModel
    marker: Floats
    subject: Ints


def max_t_family(members: list[Member], block: Ints, *, permutations: int, seed: int = 0) -> MaxT:
    """Adjusted p-values of a family of tests.

    Parameters
    ----------
    members : list of Member
    block : (N,) int
        The block of each subject; markers are exchanged within blocks only. It must refine every test's strata.
    permutations : int
        B.
    seed : int

    Returns
    -------
    MaxT
        In the order of `members`.

    Raises
    ------
    ValueError
        No members.
    """
    if not members:
        raise ValueError("a family needs at least one test")
    M = [centred(m.null.rs, m.marker) for m in members]
    T = np.array([float(_joint(m.null, x[:, None, :])[0]) for m, x in zip(members, M, strict=True)])
    moves = [_by_block(m, x, block) for m, x in zip(members, M, strict=True)]
    rank = np.argsort(-T, kind="stable")
    own, single, down = (np.zeros(T.size, dtype=np.int64) for _ in range(3))
    rng = generator(seed)
    for a in range(0, permutations, _BATCH):
        keys = rng.random((min(_BATCH, permutations - a), block.size))
        drawn = np.column_stack([
            _joint(m.null, _moved(keys, *move)) for m, move in zip(members, moves, strict=True)
        ]) + _TIE
        own += (drawn >= T).sum(axis=0)
        single += (drawn.max(axis=1)[:, None] >= T).sum(axis=0)
        down += (np.maximum.accumulate(drawn[:, rank[::-1]], axis=1)[:, ::-1] >= T[rank]).sum(axis=0)
    B = permutations + 1
    adjusted = np.empty(T.size)
    adjusted[rank] = np.maximum.accumulate((1 + down) / B)
    return MaxT(T, (1 + own) / B, (1 + single) / B, adjusted, permutations)


def _by_block(member: Member, marker: Floats, block: Ints) -> tuple[Ints, Ints, Floats, Ints]:
    """Subjects by block and number, their blocks, the marker in that order, and where each kernel row stands in it."""
    order = np.lexsort((member.subject, block[member.subject]))
    place = np.empty(order.size, dtype=np.int64)
    place[order] = np.arange(order.size)
    subjects = member.subject[order]
    return subjects, block[subjects], marker[order], place


def _moved(keys: Floats, subjects: Ints, code: Ints, marker: Floats, place: Ints) -> Floats:
    """The marker under each row of keys, (n, b, q) in kernel order."""
    order = np.argsort(keys[:, subjects] + code, axis=1)
    return np.ascontiguousarray(marker[order[:, place].T])


def _joint(null: NullModel, M: Floats) -> Floats:
    """Score chi-square of each of b markers, M (n, b, q), on the scale of one degree of freedom, (b,)."""
    q = M.shape[2]
    together = joint_statistics(null, M)
    if q == 1:
        return together
    return np.asarray(chdtri(1, np.maximum(chdtrc(q, together), 1e-300)))
