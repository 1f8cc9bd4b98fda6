"""Settings of the documentation's site. The theme in this folder draws it; the colours are those of the figures."""

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))
sys.path.insert(0, str(HERE))

import biomarkers  # noqa: E402
from biomarkers.figures.tokens import MONO, SANS, SERIF, TOKENS  # noqa: E402

project = "biomarkers"
author = "the authors of biomarkers"
version = release = biomarkers.__version__
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_sample"]
default_role = "code"
highlight_language = "text"
suppress_warnings = ["mystnb.unknown_mime_type"]

myst_enable_extensions = ["colon_fence", "deflist", "attrs_block"]
myst_heading_anchors = 3
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "image/svg+xml", 0)]

numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
add_module_names = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
toc_object_entries = False

html_theme = "house"
html_theme_path = [str(HERE)]
html_title = "biomarkers"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_search_summary = False     # it would fetch pages, which a browser forbids for files
html_use_index = True
html_last_updated_fmt = None
html_permalinks = False
smartquotes = False                  # what is typed is what is shown


def _tokens() -> str:
    """The figures' colours and type as variables, light and dark."""
    light = "".join(f"--{role}:{pair[0]};" for role, pair in TOKENS.items())
    dark = "".join(f"--{role}:{pair[1]};" for role, pair in TOKENS.items())
    family = "".join(f"--{name}:{','.join(stack)};" for name, stack in (("sans", SANS), ("serif", SERIF), ("mono", MONO)))
    return (
        f":root{{color-scheme:light dark;{light}{family}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        "@media print{:root{color-scheme:light;--page:#FFF}}\n"
    )


_LIST = re.compile(r"```\{public-names\} (\S+)\n```")


def _names(found: re.Match[str]) -> str:
    """The directives that document every public name of a room, in the room's own order."""
    room = import_module(found[1])
    lines = []
    for name in filter(lambda name: callable(getattr(room, name)), room.__all__):
        is_class = isinstance(getattr(room, name), type)
        lines.append(f".. {'autoclass' if is_class else 'autofunction'}:: {found[1]}.{name}" + "\n   :members:" * is_class)
    return "```{eval-rst}\n" + "\n".join(lines) + "\n```"


def _read(_app: Any, _name: str, source: list[str]) -> None:
    source[0] = _LIST.sub(_names, source[0])


_TABLE = re.compile(r"<table\b[^>]*>.*?</table>", re.DOTALL)
_EMPTY_HEAD = re.compile(r"<th([^>]*)>\s*</th>")


_FRAME = re.compile(r'<table[^>]*class="dataframe')
_ROW = re.compile(r"<tr[^>]*>.*?</tr>", re.DOTALL)
_CELL = re.compile(r"<(t[dh])((?: [^>]*)?)>(.*?)</t[dh]>", re.DOTALL)
_LINE = 24      # letters of a cell that never breaks
_NUMBER = re.compile(r"[-+\u2212]?(\d[\d.,]*(e[-+]?\d+)?|inf)|NaN|NaT|None|&lt;NA&gt;|nan|<NA>|")


def _frame(table: str) -> str:
    """A frame as our pages set tables: words to the left, numbers to the right under their heads, a dash where nothing is."""
    body = table[table.find("<tbody") :]
    rows = [[cell[3].strip() for cell in _CELL.finditer(row) if cell[1] == "td"] for row in _ROW.findall(body)]
    columns = list(zip(*rows, strict=True)) if rows and len({len(row) for row in rows}) == 1 else []
    words = ["" if all(map(_NUMBER.fullmatch, column)) else "words long" if max(map(len, column)) > _LINE else "words"
             for column in columns]

    def set_row(found: re.Match[str]) -> str:
        cells = list(_CELL.finditer(found.group()))
        first = len(cells) - len(words) if len(cells) >= len(words) else len(cells)      # a head that spans has no column

        def set_cell(cell: re.Match[str], place: int) -> str:
            tag, given, text = cell.groups()
            text = "\u2013" if tag == "td" and text.strip() in ("NaN", "nan", "NaT", "None", "&lt;NA&gt;") else text
            text = re.sub(r"^-(?=\d)", "\u2212", text) if tag == "td" else text
            kind = f' class="{words[place]}"' if place >= 0 and words[place] and "colspan" not in given else ""
            return f"<{tag}{given}{kind}>{text}</{tag}>"

        opening = found.group()[: found.group().index(">") + 1]
        return opening + "".join(set_cell(cell, i - first) for i, cell in enumerate(cells)) + "</tr>"

    return _ROW.sub(set_row, table) if columns else table


def _boxed(table: re.Match[str]) -> str:
    text = _frame(table.group()) if _FRAME.match(table.group()) else table.group()
    return f'<div class="wrap" tabindex="0">{_EMPTY_HEAD.sub("<td></td>", text)}</div>'


def _body(body: str) -> str:
    """What a keyboard needs and a page of ours has: boxes that scroll can be focused, tables stand in one."""
    body = body.replace("<pre>", '<pre tabindex="0">').replace("<p><img ", '<p class="picture" tabindex="0"><img ')
    body = body.replace('<div class="cell_output', '<div tabindex="0" class="cell_output')
    body = _TABLE.sub(_boxed, body)
    # pandas gives every frame a style of its own and an old border
    body = re.sub(r"<style scoped>.*?</style>", "", body, flags=re.DOTALL)
    return body.replace(' border="1" class="dataframe"', ' class="dataframe"')


_NAME = re.compile(r'^<dt class="sig sig-object py" id="([\w.]+)">', re.MULTILINE)


def _jumps(body: str) -> str:
    """The names of a page of the interface, as links below its first paragraph."""
    # a member of a class stands under its class
    names = [name for name in _NAME.findall(body) if name.split(".")[-2][:1].islower()]
    links = " · ".join(f'<a href="#{name}"><code>{name.rpartition(".")[2]}</code></a>' for name in names)
    return body.replace("</p>", f'</p>\n<p class="jumps">{links}</p>', 1) if names else body


def _page(_app: Any, pagename: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
    if "body" in context:
        context["body"] = _body(context["body"])
    if pagename.startswith("reference/"):
        context["body"] = _jumps(context["body"])


def _written(app: Any, exception: Exception | None) -> None:
    if exception is None:
        (Path(app.outdir) / "_static" / "tokens.css").write_text(_tokens(), encoding="utf-8")


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", _read)
    app.connect("html-page-context", _page, priority=900)
    app.connect("build-finished", _written)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
