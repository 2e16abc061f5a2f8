"""Tables on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

Column = tuple[str, Literal["left", "right"]]
"""Heading and alignment; numbers go to the right."""

_UNWRAPPED: Final = 1000
"""Columns of what is no terminal: each row stays one line, for grep and the like."""


def show(
    title: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    *,
    total: Sequence[str] | None = None,
) -> None:
    """Print a table as wide as the terminal; texts wrap, but for those of the first column.

    Args:
        title: stands above it.
        columns: of all rows.
        rows: one text a column.
        total: a row under a line.
    """
    table = Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False
    )
    for index, (heading, align) in enumerate(columns):
        keeps = index == 0 or align == "right"
        table.add_column(heading, justify=align, no_wrap=keeps, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    if total is not None:
        table.add_section()
        table.add_row(*(Text(cell, style="bold") for cell in total))
    Console(width=None if sys.stdout.isatty() else _UNWRAPPED, highlight=False).print(table)
