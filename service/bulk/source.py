"""The rows of a bulk job: image files of a folder or glob, or lines of text, JSON or CSV."""

from __future__ import annotations

import csv
import glob
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from service.errors import InvalidInput

_IMAGES: Final = frozenset([".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"])
_TABLES: Final = frozenset((".jsonl", ".csv"))


class Row(NamedTuple):
    """One input of the job, or what is wrong with it."""

    name: str
    """A file's path, or the row's line."""
    value: str | Path = ""
    """A text, or the path of an image."""
    problem: str = ""


@dataclass(frozen=True)
class Source:
    """Rows in an order that is the same each time, as long as `identity` is."""

    paths: Sequence[Path]
    """The image files, or the one file that has the rows."""
    column: str
    """The column or field of a row; unused for image files and lines of text."""
    is_image: bool
    """Whether that column holds the path of an image, relative to the file's folder."""

    @property
    def is_table(self) -> bool:
        """Whether one file has the rows."""
        return not _is_image(self.paths[0])

    @property
    def identity(self) -> str:
        """Differs when a row may have changed its place."""
        named = "\n".join(map(str, self.paths)) + f"\n{self.size}\n{self.column}"
        return hashlib.sha256(named.encode()).hexdigest()

    @property
    def size(self) -> int:
        """Files, or bytes of the one file: what progress is a share of."""
        return self.paths[0].stat().st_size if self.is_table else len(self.paths)

    def rows(self, skip: int = 0) -> Iterator[tuple[Row, int]]:
        """Each row from the `skip`-th on, with how much of `size` is read by then."""
        if not self.is_table:
            yield from (
                (Row(str(path), path), number)
                for number, path in islice(enumerate(self.paths, 1), skip, None)
            )
            return
        with self.paths[0].open(encoding="utf-8", errors="replace", newline="") as file:
            for number, (row, read) in enumerate(self._read(file)):
                if number >= skip:
                    yield row, read

    def _read(self, file: TextIO) -> Iterator[tuple[Row, int]]:
        read = 0

        def lines() -> Iterator[str]:
            nonlocal read
            for line in file:
                read += len(line.encode())
                yield line

        suffix = self.paths[0].suffix
        if suffix == ".csv":
            table = csv.DictReader(lines())
            if self.column not in (table.fieldnames or ()):
                raise InvalidInput(
                    f"{self.paths[0]} has no column '{self.column}'; it has: "
                    f"{', '.join(table.fieldnames or ())}: name one by --text or --image"
                )
            for record in table:
                yield self._row(f"line {table.line_num}", record.get(self.column)), read
            return
        for number, line in enumerate(lines(), 1):
            name = f"line {number}"
            if suffix == ".jsonl":
                yield self._parsed(name, line), read
            else:
                yield self._row(name, line.rstrip("\r\n")), read

    def _parsed(self, name: str, line: str) -> Row:
        try:
            record = json.loads(line)
        except ValueError as error:
            return Row(name, problem=f"it is not JSON: {error}")
        if not isinstance(record, dict):
            return Row(name, problem=f"it is not a JSON object; got {type(record).__name__}")
        return self._row(name, record.get(self.column))

    def _row(self, name: str, value: object) -> Row:
        if not isinstance(value, str) or not value:
            got = "nothing" if value in (None, "") else type(value).__name__
            return Row(name, problem=f"'{self.column}' is a text that is not empty; got {got}")
        return Row(name, self.paths[0].parent / value if self.is_image else value)


def find(given: str, *, text: str | None, image: str | None) -> Source:
    """The rows that `IN` on the command line names.

    Raises:
        InvalidInput: there are none.
    """
    path = Path(given)
    if path.is_file() and not _is_image(path):
        if path.suffix not in {*_TABLES, ".txt"}:
            raise InvalidInput(
                f"rows are read from .txt, .jsonl and .csv; got {path.name}: convert it, or "
                "name a folder of images"
            )
        return Source([path], image or text or "text", image is not None)
    matched = glob.iglob(given, recursive=True)  # noqa: PTH207 — a pattern may be absolute
    found = path.rglob("*") if path.is_dir() else map(Path, matched)
    images = sorted(each for each in found if _is_image(each) and each.is_file())
    if not images:
        raise InvalidInput(
            f"{given} names no rows: expected a folder or glob with images "
            f"({', '.join(sorted(_IMAGES))}), or a .txt, .jsonl or .csv file"
        )
    return Source(images, "image", is_image=True)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _IMAGES
