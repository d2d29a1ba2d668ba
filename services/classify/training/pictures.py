"""Reliability diagrams as one SVG: what the model states beside what is right, per head; drawn by hand, no library."""

from collections.abc import Mapping
from typing import Any, Final

SIDE: Final = 220
MARGIN: Final = 46
STEP: Final = SIDE + 2 * MARGIN
STYLE: Final = (
    "<style>text{font:12px sans-serif;fill:#444}.frame{fill:none;stroke:#999}.ideal{stroke:#999;"
    "stroke-dasharray:4}.bar{fill:#3b6fb6}@media(prefers-color-scheme:dark){text{fill:#ccc}.bar{fill:#7fa8e0}}</style>"
)


def _bars(tenths: list[Mapping[str, float]], left: int) -> list[str]:
    width, parts = SIDE / 10, []
    for each in tenths:
        tenth = min(9, int(each["stated"] * 10))
        height = each["right"] * SIDE
        parts.append(
            f'<rect class="bar" x="{left + tenth * width + 1:.1f}" y="{MARGIN + SIDE - height:.1f}" '
            f'width="{width - 2:.1f}" height="{height:.1f}"><title>{each["texts"]} texts: stated {each["stated"]}, '
            f"right {each['right']}</title></rect>"
        )
    return parts


def _diagram(head: str, found: Mapping[str, Any], left: int) -> list[str]:
    bottom = MARGIN + SIDE
    return [
        f'<text x="{left}" y="{MARGIN - 12}">{head}: calibration error {found["calibration_error"]}</text>',
        f'<rect class="frame" x="{left}" y="{MARGIN}" width="{SIDE}" height="{SIDE}"/>',
        *_bars(found["reliability"], left),
        f'<line class="ideal" x1="{left}" y1="{bottom}" x2="{left + SIDE}" y2="{MARGIN}"/>',
        f'<text x="{left}" y="{bottom + 18}">0</text><text x="{left + SIDE - 8}" y="{bottom + 18}">1</text>',
        f'<text x="{left + 50}" y="{bottom + 18}">stated probability</text>',
        f'<text x="{left - 34}" y="{MARGIN + 10}">right</text>',
    ]


def reliability_picture(scores: Mapping[str, Any]) -> str:
    """Return an SVG with one diagram per head of a part measured in detail."""
    heads = [name for name in ("department", "intent", "sentiment") if name in scores]
    size = f'width="{STEP * len(heads)}" height="{SIDE + 2 * MARGIN}"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="Reliability diagrams">', STYLE]
    for place, head in enumerate(heads):
        lines += _diagram(head, scores[head], MARGIN + place * STEP)
    return "\n".join([*lines, "</svg>"]) + "\n"
