"""The command line of training: `python -m training COMMAND`, one command a file in `commands`.

TensorFlow takes seconds to import, so nothing here imports it before it is known to be needed:
`--help`, `list` and every mistyped name answer at once.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Final, NoReturn

from training import catalogue
from training.errors import TrainingError, UsageError

FAILED: Final = 1
MISUSED: Final = 2
INTERRUPTED: Final = 130

_stopped: Final = threading.Event()
"""Set by a signal that ends the run."""


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors to be caught, not exits."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; {self.prog} --help lists what there is")

    def options(self) -> list[str]:
        """The long options it knows."""
        return sorted(option for option in self._option_string_actions if option.startswith("--"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 failed, 2 misused, 130 interrupted."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("training").setLevel(logging.INFO)
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        status: int = _run(words)
    except TrainingError as error:
        _say(f"error: {error}", error)
        return MISUSED if isinstance(error, UsageError) else FAILED
    except KeyboardInterrupt as error:
        _say("\ninterrupted: nothing was exported", error)
        return INTERRUPTED
    except Exception as error:  # the machine's doing, such as no memory, or a defect of ours
        if _stopped.is_set():  # code in C turns what a signal raises into errors of its own
            _say("\ninterrupted: nothing was exported", error)
            return INTERRUPTED
        if "--verbose" in words:
            raise
        reason = str(error).strip().partition("\n")[0]
        kind = type(error).__name__
        print(f"error: {kind}: {reason} (--verbose shows where)", file=sys.stderr)
        return FAILED
    return status


def _run(words: Sequence[str]) -> int:
    parser = _Parser(prog="python -m training", description="Train models and export them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    about = {}
    for name in catalogue.names("command"):
        says = catalogue.summary("command", name)
        about[name] = commands.add_parser(
            name,
            help=says,
            description=says,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    if words and not words[0].startswith("-"):
        catalogue.module("command", words[0]).add(about[words[0]], words[1:])
    given, left = parser.parse_known_args(words)
    if left:
        _refuse(left[0], about[given.command])
    status: int = catalogue.get("command", given.command)(given)
    return status


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """End the run from wherever it is."""
    _stopped.set()
    raise KeyboardInterrupt


def _say(sentence: str, error: BaseException) -> None:
    """Say what happened, and then what a command noted of how to go on."""
    print(sentence, *getattr(error, "__notes__", []), sep="\n", file=sys.stderr)


def _refuse(word: str, parser: _Parser) -> NoReturn:
    """Name what is known where argparse would only say what is not.

    Raises:
        UsageError: always.
    """
    option = word.partition("=")[0]
    if option.startswith("--"):
        raise UsageError(catalogue.unknown("option", option, parser.options()))
    parser.error(f"{word!r} is one argument too many")


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):  # the second ends like Ctrl-C: tidily
        signal.signal(number, _stop)
    sys.exit(main())
