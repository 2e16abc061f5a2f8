"""Breaking an export in one way, and how it is then refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.errors import InvalidExport
from service.exports.folder import Export
from service.loading import goldens
from service.manifest import golden_path, manifest_path, openvino_path
from service.settings import RunOptions

# In this process, which has TensorFlow already: a child would import it for seconds.
AUTO = RunOptions(isolation="never")
OPENVINO = RunOptions(runtime="openvino", precision="float32", isolation="never")
TENSORFLOW = RunOptions(runtime="tensorflow", isolation="never")
INPUT, OUTPUT = "classify/inputs/images", "classify/outputs/probabilities"


def refusal(export: Export, options: RunOptions = AUTO) -> str:
    """Why the export is not loaded."""
    with pytest.raises(InvalidExport) as caught:
        goldens.load(export, options)
    return caught.value.message


def change_goldens(export: Export, change: Callable[[dict[str, Any]], None]) -> None:
    path = golden_path(export.path)
    with np.load(path) as arrays:
        tensors: dict[str, Any] = dict(arrays)
    change(tensors)
    np.savez(path, **tensors)


def change_manifest(export: Export, change: Callable[[dict[str, Any]], None]) -> None:
    path = manifest_path(export.path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def corrupt_weights(export: Export) -> None:
    """Turn the conversion's weights into others of the same size."""
    path = openvino_path(export.path, "classify").with_suffix(".bin")
    path.write_bytes(bytes(byte ^ 0x11 for byte in path.read_bytes()))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
