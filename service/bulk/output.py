"""The answers of a bulk job on disk: a job that was killed goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import orjson

from service.errors import InvalidInput

_OPTIONS: Final = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE


class Output:
    """OUT with the answers, OUT.rejected with the bad rows, OUT.progress while the job goes on.

    Progress is written after the rows that it counts. What a killed job wrote beyond it is cut off
    and done again, so that no row is missing or there twice.
    """

    def __init__(self, path: Path, job: Mapping[str, Any]) -> None:
        """Begin, or go on with, `job`: what must be the same for its rows to be the same.

        Raises:
            InvalidInput: OUT is of another job, or finished.
        """
        self._paths = path, path.with_name(f"{path.name}.rejected")
        self._progress = path.with_name(f"{path.name}.progress")
        self._job = dict(job)
        self.rows = self.rejected = 0
        sizes = [0, 0]
        if self._progress.exists():
            sizes = self._resume(path)
        elif path.exists():
            raise InvalidInput(f"{path} is there already: remove it, or name another file")
        self._files: list[BinaryIO] = []
        for each, size in zip(self._paths, sizes, strict=True):
            with each.open("ab") as file:
                file.truncate(size)
            self._files.append(each.open("ab"))
        self.commit()

    def _resume(self, path: Path) -> list[int]:
        said = json.loads(self._progress.read_bytes())
        differing = [key for key, value in self._job.items() if said["job"].get(key) != value]
        if differing:
            raise InvalidInput(
                f"{path} was begun with another {' and '.join(differing)}: give the same again, "
                f"name another file, or remove {self._progress.name} and {path.name}"
            )
        self.rows, self.rejected = said["rows"], said["rejected"]
        return list(said["bytes"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files:
            file.close()

    def write(self, names: Sequence[str], answers: Sequence[Mapping[str, Any] | str]) -> None:
        """Write the next rows; a text says why one has no answer."""
        for name, answer in zip(names, answers, strict=True):
            is_bad = isinstance(answer, str)
            fields = {"error": answer} if isinstance(answer, str) else answer
            line = orjson.dumps({"row": self.rows, "input": name, **fields}, option=_OPTIONS)
            self._files[is_bad].write(line)
            self.rows += 1
            self.rejected += is_bad

    def commit(self) -> None:
        """Make what was written outlive a kill, or a power failure."""
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())
        said = {
            "job": self._job,
            "rows": self.rows,
            "rejected": self.rejected,
            "bytes": [file.tell() for file in self._files],
        }
        aside = self._progress.with_name(f".{self._progress.name}")
        aside.write_bytes(orjson.dumps(said))
        aside.replace(self._progress)

    def finish(self) -> None:
        """Write the last rows and remove what only a job that goes on needs."""
        self.commit()
        self._progress.unlink()
        if not self.rejected:
            self._paths[1].unlink()
