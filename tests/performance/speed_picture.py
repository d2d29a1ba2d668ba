"""The curve of speed against macro-F1 as a page and an SVG; drawn by hand, no library."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 340
LEFT: Final = 60
BOTTOM: Final = 290
TOP: Final = 30
RIGHT: Final = 620
TICKS: Final = (500, 1_000, 2_000, 5_000, 10_000, 20_000)
SHAPES: Final = {"four layers": "#3b6fb6", "two layers": "#b6603b", "cascade": "#4f9a4f"}
STYLE: Final = (
    "<style>text{font:12px sans-serif;fill:#444}.frame{fill:none;stroke:#999}.grid{stroke:#ddd}.line{fill:none;"
    "stroke-width:2}@media(prefers-color-scheme:dark){text{fill:#ccc}.grid{stroke:#444}}</style>"
)


@dataclass(frozen=True)
class Point:
    """One way to run the model."""

    series: str
    name: str
    posts_per_second: float
    macro_f1: float


def _drawn(found: Sequence[Point], place: int, across: "Scale", up: "Scale") -> list[str]:
    series = found[0].series
    colour = SHAPES[series]
    at = [(across(math.log(each.posts_per_second)), up(each.macro_f1)) for each in found]
    path = " ".join(f"{x:.0f},{y:.0f}" for x, y in at)
    dots = [
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="{colour}"><title>{series}, {each.name}: '
        f"{each.posts_per_second:,.0f} posts/s, F1 {each.macro_f1:.3f}</title></circle>"
        for (x, y), each in zip(at, found, strict=True)
    ]
    key = f'<text x="{LEFT + 20}" y="{TOP + 170 + 18 * place}" style="fill:{colour}">● {series}</text>'
    return [f'<polyline class="line" stroke="{colour}" points="{path}"/>', *dots, key]


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` onto a length that begins at `start` and ends at `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def speed_picture(points: Sequence[Point]) -> str:
    """Return the curve as SVG: posts per second to the right, on a log scale, macro-F1 upwards."""
    shown = [each for each in points if each.series in SHAPES]
    speeds = [each.posts_per_second for each in shown]
    across = Scale(math.log(min(speeds) / 1.2), math.log(max(speeds) * 1.2), LEFT, RIGHT)
    low = math.floor(min(each.macro_f1 for each in shown) * 20) / 20
    high = math.ceil(max(each.macro_f1 for each in shown) * 20) / 20
    up = Scale(low, high, BOTTOM, TOP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" role="img" '
        'aria-label="Posts per second against macro-F1; the numbers stand in the table">',
        STYLE,
        f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{RIGHT - LEFT}" height="{BOTTOM - TOP}"/>',
    ]
    for tick in (each for each in TICKS if min(speeds) / 1.2 < each < max(speeds) * 1.2):
        x = across(math.log(tick))
        lines.append(f'<line class="grid" x1="{x:.0f}" y1="{TOP}" x2="{x:.0f}" y2="{BOTTOM}"/>')
        lines.append(f'<text x="{x - 14:.0f}" y="{BOTTOM + 18}">{tick:,}</text>')
    for step in range(round((high - low) * 20) + 1):
        y = up(low + step / 20)
        lines.append(f'<text x="{LEFT - 34}" y="{y + 4:.0f}">{low + step / 20:.2f}</text>')
    for place, series in enumerate(SHAPES):
        if of_series := [each for each in shown if each.series == series]:
            lines += _drawn(of_series, place, across, up)
    lines.append(f'<text x="{LEFT}" y="{TOP - 12}">macro-F1</text>')
    lines.append(f'<text x="{RIGHT - 190}" y="{BOTTOM + 38}">posts/s on two cores (log scale)</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def speed_page(points: Sequence[Point], posts: int) -> str:
    """Return the page with the picture and its numbers."""
    base = points[0]
    rows = [
        f"| {each.series} | {each.name} | {each.posts_per_second:,.0f} | "
        f"{each.posts_per_second / base.posts_per_second:.2f} | {each.macro_f1:.3f} |"
        for each in points
    ]
    lines = [
        "# Speed and quality of the classifier", "",
        "Written by `python -m tests.performance.bench_classify_curve docs`; do not edit.", "",
        f"{posts} held-back real posts. Speed is two cores' worth of processor time on the machine of the run: compare "
        "the ratios. Macro-F1 is averaged over the labels of a head that occur and over the heads.", "",
        "![Posts per second against macro-F1](speed.svg)", "",
        "| model | how | posts/s | × shipped | macro-F1 |", "|---|---|---|---|---|", *rows, "",
        "Four layers with 128 tokens are shipped. Of the work at the end of the pipe a sixth is not scoring "
        "(`python -m tests.performance.bench_classify_pipe`). What is decided and why: "
        "[ADR 0022](adr/0022-speed-is-layers-tokens-and-memory.md).",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
