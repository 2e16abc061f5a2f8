"""Answer many rows with one model: a few groups of rows at a time, written in their order."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from service.bulk.output import Output
from service.bulk.source import Row, Source
from service.engine.classify import classify
from service.engine.embed import embed
from service.engine.engine import Engine
from service.engine.inputs import Input, Inputs
from service.errors import RequestError
from service.repository.lease import Lease

Task: TypeAlias = Literal["classify", "embed"]
Answer: TypeAlias = Mapping[str, Any] | str
"""What OUT has of a row, or why it has nothing."""

_GROUP: Final = 64
"""Rows that are asked for at a time; MAX_IMAGES where that is less."""
_AHEAD: Final = 4
"""Groups in memory: one is read and one written while the model has two."""
_COMMIT_S: Final = 1.0
"""Seconds of work that a kill may cost."""


@dataclass(frozen=True)
class Job:
    """What each row is asked."""

    engine: Engine
    lease: Lease
    task: Task
    top_k: int | None = None
    truncate: bool = False

    async def run(
        self, source: Source, output: Output, tell: Callable[[int], None] = lambda read: None
    ) -> None:
        """Answer every row of `source` that `output` lacks; tells how much of it is read.

        Raises:
            ServiceError: the model fails, whatever the row; what was written stays.
        """
        rows = source.rows(output.rows)
        pending: deque[tuple[asyncio.Task[list[Answer]], list[Row], int]] = deque()
        committed = time.monotonic()
        size = min(_GROUP, self.engine.settings.max_images)
        try:
            while True:
                if group := await asyncio.to_thread(_take, rows, size):
                    taken, read = [row for row, _ in group], group[-1][1]
                    pending.append((asyncio.create_task(self._answers(taken)), taken, read))
                if not pending:
                    return
                if group and len(pending) < _AHEAD:
                    continue
                answers, taken, read = pending.popleft()
                output.write([row.name for row in taken], await answers)
                if time.monotonic() - committed > _COMMIT_S:
                    output.commit()
                    committed = time.monotonic()
                    tell(read)
        finally:
            for task, *_ in pending:
                task.cancel()
            await asyncio.gather(*(task for task, *_ in pending), return_exceptions=True)

    async def _answers(self, rows: Sequence[Row]) -> list[Answer]:
        read = await asyncio.to_thread(lambda: [_load(row) for row in rows])
        good = [index for index, (_, problem) in enumerate(read) if not problem]
        answers: list[Answer] = [problem for _, problem in read]
        values = [read[index][0] for index in good]
        try:
            found: Sequence[Answer] = await self._ask(values) if values else ()
        except RequestError:  # of one row; the others have answers
            found = [await self._ask_alone(value) for value in values]
        for index, answer in zip(good, found, strict=True):
            answers[index] = answer
        return answers

    async def _ask_alone(self, value: Input) -> Answer:
        try:
            [answer] = await self._ask([value])
        except RequestError as error:
            return error.message.removeprefix("input: ")
        return answer

    async def _ask(self, values: Sequence[Input]) -> list[Answer]:
        inputs = Inputs(values, names=["input"] * len(values))
        if self.task == "classify":
            found = await classify(self.engine, self.lease, inputs, top_k=self.top_k)
            return [{"predictions": [asdict(each) for each in best]} for best in found]
        vectors = await embed(self.engine, self.lease, inputs, truncate=self.truncate)
        return [{"embedding": row} for row in vectors.rows]


def _take(rows: Iterator[tuple[Row, int]], count: int) -> list[tuple[Row, int]]:
    return list(islice(rows, count))


def _load(row: Row) -> tuple[Input, str]:
    """What the model is asked about, or what is wrong with it."""
    if row.problem or isinstance(row.value, str):
        return str(row.value), row.problem
    return _file(row.value)


def _file(path: Path) -> tuple[bytes, str]:
    try:
        return path.read_bytes(), ""
    except OSError as error:
        return b"", f"{path}: {error.strerror}"
