"""Conversions to 8-bit integers: a quarter of the bytes, and faster on CPUs that multiply them.

Post-training quantization (Jacob et al., 2018, arXiv:1712.05877, §3 without its training) by
OpenVINO's NNCF: the ranges of activations are measured on some training examples, and weights get a
scale a channel. A network loses some accuracy by it, or none; so it is measured.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino
from numpy.typing import NDArray

from service.manifest import Manifest, golden_path, openvino_path
from training.errors import ExportError, UsageError

MOST_LOST: Final = 0.001
"""Of the test accuracy, 0–1."""

_EXAMPLES: Final = 512
"""By which the ranges are measured."""
_ROWS: Final = 250
"""Of one inference."""
_MARGIN: Final = 2.0
"""By how much more than here it may differ from the goldens on another CPU."""

_Measure = Callable[[Mapping[str, Callable[..., Any]]], Mapping[str, float]]


def require_installed() -> None:
    """Refuse to begin without NNCF.

    Raises:
        UsageError: it is not installed; says how to.
    """
    if importlib.util.find_spec("nncf") is None:
        raise UsageError("int8 takes NNCF, which is not installed: pip install 'lutrin[quantize]'")


def quantize(folder: Path, images: NDArray[np.uint8], remeasure: _Measure) -> dict[str, float]:
    """Give a classifier's export, not published yet, a conversion in int8 and promise its accuracy.

    Args:
        folder: an export with its conversion in float32.
        images: uint8 (N, H, W, C), of which the first 512 tell the ranges; not of the test set.
        remeasure: `Task.remeasure`, which measures a signature on the test set.

    Returns:
        `test_accuracy`, of the conversion in float32, and `test_accuracy_int8`, 0–1.

    Raises:
        UsageError: it does not classify, or NNCF is not installed.
        ExportError: it has no conversion, or int8 costs more accuracy than `MOST_LOST`.
    """
    require_installed()
    manifest = Manifest.read(folder)
    if set(manifest.signatures) != {"classify"}:
        raise UsageError(
            "only classifiers are quantized, for what it costs them can be measured; this export "
            f"has the signatures {', '.join(manifest.signatures)}"
        )
    path = openvino_path(folder, "classify")
    if not path.exists():
        raise ExportError("the export has no conversion for OpenVINO, which int8 is made of")
    exact = openvino.Core().read_model(path)
    before = _accuracy(exact, remeasure)
    integers = _in_integers(exact, images[:_EXAMPLES])
    after = _accuracy(integers, remeasure)
    if before - after > MOST_LOST + 1e-9:
        raise ExportError(
            f"int8 costs {100 * (before - after):.2f} points of test accuracy ({before:.2%} in "
            f"float32, {after:.2%} in int8) and {100 * MOST_LOST:g} are allowed: the export stays "
            "as it is"
        )
    target = openvino_path(folder, "classify", int8=True)
    openvino.save_model(integers, target, compress_to_fp16=False)
    tolerance = round(_MARGIN * _golden_error(folder, integers) + 1e-3, 4)
    _promise(folder, manifest, tolerance, after)
    return {"test_accuracy": before, "test_accuracy_int8": after}


def _in_integers(model: Any, images: NDArray[np.uint8]) -> Any:
    import nncf  # noqa: PLC0415 — an extra, and it takes seconds

    examples = [{"images": images[row : row + 1]} for row in range(len(images))]
    return nncf.quantize(
        model,
        nncf.Dataset(examples),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(examples),
    )


def _accuracy(model: Any, remeasure: _Measure) -> float:
    return remeasure({"classify": _answer(model)})["test_accuracy"]


def _answer(model: Any) -> Callable[..., Mapping[str, NDArray[np.float32]]]:
    # The precision is always said: left open, a CPU with AMX computes in bfloat16 silently.
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def answer(images: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        parts = [
            compiled({"images": images[start : start + _ROWS]})["probabilities"]
            for start in range(0, len(images), _ROWS)
        ]
        return {"probabilities": np.concatenate(parts)}

    return answer


def _golden_error(folder: Path, model: Any) -> float:
    with np.load(golden_path(folder), allow_pickle=False) as arrays:
        images = arrays["classify/inputs/images"]
        golden = arrays["classify/outputs/probabilities"]
    return float(np.abs(_answer(model)(images=images)["probabilities"] - golden).max())


def _promise(folder: Path, manifest: Manifest, tolerance: float, accuracy: float) -> None:
    promised = {
        "tolerance": manifest.tolerance.model_copy(update={"int8": tolerance}),
        "metrics": manifest.metrics | {"test_accuracy_int8": accuracy},
    }
    manifest.model_copy(update=promised).write(folder)
