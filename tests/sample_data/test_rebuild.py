"""The committed studies are what their generators make: the same bytes, small, and about nobody."""

import os
import re
import subprocess
import sys
from pathlib import Path

import make_br1801
import numpy as np
import pytest
from deterministic import Streams, bgzf, normal_quantile

STUDIES = ("br1801", "stop_her2", "br1801_dirty", "br1801_recoverable", "stop_her2_dirty")


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("study", STUDIES)
def test_a_fresh_build_has_the_committed_bytes(study: str, samples: Path, built: Path) -> None:
    committed, fresh = files(samples / study), files(built / study)
    assert sorted(committed) == sorted(fresh)
    assert [name for name in fresh if committed[name] != fresh[name]] == []


def test_the_documented_command_makes_the_committed_bytes(samples: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, samples / "make_br1801.py", "--out", tmp_path / "x"], check=True)
    assert files(tmp_path / "x") == files(samples / "br1801")


def test_a_processor_without_vector_units_writes_the_same_bytes(samples: Path, tmp_path: Path) -> None:
    # the last bits of exp and log differ between vector units; what a laboratory reports does not
    dispatch = np._core._multiarray_umath.__cpu_dispatch__
    command = [sys.executable, "-W", "ignore", samples / "make_br1801.py", "--out", tmp_path / "x"]
    subprocess.run(command, check=True, env={**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(dispatch)})
    assert files(tmp_path / "x") == files(samples / "br1801")


def test_another_seed_makes_another_study(samples: Path, tmp_path: Path) -> None:
    make_br1801.make(tmp_path / "x", seed=1)
    assert (tmp_path / "x" / "outcomes.csv").read_bytes() != (samples / "br1801" / "outcomes.csv").read_bytes()


def test_clean_studies_are_under_330_kb_each_and_the_folder_under_2_mb(samples: Path) -> None:
    for study in ("br1801", "stop_her2"):
        assert sum(map(len, files(samples / study).values())) < 330_000
    assert sum(len(data) for name, data in files(samples).items() if "__pycache__" not in name) < 2_000_000


DATE = re.compile(
    r"\b(?:19|20)\d\d-\d\d?-\d\d?\b|\b\d{1,2}[/.]\d{1,2}[/.](?:19|20)\d\d\b"
    r"|\b\d{1,2}[- ](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[- ]\d{2,4}\b"
)


@pytest.mark.parametrize("study", ["br1801", "stop_her2"])
def test_clean_studies_hold_no_calendar_date(study: str, samples: Path) -> None:
    assert DATE.search("seen on 2023-04-01") is not None
    for name, data in files(samples / study).items():
        if not name.endswith(".gz"):
            assert DATE.search(data.decode()) is None, name


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_says_that_it_is_synthetic(study: str, samples: Path) -> None:
    named = [data for name, data in files(samples / study).items() if name.endswith(("README.md", "study.toml", "faults.json"))]
    assert named
    assert all(b"SYNTHETIC" in data or b"(synthetic)" in data for data in named)


def test_a_variable_more_changes_no_other() -> None:
    alone = Streams("x", 1)
    first = alone.normal("a", 5)
    beside = Streams("x", 1)
    beside.normal("b", 100)
    np.testing.assert_array_equal(first, beside.normal("a", 5))
    assert not np.array_equal(first, Streams("y", 1).normal("a", 5))


def test_variates_have_their_distributions() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    s, n = Streams("distributions", 7), 20_000
    p = np.array([1e-12, 1e-5, 0.02, 0.0749, 0.0751, 0.3, 0.5, 0.9, 1 - 1e-9])
    np.testing.assert_allclose(normal_quantile(p), scipy_stats.norm.ppf(p), rtol=1e-14, atol=1e-15)
    for draws, law in (
        (s.uniform("u", n), scipy_stats.uniform()),
        (s.normal("z", n), scipy_stats.norm()),
        (s.exponential("e", n), scipy_stats.expon()),
        (s.beta("b", 0.375, 2.749, n), scipy_stats.beta(0.375, 2.749)),
    ):
        assert scipy_stats.kstest(draws, law.cdf).pvalue > 1e-4
    for mean in (0.3, 6.5, 900.0):
        counts = s.poisson(f"p{mean}", np.full(n, mean))
        expected = scipy_stats.poisson(mean)
        assert abs(counts.mean() - mean) < 4 * np.sqrt(mean / n)
        assert abs((counts <= np.floor(mean)).mean() - expected.cdf(np.floor(mean))) < 4 * 0.5 / np.sqrt(n)


def test_bgzf_is_read_back_by_pysam_and_by_gzip(tmp_path: Path) -> None:
    import gzip

    pysam = pytest.importorskip("pysam")
    data = b"".join(b"line %d\n" % i for i in range(20_000))  # three blocks
    path = tmp_path / "x.gz"
    path.write_bytes(bgzf(data))
    assert gzip.decompress(path.read_bytes()) == data
    with pysam.BGZFile(str(path)) as file:
        assert file.read() == data


def test_the_examples_of_the_generator_run() -> None:
    import doctest

    import deterministic

    result = doctest.testmod(deterministic)
    assert result.attempted >= 2
    assert result.failed == 0
