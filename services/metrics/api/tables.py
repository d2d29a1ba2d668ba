"""Rows as files: CSV, Parquet and Arrow, with the columns of a view and their types; stamps travel in the file.

A CSV cell that a spreadsheet would run as a formula begins with an apostrophe (https://owasp.org/www-community/attacks/CSV_Injection).
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

MEDIA_TYPES: Final = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
    "svg": "image/svg+xml",
    "png": "image/png",
}


FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Signs, also as full-width forms, with which a spreadsheet takes a cell for a formula."""


def inert(value: object) -> object:
    """Return a cell that no spreadsheet runs: a text that could be a formula gets an apostrophe, a number none."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


@dataclass(frozen=True)
class Table:
    """Named columns, each a text, an instant, an int or a float, and rows by name."""

    columns: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]

    def csv(self) -> bytes:
        """Return it as CSV with a heading; null is an empty cell, and no cell is a formula."""
        out = io.StringIO()
        writer = csv.DictWriter(out, list(self.columns), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: inert(value) for name, value in row.items()} for row in self.rows)
        return out.getvalue().encode()

    def arrow(self, stamps: Mapping[str, str | int]) -> "pa.Table":
        """Return it as an Arrow table."""
        kinds = {
            "text": pa.string(), "instant": pa.timestamp("us", tz="UTC"), "int": pa.int64(), "float": pa.float64(),
        }  # fmt: skip
        schema = pa.schema(
            [(name, kinds[kind]) for name, kind in self.columns.items()],
            metadata={f"earshot.{name}": str(value) for name, value in stamps.items()},
        )
        arrays = []
        for name, kind in self.columns.items():
            values = pa.array([row.get(name) for row in self.rows], pa.string() if kind == "instant" else kinds[kind])
            arrays.append(_instants(values) if kind == "instant" else values)
        return pa.Table.from_arrays(arrays, schema=schema)


def _instants(texts: "pa.Array") -> "pa.Array":
    return texts.cast(pa.timestamp("us", tz="UTC"))


def written(table: Table, form: str, stamps: Mapping[str, str | int]) -> bytes:
    """Return a table as csv, parquet or arrow."""
    if form == "csv":
        return table.csv()
    made, out = table.arrow(stamps), io.BytesIO()
    if form == "parquet":
        pq.write_table(made, out)
    else:
        with pa.ipc.new_stream(out, made.schema) as stream:
            stream.write_table(made)
    return out.getvalue()
