"""Whether the holder of a lock still runs is asked without harming it."""

import os

import pytest

from biomarkers.domain import lock


@pytest.mark.skipif(os.name != "posix", reason="only POSIX says whether another process still runs, and since when")
def test_a_process_is_known_by_its_start_and_not_by_its_number_alone():
    me = lock._who(os.getpid())
    assert lock._runs(me)
    assert not lock._runs(me | {"start": "1"})
    assert not lock._runs(me | {"pid": "999999999"})


def test_where_asking_would_be_ctrl_c_nobody_is_asked(monkeypatch: pytest.MonkeyPatch):
    def kill(pid: int, signal: int) -> None:
        raise AssertionError((pid, signal))

    me = lock._who(os.getpid())
    with monkeypatch.context() as windows:
        windows.setattr(lock.os, "name", "nt")
        windows.setattr(lock.os, "kill", kill)
        asked = lock._runs(me | {"pid": "999999999"})
    assert asked
