"""A model as Hugging Face's libraries write it: a folder of JSON beside its weights."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from training.errors import ExportError

CONFIG: Final = "config.json"
TOKENIZER: Final = "tokenizer.json"


class ModelFolder:
    """What the files of a model's folder say.

    Args:
        path: the folder.
        name: the model's, as people know it: `sentence-transformers/all-MiniLM-L6-v2`.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The sizes of the model.

        Raises:
            ExportError: there is no `config.json`, or it cannot be read.
        """
        return self.json(CONFIG)

    @property
    def model_type(self) -> str:
        """What kind of model it is, as `transformers` calls it.

        Raises:
            ExportError: `config.json` does not say.
        """
        said = self.config.get("model_type")
        if not isinstance(said, str):
            raise ExportError(f"{self.path / CONFIG} has no model_type: which model is it?")
        return said

    def json(self, file: str) -> Mapping[str, Any]:
        """What a file says.

        Raises:
            ExportError: it is missing, or no JSON object.
        """
        contents = self.optional(file)
        if contents is None:
            raise ExportError(
                f"{self.path} holds no {file}: expected a Hugging Face model's folder"
            )
        if not isinstance(contents, dict):
            raise ExportError(f"{self.path / file} holds {contents!r:.60}; expected a JSON object")
        return contents

    def optional(self, file: str) -> Any:
        """What a file says; None where it is missing.

        Raises:
            ExportError: it is no JSON.
        """
        path = self.path / file
        if not path.is_file():
            return None
        try:
            return json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ExportError(f"{path} cannot be read: {error}") from error

    @cached_property
    def tokenizer(self) -> str:
        """The contents of `tokenizer.json`.

        Raises:
            ExportError: it is missing.
        """
        path = self.path / TOKENIZER
        if not path.is_file():
            raise ExportError(
                f"{self.path} holds no {TOKENIZER}, which says how texts become tokens: with "
                "transformers, AutoTokenizer.from_pretrained(folder).save_pretrained(folder) "
                "writes it"
            )
        return path.read_text("utf-8")

    @cached_property
    def readme(self) -> str:
        """The model's card; empty where there is none."""
        path = self.path / "README.md"
        return path.read_text("utf-8", errors="replace") if path.is_file() else ""

    @property
    def license(self) -> str | None:
        """The license that the card's head states, an SPDX identifier; None where it states none.

        Names of the hub's own, such as `other` and `openrail`, are told as they are.
        """
        head = re.match(r"---\n(.*?)\n---", self.readme, re.DOTALL)
        said = re.search(r"^license:\s*[\"']?([\w.+-]+)", head[1], re.MULTILINE) if head else None
        return said[1] if said else None

    def size(self, key: str, default: int | None = None) -> int:
        """A number of `config.json` above 0.

        Raises:
            ExportError: it is missing and there is no default, or no such number.
        """
        value = self.config.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ExportError(
                f"{self.path / CONFIG} says {key} = {value!r}; expected a number above 0"
            )
        return value
