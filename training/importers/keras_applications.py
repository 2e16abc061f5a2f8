"""Classifiers of keras.applications: ResNet-50 to -152, in both versions, VGG-16 and VGG-19.

`keras:ResNet50`. The weights and the class names are ImageNet's, which Keras downloads into
~/.keras, or files of your own: of the same network, with as many classes as there are names. They
come into our architectures, which scale pixels in the graph.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import keras

from service.manifest import ImageInput
from training.architectures import resnet, vgg
from training.errors import ExportError, UsageError
from training.exporting import goldens, labels, signatures
from training.exporting.provenance import Fact
from training.importers import Imported, Source
from training.tasks import Served, Serving


class Network(NamedTuple):
    """A network that Keras has and we have too, its weights in the same order."""

    name: str
    """As Keras calls it, its letters' case aside."""
    build: Callable[..., keras.Model]
    variant: Mapping[str, Any]


NETWORKS: Final[Mapping[str, Network]] = {
    each.name.lower(): each
    for each in (
        *(
            Network(f"ResNet{name.replace('-v', 'V')}", resnet.build, resnet.VARIANTS[name])
            for name in ("50", "101", "152", "50-v2", "101-v2", "152-v2")
        ),
        *(Network(f"VGG{name}", vgg.build, vgg.VARIANTS[name]) for name in ("16", "19")),
    )
}

CLASSES: Final = (
    "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
)
"""ImageNet's 1,000 classes by their number, as keras.applications names them."""

NUM_IMAGES: Final = 4
"""Golden images: enough to drive a network, and small."""


def read(source: Source) -> Imported:
    """The classifier of that name.

    Raises:
        UsageError: there is no such network, or its classes have no names.
        ExportError: weights or names cannot be downloaded, read or brought together.
    """
    network = NETWORKS.get(source.name.lower())
    if network is None:
        known = ", ".join(each.name for each in NETWORKS.values())
        raise UsageError(f"keras:{source.name} is none that can be imported; known are {known}")
    names = _names(source.labels)
    model = _model(network, source.weights, len(names))
    height, width, channels = network.variant["image_shape"]
    image = ImageInput(height=height, width=width, channels=channels, fit="center-crop")
    images = goldens.made(height, width, channels)
    inputs = {"images": images[:: len(images) // NUM_IMAGES][:NUM_IMAGES]}
    classify = signatures.classify(model, image)
    promise = signatures.classify_promise(image, len(names))
    return Imported(
        model=model,
        serving=Serving(
            signatures={"classify": Served(classify, promise, inputs)}, image=image, labels=names
        ),
        answers={"classify": signatures.live(classify, inputs)},
        description=f"Images in {len(names):,} classes: {network.name} of keras.applications.",
        source=f"keras:{network.name}",
        facts=_facts(source.weights),
    )


def _model(network: Network, file: Path | None, num_classes: int) -> keras.Model:
    """Ours, filled with Keras' weights one after another: a network may be of half a gigabyte."""
    theirs = _theirs(network, file, num_classes)
    ours = network.build(**{**network.variant, "num_classes": num_classes})
    for variable, weight in zip(ours.weights, theirs.weights, strict=True):
        variable.assign(weight.value)
    return ours


def _theirs(network: Network, file: Path | None, num_classes: int) -> keras.Model:
    make = getattr(keras.applications, network.name)
    if file is None:
        try:
            return make(weights="imagenet", classes=num_classes)
        except ValueError as error:
            raise UsageError(
                f"ImageNet's weights are for its 1,000 classes, and the labels name {num_classes}; "
                "--weights names the file of weights for yours"
            ) from error
        except Exception as error:  # its downloads raise what they meet
            raise ExportError(_not_downloaded(network.name, "--weights FILE", error)) from error
    model = make(weights=None, classes=num_classes)
    try:
        model.load_weights(file)
    except Exception as error:  # Keras' and HDF5's: many kinds
        reason = " ".join(str(error).split())[:300]
        raise ExportError(
            f"{file} does not hold the weights of {network.name} for {num_classes} classes: "
            f"{reason}"
        ) from error
    return model


def _names(file: Path | None) -> tuple[str, ...]:
    """The class names: of a text file, of a class index such as Keras', or ImageNet's."""
    if file is not None and file.suffix != ".json":
        return labels.read(file)
    if file is None:
        try:
            file = Path(keras.utils.get_file(origin=CLASSES, cache_subdir="models"))
        except Exception as error:  # its downloads raise what they meet
            what = "the names of ImageNet's classes"
            raise ExportError(_not_downloaded(what, "--labels FILE", error)) from error
    try:
        index = json.loads(file.read_text("utf-8"))
        pairs = [index[str(number)] for number in range(len(index))]
        said = [(str(code), str(name).replace("_", " ")) for code, name in pairs]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(
            f'{file} cannot be read as an index of classes, {{"0": ["n01440764", "tench"], …}}: '
            f"{error}"
        ) from error
    # two birds and machines are cranes; two garments are maillots
    often = Counter(name for _, name in said)
    return tuple(name if often[name] == 1 else f"{name} ({code})" for code, name in said)


def _not_downloaded(what: str, option: str, error: Exception) -> str:
    reason = " ".join(str(error).split())[:200]
    return f"Keras could not download {what} ({reason}); {option} names one that is here"


def _facts(file: Path | None) -> Mapping[str, Fact]:
    if file is None:
        return {"weights": "imagenet"}
    return {"weights": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
