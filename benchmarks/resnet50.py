"""ResNet-50 of random weights as an export, and an image of a photo's size for it.

python -m benchmarks.resnet50 FOLDER — written in a process of its own, for TensorFlow keeps memory.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from service.manifest import ImageInput, Manifest, Signature, TensorSpec, Tolerance

NAME: Final = "resnet50"
SHAPE: Final = (224, 224, 3)
_CLASSES: Final = 1000
_QUALITY: Final = 90
_SPREAD: Final = 3.0
"""Of the logits, their standard deviation: random weights prefer no class, or one alone."""


def models() -> Path:
    """The folder of models that the export is in, made where it is missing."""
    folder = Path(__file__).parents[1] / "build" / "benchmarks" / "models"
    if not (folder / NAME / "1").exists():
        subprocess.run([sys.executable, "-m", "benchmarks.resnet50", str(folder)], check=True)
    return folder


def photo() -> bytes:
    """A JPEG of 640×480 pixels and about 90 KB: coarse colours, fine noise."""
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8))
    smooth = np.asarray(coarse.resize((640, 480), Image.Resampling.BICUBIC), np.int16)
    noisy = (smooth + random.integers(-14, 15, smooth.shape)).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def write(folder: Path) -> Path:
    """Export the model into a folder of models."""
    import keras  # noqa: PLC0415 — takes seconds
    import tensorflow as tf  # noqa: PLC0415

    from training.architectures import resnet  # noqa: PLC0415
    from training.exporting.export import export  # noqa: PLC0415

    keras.utils.set_random_seed(0)
    model = resnet.build(**resnet.VARIANTS["50"])
    images = np.random.default_rng(1).integers(0, 256, (2, *SHAPE), np.uint8)
    kernel, bias = model.layers[-1].get_weights()
    spread = float(np.std(model.predict(images.astype(np.float32), verbose=0)))
    model.layers[-1].set_weights([_SPREAD / spread * kernel, bias])

    @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE], tf.uint8, name="images")])
    def classify(images: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = model(tf.cast(images, tf.float32), training=False)
        return {"probabilities": tf.nn.softmax(logits)}

    outputs = {"probabilities": classify(tf.constant(images))["probabilities"].numpy()}
    manifest = Manifest(
        description="ResNet-50 of random weights: it knows nothing, and costs what one does.",
        image=ImageInput(height=224, width=224, channels=3, fit="stretch"),
        labels=tuple(f"class {index}" for index in range(_CLASSES)),
        signatures={
            "classify": Signature(
                task="classify",
                inputs={"images": TensorSpec(dtype="uint8", shape=(None, *SHAPE))},
                outputs={"probabilities": TensorSpec(dtype="float32", shape=(None, _CLASSES))},
            )
        },
        tolerance=Tolerance(float32=1e-3, bfloat16=0.2),
    )
    return export(
        model,
        {"classify": classify},
        manifest,
        {"classify": ({"images": images}, outputs)},
        name=NAME,
        models_dir=folder,
        keras_file=False,
    )


if __name__ == "__main__":
    write(Path(sys.argv[1]))
