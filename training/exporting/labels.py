"""The class names of a model, from a text file: one a line, in the order of the outputs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from training.errors import ExportError


def read(path: Path) -> tuple[str, ...]:
    """Read labels, UTF-8 with or without a byte-order mark; blank lines and outer spaces fall away.

    Raises:
        ExportError: the file is missing, no UTF-8, empty, or names a class twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ExportError(
            f"{path} is not UTF-8 (byte {error.start} is {error.object[error.start]:#04x}): "
            "save it as UTF-8"
        ) from error
    except OSError as error:
        raise ExportError(
            f"the labels file {path} cannot be read ({error.strerror}): it holds a name a line"
        ) from error
    labels = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not labels:
        raise ExportError(f"{path} is empty: write one class name a line, in the outputs' order")
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise ExportError(
            f"{path} names {', '.join(map(repr, twice[:5]))} more than once: every class needs a "
            "name of its own"
        )
    return labels
