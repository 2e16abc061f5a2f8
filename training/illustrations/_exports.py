"""The Keras model inside a trained export, for the figures that look into one."""

from __future__ import annotations

from pathlib import Path

import keras

from service.manifest import keras_path
from training import catalogue
from training.errors import DatasetError


def load(models: Path, name: str, architecture: str) -> keras.Model:
    """The Keras model of a name's newest export.

    Args:
        models: the folder of exports, one folder a name, in it one a version.
        name: as exported.
        architecture: which one it has; its module registers the layers that the file names.

    Raises:
        DatasetError: there is no export, or it came without its Keras model.
    """
    versions = models / name
    exports = [each for each in versions.glob("*") if each.name.isdecimal()]
    newest = max(exports, key=lambda each: int(each.name), default=None)
    if newest is None or not keras_path(newest).exists():
        raise DatasetError(
            f"there is no Keras model of {name} in {versions}: python -m training train {name}"
        )
    catalogue.get("architecture", architecture)
    return keras.models.load_model(keras_path(newest), compile=False)
