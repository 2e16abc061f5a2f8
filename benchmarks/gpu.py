"""ResNet-50 on a GPU through TensorFlow: XLA off and on, in float32 and in bfloat16.

python -m benchmarks.gpu [--device gpu] [--seconds 10] [--rounds 3] [--connections 64]

Needs an NVIDIA GPU, `pip install 'lutrin[tensorflow]'` with TensorFlow's CUDA libraries
(`tensorflow[and-cuda]`), and wrk. The variants run at the same time on a GPU that holds them, and
are asked in turns. `--device cpu` runs the same without a GPU, to try the command out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from benchmarks.closed_loop import Load, post
from benchmarks.peers import Request, _open_inference
from benchmarks.running import lutrin

_ROWS: Final = 8
_IMAGE: Final = (224, 224, 3)
_XLA: Final = {"off": "", "on": "--tf_xla_auto_jit=2"}
_PRECISIONS: Final = ("float32", "mixed_bfloat16")


def main() -> None:
    """Measure, and print where the models are and a table in Markdown."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.gpu", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--device", default="gpu", choices=["gpu", "cpu"])
    parser.add_argument("--seconds", type=int, default=10, help="seconds of each run (default 10)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind (default 3)")
    parser.add_argument("--connections", type=int, default=64)
    given = parser.parse_args()
    if given.device == "gpu" and shutil.which("nvidia-smi") is None:
        raise SystemExit("there is no nvidia-smi here, so no NVIDIA GPU: try --device cpu")
    with ExitStack() as stack, TemporaryDirectory() as name:
        folder, asked, urls = Path(name), _request(), {}
        for precision in _PRECISIONS:
            models = write_resnet(folder / precision, precision)
            for xla, flags in _XLA.items():
                environment = _environment(models, given.device, flags)
                urls[precision, xla] = stack.enter_context(lutrin(**environment)).url
        if given.device == "gpu":
            print(_placement())
        loads: dict[tuple[str, str], list[Load]] = {key: [] for key in urls}
        for url in urls.values():  # XLA compiles at the first shapes that it meets
            post(url, asked, None, given.connections, given.seconds)
        for _ in range(given.rounds):
            for key, url in urls.items():
                loads[key].append(post(url, asked, None, given.connections, given.seconds))
    print(_table(loads))


def write_resnet(folder: Path, precision: str) -> Path:
    """Export Keras' ResNet-50 of random weights that computes in `precision`; gives its models."""
    import keras  # noqa: PLC0415 — takes seconds
    import tensorflow as tf  # noqa: PLC0415 — as Keras

    keras.config.set_dtype_policy(precision)
    try:
        model = keras.applications.ResNet50(weights=None)
    finally:
        keras.config.set_dtype_policy("float32")

    @tf.function(input_signature=[tf.TensorSpec([None, *_IMAGE], tf.uint8, name="images")])
    def classify(images: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = model(tf.cast(images, tf.float32), training=False)
        return {"classes": tf.argmax(logits, axis=-1)}

    module = tf.Module()
    module.model = model
    tf.saved_model.save(module, str(folder / "resnet" / "1"), signatures={"classify": classify})
    return folder


def _environment(models: Path, device: str, flags: str) -> dict[str, str]:
    return {
        "MODELS_DIR": str(models),
        "RUNTIME": "tensorflow",
        "DEVICE": device,
        "ISOLATION": "never",
        "TF_XLA_FLAGS": flags,
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
    }


def _request() -> Request:
    """A batch of images in binary, by the Open Inference Protocol."""
    rows = np.random.default_rng(0).integers(0, 256, (_ROWS, *_IMAGE), np.uint8)
    return _open_inference.binary("resnet", "UINT8", rows.shape, rows.tobytes())


def _placement() -> str:
    """What nvidia-smi says of the GPU and of the processes on it."""
    asked = ["--query-gpu=name,memory.used,memory.total,utilization.gpu", "--format=csv"]
    output = subprocess.run(["nvidia-smi", *asked], capture_output=True, text=True, check=True)
    return output.stdout


def _table(loads: dict[tuple[str, str], list[Load]]) -> str:
    def of(key: tuple[str, str]) -> float:
        return median(load.requests_per_s for load in loads[key]) * _ROWS

    first = of(("float32", "off"))
    lines = ["| precision | XLA | images/s | ratio | errors |", "| --- | --- | --- | --- | --- |"]
    for (precision, xla), runs in loads.items():
        rate = of((precision, xla))
        errors = sum(load.errors for load in runs)
        lines.append(f"| {precision} | {xla} | {rate:.1f} | {rate / first:.2f} | {errors} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
