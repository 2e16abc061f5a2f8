"""`index.json`: what an index in a folder is bound to, and which of its generations it is."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Self

from service.search.stores import Binding

NAME: Final = "index.json"


@dataclass(frozen=True, slots=True)
class Record:
    """An index's record."""

    width: int
    model: str | None
    version: int | None
    created: float
    """Seconds since 1970."""
    generation: str
    """The folder, beside the record, that has the items."""
    packed: int = 0
    """Items whose vectors are packed, when that was last done."""

    @classmethod
    def new(cls, binding: Binding, generation: str) -> Self:
        """The record of an index that is being made."""
        return cls(binding.width, binding.model, binding.version, time.time(), generation)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The record in a folder."""
        return cls(**json.loads((folder / NAME).read_text(encoding="utf-8")))

    @property
    def binding(self) -> Binding:
        """What the index is bound to."""
        return Binding(self.width, self.model, self.version)

    def renewed(self, generation: str, binding: Binding, packed: int = 0) -> Self:
        """The record once `generation` has taken the place of what was there."""
        return replace(
            self,
            generation=generation,
            packed=packed,
            width=binding.width,
            model=binding.model,
            version=binding.version,
        )

    def write(self, folder: Path) -> None:
        """Replace the record in a folder, at once and for good."""
        aside = folder / f"{NAME}.new"
        with aside.open("w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(folder / NAME)
        sync(folder)


def sync(folder: Path) -> None:
    """Have the names in a folder outlive the machine."""
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
