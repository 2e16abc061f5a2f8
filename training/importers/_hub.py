"""Models from the Hugging Face hub, by name: `sentence-transformers/all-MiniLM-L6-v2`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from training.errors import ExportError, UsageError

NAME: Final = re.compile(r"\w[\w.-]*/\w[\w.-]*")
"""An owner and a model."""

_FILES: Final = ("*.json", "*.safetensors", "README.md")
_OTHERS: Final = ("onnx/*", "openvino/*", "coreml/*")
"""The same weights for other programs."""


def fetch(name: str, revision: str | None = None) -> Path:
    """Download what an import needs of a model, or find it where it was downloaded before.

    Args:
        name: its owner and its own.
        revision: a branch, a tag or a commit; None for the newest.

    Raises:
        UsageError: `huggingface_hub` is not installed.
        ExportError: the hub does not give it.
    """
    try:
        import huggingface_hub  # noqa: PLC0415 — an extra
    except ImportError:
        raise UsageError(
            f"{name!r} is no folder here; to download it from the Hugging Face hub: "
            "pip install 'lutrin[hub]'"
        ) from None
    try:
        folder = huggingface_hub.snapshot_download(
            name, revision=revision, allow_patterns=list(_FILES), ignore_patterns=list(_OTHERS)
        )
    except Exception as error:  # its own, its HTTP client's, the disk's
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ExportError(
            f"there is no folder {name!r} here, and the Hugging Face hub does not give it: {reason}"
        ) from error
    return Path(folder)
