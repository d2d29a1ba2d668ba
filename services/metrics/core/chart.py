"""A chart as a picture of its own: the shared specification with rows, size, theme and freshness put in. Pure."""

import copy
from collections.abc import Sequence
from typing import Any, Final

MAX_ROWS: Final = 5_000
Spec = dict[str, Any]

THEMES: Final[dict[str, Spec]] = {
    "light": {"background": "#ffffff", "ink": "#1c2430", "grid": "#d5dbe3"},
    "dark": {"background": "#12161c", "ink": "#e8ecf2", "grid": "#2c3541"},
}


def config(theme: str) -> Spec:
    """Return the look of a theme."""
    held = THEMES[theme]
    ink, grid = held["ink"], held["grid"]
    return {
        "background": held["background"],
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": {"labelColor": ink, "titleColor": ink, "gridColor": grid, "domainColor": grid, "tickColor": grid},
        "legend": {"labelColor": ink, "titleColor": ink, "orient": "bottom"},
        "title": {"color": ink, "subtitleColor": ink, "anchor": "start"},
        "header": {"labelColor": ink, "titleColor": ink},
    }


def grouped(rows: Sequence[Spec], by: Sequence[str]) -> list[Spec]:
    """Return the rows with `panel`: the names of their group as one text."""
    return [row | {"panel": " · ".join(str(row[name] or "unknown") for name in by)} for row in rows]


def drawn(spec: Spec, rows: Sequence[Spec], by: Sequence[str], look: tuple[int, int, str], subtitle: str) -> Spec:
    """Return a complete specification; with a grouping, one panel per group. Raises ValueError for too many rows."""
    if len(rows) > MAX_ROWS:
        raise ValueError(f"a picture shows at most {MAX_ROWS} rows, these are {len(rows)}: take a longer bucket")
    width, height, theme = look
    made = copy.deepcopy(spec)
    title = {"text": made.pop("title", ""), "subtitle": subtitle}
    data = {"values": grouped(rows, by)}
    if not by:
        return made | {"width": width, "height": height, "data": data, "title": title, "config": config(theme)}
    panels = max(1, len({row["panel"] for row in data["values"]}))
    columns = min(2, panels)
    inner = {name: value for name, value in made.items() if name not in {"$schema", "description"}}
    inner |= {"width": width // columns - 80, "height": max(80, height // -(-panels // columns) - 60)}
    outer = {"$schema": made.get("$schema"), "description": made.get("description", "")}
    facet = {"field": "panel", "type": "nominal", "title": None}
    return outer | {
        "data": data, "title": title, "config": config(theme), "columns": columns, "facet": facet, "spec": inner
    }  # fmt: skip
