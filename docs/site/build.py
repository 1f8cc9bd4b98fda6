"""Build the documentation into a folder that any browser opens, without a network: python docs/site/build.py [FOLDER]

The pages are those of `docs/`, the notebooks (run while the site is built) and the changelog. Sphinx, MyST and numpydoc do
the work; this file lays the sources side by side and calls them. A warning of theirs is an error.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import build_main

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def lay_out(source: Path) -> None:
    """Copy what the site is made of into one folder: pages, pictures, notebooks, changelog."""
    shutil.copytree(ROOT / "docs", source, ignore=shutil.ignore_patterns("site", "__pycache__"))
    (source / "notebooks").mkdir()
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        shutil.copy(notebook, source / "notebooks")
    shutil.copy(ROOT / "CHANGELOG.md", source / "changelog.md")
    for file in ("study.toml", "plan.toml"):
        target = source / "_sample" / file
        target.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "sample_data" / "br1801" / file, target)
    # A new page needs no entry: what the front page does not list stands at the end of its contents.
    index = source / "index.md"
    text = index.read_text(encoding="utf-8")
    listed = text.split()
    pages = [page.relative_to(source).with_suffix("").as_posix() for page in sorted(source.rglob("*.md"))]
    more = [page for page in pages if page not in (*listed, "index")]
    index.write_text(text.replace("\nchangelog\n", "".join(f"\n{page}" for page in more) + "\nchangelog\n"), encoding="utf-8")


def build(out: Path, *, notebooks: bool = True, jobs: int = 1) -> int:
    """Build the site.

    Parameters
    ----------
    out : Path
        Replaced once the new site is complete.
    notebooks : bool
        Run them, which takes a few minutes; False shows their text and code alone.
    jobs : int
        Processes that read pages and run notebooks; the pages do not depend on it.

    Returns
    -------
    int
        Sphinx's exit code; 0 is good.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".site-") as place:
        source, made, trees = (Path(place) / name for name in ("source", "html", "trees"))
        lay_out(source)
        # Notebooks draw as the pages do: small SVGs that follow light and dark.
        profile = Path(place) / "ipython" / "profile_default" / "startup"
        profile.mkdir(parents=True)
        shutil.copy(HERE / "notebook_figures.py", profile / "00-figures.py")
        # Kernels on the local TCP port of one machine need no warning about it.
        (profile.parent / "ipython_kernel_config.py").write_text("c.IPKernelApp.log_level = 40\n", encoding="utf-8")
        os.environ["IPYTHONDIR"] = str(profile.parent.parent)
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        os.environ["PYTHONHASHSEED"] = "0"
        code = build_main([
            "-q", "-W", "--keep-going", "-E", "-b", "html", "-c", str(HERE), "-d", str(trees), "-j", str(jobs),
            "-D", f"nb_execution_mode={'force' if notebooks else 'off'}", str(source), str(made),
        ])
        if code == 0:
            for leftover in (".buildinfo", "objects.inv"):
                (made / leftover).unlink(missing_ok=True)
            if out.exists():
                shutil.rmtree(out)
            made.rename(out)
    return code


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Build the documentation.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "out" / "docs")
    parser.add_argument("--without-notebooks", action="store_true", help="do not run the notebooks")
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    code = build(given.folder.resolve(), notebooks=not given.without_notebooks, jobs=given.jobs)
    if code == 0:
        sys.stdout.write(f"{given.folder / 'index.html'}\n")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
