"""What there is by name: recipes, architectures, data sets and so on. The module's name is its key.

Adding one is a new file in its folder, removing one is deleting it; there is no list to edit. Names
are written with hyphens by people and with underscores by Python: `mnist-lenet5` is the module
`mnist_lenet5`. A name that Python keeps to itself has one behind: `import` is `import_`.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import keyword
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal

from training.errors import UsageError

Kind = Literal["recipe", "architecture", "dataset", "task", "illustration", "command", "importer"]

WORDS: Final[dict[Kind, str]] = {
    "recipe": "RECIPE",
    "architecture": "build",
    "dataset": "load",
    "task": "TASK",
    "illustration": "draw",
    "command": "run",
    "importer": "read",
}
"""The word that every module of a kind offers."""

_SPOKEN: Final[dict[Kind, str]] = {"dataset": "data set", "illustration": "figure"}
"""What people call a kind, where its folder is named otherwise."""

_ROOT: Final = Path(__file__).parent


def names(kind: Kind) -> tuple[str, ...]:
    """Every name of a kind, sorted, hyphenated."""
    files = (_ROOT / f"{kind}s").glob("[a-z]*.py")
    return tuple(sorted(file.stem.rstrip("_").replace("_", "-") for file in files))


def summary(kind: Kind, name: str) -> str:
    """The first line of a module's docstring, read without importing it (and so TensorFlow)."""
    return (ast.get_docstring(_source(kind, name)) or "").partition("\n")[0]


def variants(architecture: str) -> tuple[str, ...]:
    """The names of an architecture's variants, read like its summary; none where it has no table.

    The keys of `VARIANTS` are therefore written out as strings.
    """
    for node in _source("architecture", architecture).body:
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(target, ast.Name) and target.id == "VARIANTS":
            table = node.value if isinstance(node, ast.AnnAssign) else None
            keys = table.keys if isinstance(table, ast.Dict) else []
            return tuple(str(key.value) for key in keys if isinstance(key, ast.Constant))
    return ()


def module(kind: Kind, name: str) -> ModuleType:
    """The module `name` of a kind.

    Raises:
        UsageError: there is no such module.
    """
    if name.replace("_", "-") not in names(kind):
        raise UsageError(unknown(_SPOKEN.get(kind, kind), name, names(kind)))
    return importlib.import_module(f"training.{kind}s.{_stem(name)}")


def get(kind: Kind, name: str) -> Any:
    """What the module `name` of a kind offers.

    Raises:
        UsageError: there is no such module.
    """
    return getattr(module(kind, name), WORDS[kind])


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """The sentence for a name that does not exist, with the nearest one and all there are."""
    choices = list(known)
    nearest = difflib.get_close_matches(given, choices, n=1)
    hint = f", did you mean {nearest[0]!r}?" if nearest else ";"
    return f"unknown {what} {given!r}{hint} known are: {', '.join(choices)}"


def _source(kind: Kind, name: str) -> ast.Module:
    path = _ROOT / f"{kind}s" / f"{_stem(name)}.py"
    return ast.parse(path.read_text(encoding="utf-8"))


def _stem(name: str) -> str:
    stem = name.replace("-", "_")
    return f"{stem}_" if keyword.iskeyword(stem) else stem
