"""What servers of images have in common: reading a file, and the model as TensorFlow runs it."""

from __future__ import annotations

import io
import json
import os
import sys
from importlib import import_module
from typing import Any

from benchmarks.peers import Answer, Task, dense


def command(module: str, task: Task) -> list[str]:
    """Run `module` with the arguments EXPORT SIGNATURE HEIGHT WIDTH CHANNELS."""
    return ["-m", module, str(task.export), task.signature, *map(str, task.shape)]


def hand_on() -> None:
    """Keep the arguments where the server's own processes find them: in the environment."""
    os.environ["CLASSIFIER"] = json.dumps(sys.argv[1:6])


def probabilities(body: bytes) -> Answer:
    """Of `{"probabilities": […]}`."""
    return dense(json.loads(body)["probabilities"])


def decoded(file: bytes, shape: tuple[int, ...]) -> Any:
    """An image file's pixels, uint8 of `shape`: height, width, channels."""
    import numpy as np  # noqa: PLC0415 — some environments have neither
    from PIL import Image  # noqa: PLC0415

    height, width, channels = shape
    opened = Image.open(io.BytesIO(file))
    image = opened.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8).reshape(shape)


class Classifier:
    """A SavedModel's signature."""

    def __init__(self) -> None:
        export, name, *shape = json.loads(os.environ["CLASSIFIER"])
        self._tf = import_module("tensorflow")
        self._loaded = self._tf.saved_model.load(export)
        self._signature = self._loaded.signatures[name]
        self._shape = tuple(map(int, shape))

    def decode(self, file: bytes) -> Any:
        """The uint8 (H, W, C) pixels of an image file."""
        return decoded(file, self._shape)

    def __call__(self, pixels: list[Any]) -> Any:
        """The probabilities, float32 (B, K), of images."""
        import numpy as np  # noqa: PLC0415

        images = self._tf.constant(np.stack(pixels))
        return self._signature(images=images)["probabilities"].numpy()
