"""The notebooks run from top to bottom on the sample studies, and are stored without outputs."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
EACH = pytest.mark.parametrize("path", NOTEBOOKS, ids=[p.stem for p in NOTEBOOKS])


@EACH
@pytest.mark.filterwarnings("ignore::DeprecationWarning")    # zmq and the kernel client, not this package
def test_a_notebook_runs_within_a_minute(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    setup = nbformat.v4.new_code_cell("import warnings; warnings.simplefilter('error', FutureWarning)")
    notebook.cells.insert(0, setup)
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()


@EACH
def test_a_notebook_is_stored_without_outputs_and_names_no_machine(path):
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
    assert "/home/" not in text
    assert str(Path(__file__).resolve().parent.parent) not in text


@EACH
def test_every_picture_and_table_is_followed_by_the_sentence_that_reads_it(path):
    """No more than two code cells in a row."""
    kinds = [cell["cell_type"] for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    assert kinds[0] == "markdown"
    assert kinds[-1] == "markdown"
    assert "code code code" not in " ".join(kinds)


@EACH
def test_every_picture_says_in_words_what_it_shows(path):
    """The site of the documentation hands the words on to who cannot see it."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code" and "bm.figures." in "".join(cell["source"]):
            assert len(cell["metadata"]["mystnb"]["image"]["alt"]) > 40
