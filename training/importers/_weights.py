"""Pretrained weights from safetensors files, tensor by tensor, each checked before it is taken.

Nothing is held but the tensor at hand: a file of gigabytes fills a model of as many and no more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from training.errors import ExportError

SINGLE: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
"""Names the shard that holds each tensor, where there are several files."""

_FLOATS: Final = frozenset({"F64", "F32", "F16", "BF16"})
_OLD_NAMES: Final = {".gamma": ".weight", ".beta": ".bias"}
"""What the first BERTs called a normalization's two vectors."""


class Weights:
    """The tensors of a folder by name, float32 whatever they are stored as.

    Args:
        folder: holds `model.safetensors`, or shards and their `model.safetensors.index.json`.
        prefix: of every name, where the weights are of a larger model; taken off where it stands.

    Raises:
        ExportError: there are no such files, or one cannot be read.
    """

    def __init__(self, folder: Path, prefix: str = "") -> None:
        self.files = _files(folder)
        self._opened = [_opened(file) for file in self.files]
        self._where: dict[str, tuple[Any, str]] = {}
        for file in self._opened:
            for stored in file.keys():  # noqa: SIM118 — no mapping
                name = stored.removeprefix(prefix)
                for old, new in _OLD_NAMES.items():
                    name = name.removesuffix(old) + new if name.endswith(old) else name
                self._where[name] = (file, stored)
        self._left = dict.fromkeys(self._where)

    def __contains__(self, name: str) -> bool:
        return name in self._where

    def __len__(self) -> int:
        """How many tensors there are."""
        return len(self._where)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor.

        Raises:
            ExportError: it is not there.
        """
        file, stored = self._found(name)
        return tuple(file.get_slice(stored).get_shape())

    def take(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The tensor of that name, float32.

        Raises:
            ExportError: it is not there, of another shape, or of no floating type.
        """
        file, stored = self._found(name)
        is_shape, dtype = self.shape(name), str(file.get_slice(stored).get_dtype())
        if is_shape != shape:
            raise ExportError(
                f"the tensor {stored!r} is of shape {is_shape}, and config.json asks for {shape}: "
                "are both of the same model?"
            )
        if dtype not in _FLOATS:
            raise ExportError(
                f"the tensor {stored!r} is of type {dtype}; expected one of "
                f"{', '.join(sorted(_FLOATS))}: a quantized model must be imported as it was before"
            )
        self._left.pop(name, None)
        tensor: NDArray[np.float32] = file.get_tensor(stored).astype(np.float32, copy=False)
        return tensor

    def fill(self, variable: Any, name: str, *, axes: tuple[int, ...] | None = None) -> None:
        """Assign a tensor to a variable of a model.

        Args:
            variable: of the tensor's shape, its axes permuted.
            name: the tensor's.
            axes: the tensor's axis that becomes each of the variable's; None as they are.

        Raises:
            ExportError: as `take`.
        """
        axes = axes or tuple(range(len(variable.shape)))
        shape = [0] * len(axes)
        for axis, size in zip(axes, variable.shape, strict=True):
            shape[axis] = size
        variable.assign(self.take(name, tuple(shape)).transpose(axes))

    def left(self, *, but: Iterable[str] = ()) -> tuple[str, ...]:
        """The tensors that nobody took.

        Args:
            but: beginnings of names that need not be taken.
        """
        return tuple(name for name in self._left if not name.startswith(tuple(but)))

    def digest(self) -> str:
        """SHA-256 of the files, one after another, in hexadecimal."""
        whole = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                while block := file.read(1 << 22):
                    whole.update(block)
        return whole.hexdigest()

    def _found(self, name: str) -> tuple[Any, str]:
        if name not in self._where:
            names = ", ".join(sorted(self._where)[:3])
            raise ExportError(
                f"the weights lack the tensor {name!r}; there are {len(self._where)}, such as "
                f"{names}: are they of the model that config.json describes?"
            )
        return self._where[name]


def _files(folder: Path) -> tuple[Path, ...]:
    if (folder / SINGLE).is_file():
        return (folder / SINGLE,)
    if (folder / INDEX).is_file():
        try:
            shards = json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values()
        except (ValueError, KeyError, AttributeError) as error:
            raise ExportError(f"{folder / INDEX} names no shards: {error}") from error
        files = tuple(folder / shard for shard in sorted(set(shards)))
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise ExportError(f"{folder} lacks {', '.join(missing)}, which {INDEX} names")
        return files
    pickled = [path.name for path in sorted(folder.glob("*.bin"))]
    remedy = (
        f"; {', '.join(pickled)} runs code when it is read, and is not: with transformers, "
        "AutoModel.from_pretrained(folder).save_pretrained(another) writes safetensors"
        if pickled
        else ": it is the file of weights of every model on the Hugging Face hub"
    )
    raise ExportError(f"{folder} holds no {SINGLE}{remedy}")


def _opened(file: Path) -> Any:
    try:
        return safe_open(file, framework="numpy")
    except (SafetensorError, OSError) as error:
        raise ExportError(f"{file} cannot be read: {error}: is it whole?") from error
