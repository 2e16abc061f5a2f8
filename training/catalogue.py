"""What there is by name: recipes, architectures and data sets. The module's name is its key.

Adding one is a new file in its folder, removing one is deleting it; there is no list to edit. Names
are written with hyphens by people and with underscores by Python: `mnist-lenet5` is the module
`mnist_lenet5`.
"""

from __future__ import annotations

import ast
import difflib
import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal

from training.errors import UsageError

Kind = Literal["recipe", "architecture", "dataset"]

WORDS: Final[dict[Kind, str]] = {"recipe": "RECIPE", "architecture": "build", "dataset": "load"}
"""The word that every module of a kind offers."""

_ROOT: Final = Path(__file__).parent


def names(kind: Kind) -> tuple[str, ...]:
    """Every name of a kind, sorted, hyphenated."""
    files = (_ROOT / f"{kind}s").glob("[a-z]*.py")
    return tuple(sorted(file.stem.replace("_", "-") for file in files))


def summary(kind: Kind, name: str) -> str:
    """The first line of a module's docstring, read without importing it (and so TensorFlow)."""
    source = (_ROOT / f"{kind}s" / f"{_module(name)}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def get(kind: Kind, name: str) -> Any:
    """What the module `name` of a kind offers.

    Raises:
        UsageError: there is no such module.
    """
    if name.replace("_", "-") not in names(kind):
        raise UsageError(unknown(kind, name, names(kind)))
    module = importlib.import_module(f"training.{kind}s.{_module(name)}")
    return getattr(module, WORDS[kind])


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """The sentence for a name that does not exist, with the nearest one and all there are."""
    choices = list(known)
    nearest = difflib.get_close_matches(given, choices, n=1)
    hint = f", did you mean {nearest[0]!r}?" if nearest else ";"
    return f"unknown {what} {given!r}{hint} known are: {', '.join(choices)}"


def _module(name: str) -> str:
    return name.replace("-", "_")
