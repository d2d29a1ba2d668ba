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


def _fit(spec: Spec, points: int, width: int) -> None:
    """Make bars as wide as the room for one point, and room for the first and the last; nobody zooms a picture."""
    for part in spec.get("layer", [spec]):
        part.pop("params", None)
        if part["mark"]["type"] == "bar":
            part["mark"]["width"] = max(1, min(60, 0.7 * width / (points + 1)))
            x = part["encoding"].get("x") or spec["encoding"]["x"]
            x["scale"] = {"padding": part["mark"]["width"] / 2 + 4}


def _on_one_scale(spec: Spec) -> None:
    """Let the layers of a panel share their scale: Vega-Lite cannot draw panels with two scales each."""
    if spec.pop("resolve", None):
        for part in spec["layer"]:
            part["encoding"]["y"] |= {"title": "Activities", "axis": {"tickMinStep": 1}}


def drawn(spec: Spec, rows: Sequence[Spec], by: Sequence[str], look: tuple[int, int, str], subtitle: str) -> Spec:
    """Return a complete specification, in the clocks of the asked zone; with a grouping, one panel per group.

    Raises:
        ValueError: there are too many rows for a picture.
    """
    if len(rows) > MAX_ROWS:
        raise ValueError(f"a picture shows at most {MAX_ROWS} rows, these are {len(rows)}: take a longer bucket")
    width, height, theme = look
    made = copy.deepcopy(spec)
    _fit(made, len({row["bucket"] for row in rows}), width)
    rows = [row | {"bucket": str(row.get("bucket_local") or row["bucket"])[:19]} for row in rows]
    title = {"text": made.pop("title", ""), "subtitle": subtitle}
    data = {"values": grouped(rows, by)}
    if not by:
        return made | {"width": width, "height": height, "data": data, "title": title, "config": config(theme)}
    _on_one_scale(made)
    panels = max(1, len({row["panel"] for row in data["values"]}))
    columns = min(2, panels)
    inner = {name: value for name, value in made.items() if name not in {"$schema", "description"}}
    inner |= {"width": width // columns - 80, "height": max(80, height // -(-panels // columns) - 60)}
    outer = {"$schema": made.get("$schema"), "description": made.get("description", "")}
    facet = {"field": "panel", "type": "nominal", "title": None}
    return outer | {
        "data": data, "title": title, "config": config(theme), "columns": columns, "facet": facet, "spec": inner
    }  # fmt: skip
