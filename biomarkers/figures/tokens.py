"""Colours and type of the house, in one place: figures draw with the light value, pages and SVGs swap it in the dark.

Hue says what is compared, and never does so alone: every cohort, arm and class also has its line, fill and marker, because
lightness is nearly equal by design and nothing but these survives a grey copy. Contrast on white is at least 4.5 for text and
3 for marks.
"""

from __future__ import annotations

from dataclasses import dataclass

TOKENS: dict[str, tuple[str, str]] = {
    "page": ("#F7F6F2", "#11161A"),
    "surface": ("#FFFFFF", "#1A2126"),
    "plate": ("#F3F5F6", "#232C32"),
    "ink": ("#1A2126", "#E6EAEC"),
    "ink2": ("#4E5960", "#A7B2B9"),
    "rule": ("#1A2126", "#C6CFD4"),
    "hairline": ("#D9DEE1", "#38434A"),
    "accent": ("#0B4F56", "#84CFCB"),
    "accent-tint": ("#E4F0F0", "#17363A"),
    "flag": ("#7A4700", "#F3C873"),
    "flag-tint": ("#FFF3DB", "#352A12"),
    "flag-line": ("#D99A1C", "#D99A1C"),
    "refused": ("#9C1630", "#FF9AA5"),
    "refused-tint": ("#FCEBED", "#3B181E"),
    "lod": ("#1F5F8A", "#8CC5EC"),
    "lod-tint": ("#E3EFF7", "#1C3344"),
    "lod-line": ("#2A74A6", "#2A74A6"),
    "warm": ("#FBE7DA", "#46281A"),
    "cool": ("#DDECF7", "#173349"),
    "cohort1": ("#0072B2", "#5AB0E6"),
    "cohort2": ("#BC4A00", "#F08A4B"),
    "cohort3": ("#00805E", "#3CC79B"),
    "cohort4": ("#A23E7B", "#E08FC0"),
    "cohort5": ("#8A6500", "#E3B341"),
    "cohort6": ("#4E5960", "#A7B2B9"),
    "reference": ("#747C83", "#97A1A8"),
    "experimental": ("#00805E", "#3CC79B"),
    "class": ("#A23E7B", "#E08FC0"),
    "class-middle": ("#C2689F", "#C98BB0"),
    "class-tint": ("#D9A5C4", "#8C5A78"),
    "loss0": ("#E6E9EB", "#2C363C"),
    "loss1": ("#C9CED2", "#4A565E"),
    "loss-middle": ("#A8AFB5", "#5C6870"),
    "loss2": ("#868F96", "#6F7C85"),
}
"""Role: (light, dark)."""

SANS = ("-apple-system", '"Segoe UI"', "Roboto", '"Noto Sans"', '"Liberation Sans"', '"Helvetica Neue"', "Arial", "sans-serif")
SERIF = ("Charter", '"Bitstream Charter"', '"Charis SIL"', '"Sitka Text"', "Cambria", '"Noto Serif"', "serif")
MONO = ("ui-monospace", '"SF Mono"', '"Cascadia Mono"', "Consolas", '"Liberation Mono"', "monospace")


def light(role: str) -> str:
    """The colour with which figures are drawn."""
    return TOKENS[role][0]


@dataclass(frozen=True, slots=True)
class Mark:
    """How one cohort, arm or class is drawn: hue, line and marker together."""

    role: str
    dashes: tuple[float, ...] = ()
    marker: str = "o"
    filled: bool = True
    width: float = 1.5

    @property
    def colour(self) -> str:
        """The light value of its hue."""
        return light(self.role)


COHORTS = (
    Mark("cohort1", (), "o"),
    Mark("cohort2", (3.2, 1.6), "s"),
    Mark("cohort3", (4, 1.4, 1, 1.4), "^"),
    Mark("cohort4", (1, 1.5), "D"),
    Mark("cohort5", (7, 2), "v"),
    Mark("cohort6", (4, 1.2, 1, 1.2, 1, 1.2), "p"),
)
REFERENCE = Mark("reference", (3.2, 1.6), "o", filled=False, width=1.25)
ARMS = (REFERENCE, Mark("experimental"), Mark("class", (4, 1.4, 1, 1.4), "s"), Mark("cohort5", (7, 2), "D"))
CLASSES = (REFERENCE, Mark("class"))
LEVELS = (REFERENCE, Mark("class-middle", (4, 1.4, 1, 1.4), "s"), Mark("class", (), "^"))


def cohort_mark(place: int) -> Mark:
    """The mark of the cohort at this place of the design; after six the marks begin again."""
    return COHORTS[place % len(COHORTS)]


def group_marks(n: int, kind: str = "class") -> tuple[Mark, ...]:
    """Marks for the groups of one panel: the reference neutral and dashed, the contrast coloured and solid.

    Parameters
    ----------
    n : int
        Number of groups.
    kind : {"class", "arm"}
    """
    if n == 1:
        return (Mark("ink"),)
    if kind == "arm":
        return tuple(ARMS[i % len(ARMS)] for i in range(n))
    if n == 2:
        return CLASSES
    if n == 3:
        return LEVELS
    return (REFERENCE, *(cohort_mark(i) for i in range(3, 2 + n)))
