"""`python -m service batch`: classify or embed many rows without a server."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from service.bulk import source
from service.bulk.job import Job, Task
from service.bulk.output import Output
from service.engine.engine import Engine
from service.errors import UnsupportedTask
from service.repository.lease import Lease
from service.repository.model_spec import ModelSpec
from service.settings import Settings

_A_DAY_S: Final = 86_400.0
"""Nobody waits for one row of a bulk job, so that no deadline ends it."""


def run(arguments: Sequence[str]) -> int:
    """Run the job; returns the exit status.

    Raises:
        ServiceError: it cannot begin, or the model fails.
    """
    given = build_parser().parse_args(arguments)
    try:
        return asyncio.run(_run(given))
    except KeyboardInterrupt:
        print("stopped: the same command goes on from here", file=sys.stderr)
        return 130


async def _run(given: argparse.Namespace) -> int:
    settings = Settings().model_copy(
        # Only the model that is asked is loaded, and it stays as it is until the job ends.
        update={"loading": "lazy", "watch": "off", "request_timeout_s": _A_DAY_S}
    )
    rows = source.find(given.source, text=given.text, image=given.image)
    engine = Engine(settings)
    try:
        await engine.start()
        spec = ModelSpec(given.model, given.version)
        with await engine.repository.lease(spec) as lease:
            task = _task(given.task, lease)
            export = lease.model.export
            job = {
                "input": rows.identity,
                "model": f"{export.name} {export.version}",
                "task": f"{task} {given.top_k} {given.truncate}",
            }
            with Output(given.out, job) as output:
                tell = _progress(rows.size, output)
                asked = Job(engine, lease, task, given.top_k, given.truncate)
                await asked.run(rows, output, tell)
                output.finish()
    finally:
        await engine.close()
    rejected = (
        f"; {output.rejected:,} rejected, see {given.out}.rejected" if output.rejected else ""
    )
    print(f"{output.rows:,} rows by {job['model']}{rejected}", file=sys.stderr)
    return 0


def _task(asked: Task | None, lease: Lease) -> Task:
    tasks: list[Task] = [each for each in ("classify", "embed") if each in lease.manifest.tasks]
    if not tasks or asked not in (None, *tasks):
        raise UnsupportedTask(
            f"'{lease.model.export.name}' does not {asked or 'classify or embed'}; it does: "
            f"{', '.join(lease.manifest.tasks)}"
        )
    return asked or tasks[0]


def _progress(size: int, output: Output) -> Callable[[int], None]:
    """A function that prints the rows so far, their rate, and the time left at that rate."""
    started, before = time.monotonic(), output.rows
    first: int | None = None

    def tell(read: int) -> None:
        nonlocal first
        seconds = time.monotonic() - started
        if first is None:  # the rate does not count the rows of an earlier run
            first = read
        rate = (output.rows - before) / seconds
        line = f"{output.rows:,} rows, {rate:,.0f} a second, {read / size:.0%}"
        if read > first:
            line += f", {_time((size - read) * (seconds - 1) / (read - first))} left"
        print(line, file=sys.stderr)

    return tell


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def build_parser() -> argparse.ArgumentParser:
    """The command line of `batch`."""
    parser = argparse.ArgumentParser("python -m service batch", description=__doc__)
    parser.add_argument(
        "source", metavar="IN", help="a folder or glob with images, or a .txt, .jsonl or .csv file"
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="JSON lines, one for each row")
    parser.add_argument("--model", required=True, help="a model in MODELS_DIR")
    parser.add_argument("--version", type=int, help="left out: the newest, or as models.yaml says")
    parser.add_argument("--task", choices=["classify", "embed"], help="left out: what it can do")
    column = parser.add_mutually_exclusive_group()
    column.add_argument("--text", metavar="COLUMN", help="the column with texts (default: text)")
    column.add_argument("--image", metavar="COLUMN", help="the column with paths of images")
    parser.add_argument("--top-k", type=int, help="classes for each image (default 5)")
    parser.add_argument("--truncate", action="store_true", help="take the beginning of long texts")
    return parser
