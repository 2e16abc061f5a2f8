"""Draw an illustration of the course."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from training import catalogue
from training.commands._options import add_verbose
from training.commands._quiet import import_tensorflow
from training.errors import ExportError, TrainingError, UsageError


def add(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """The figures' names or `--all`, and the folder."""
    known = catalogue.names("illustration")
    width = max(map(len, known))
    rows = [f"  {name:<{width}}  {catalogue.summary('illustration', name)}" for name in known]
    parser.epilog = "\n".join(["figures:", *rows])
    parser.add_argument("figures", nargs="*", metavar="NAME", help="what to draw")
    parser.add_argument("--all", action="store_true", help="draw all there are")
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/figures"), help="where to (runs/figures)"
    )
    add_verbose(parser)


def run(given: argparse.Namespace) -> int:
    """Draw what was asked for; of all, a figure that cannot be drawn does not keep the others."""
    known = catalogue.names("illustration")
    for name in given.figures:
        if name.replace("_", "-") not in known:
            raise UsageError(catalogue.unknown("figure", name, known))
    if given.all == bool(given.figures):
        raise UsageError(f"name figures, or say --all; there are: {', '.join(known)}")
    try:
        given.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"{given.folder} cannot be made: {error.strerror}") from error
    import_tensorflow(verbose=given.verbose)
    failed = [name for name in given.figures or known if not _drawn(name, given.folder)]
    return 1 if failed else 0


def _drawn(name: str, folder: Path) -> bool:
    try:
        drawn = catalogue.get("illustration", name)(folder)
    except TrainingError as error:
        print(f"error: {name} is not drawn: {error}", file=sys.stderr)
        return False
    for path in (drawn,) if isinstance(drawn, Path) else drawn:
        print(path)
    return True
