"""Anyone's Keras file: loading it with its custom objects, and reading what its model takes."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

from training.errors import ExportError
from training.exporting.signatures import Outputs


def load(path: Path, custom_objects: str | None) -> keras.Model:
    """Load a `.keras` file, without its optimizer and losses.

    Args:
        path: what `model.save("….keras")` wrote.
        custom_objects: an importable module or the path of a `.py` file; every class and function
            in it is offered to Keras under its own name.

    Raises:
        ExportError: says why it is no such file, or what it lacks.
    """
    _check_kind(path)
    offered = {} if custom_objects is None else _objects(custom_objects)
    try:
        return keras.models.load_model(path, custom_objects=offered, compile=False)
    except Exception as error:  # Keras raises whatever a layer's constructor does
        raise ExportError(f"{path} cannot be loaded: {_why(error, custom_objects)}") from error


def image_shape(model: keras.Model, size: tuple[int, int] | None) -> tuple[int, int, int]:
    """The pixels a model takes, (H, W, C); `size` (H, W) stands in where it takes any.

    Raises:
        ExportError: it takes none or several inputs, no images, or another size than `size`.
    """
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise ExportError(
            "the file does not say what the model takes, as of a subclass of keras.Model: wrap it, "
            "inputs = keras.Input((224, 224, 3)); keras.Model(inputs, model(inputs)).save(…)"
        )
    if len(inputs) > 1:
        names = ", ".join(tensor.name for tensor in inputs)
        raise ExportError(f"the model has {len(inputs)} inputs ({names}); classify takes one image")
    shape = tuple(inputs[0].shape)
    if len(shape) != 4:
        raise ExportError(f"the model's input is of shape {shape}; expected images (B, H, W, C)")
    height, width, channels = shape[1:]
    if channels not in {1, 3}:
        raise ExportError(
            f"the model's input has {channels} channels {shape}; expected 1 (grey) or 3 (RGB), last"
        )
    if None in {height, width} and size is None:
        raise ExportError(
            f"the model takes images of any size {shape}: choose one, such as --size 224x224"
        )
    given = size or (height, width)
    if (height or given[0], width or given[1]) != given:
        raise ExportError(f"the model takes {height}×{width} pixels; --size asks for {given}")
    return (*given, channels)


def num_outputs(model: keras.Model) -> int:
    """The scores a model gives for an image.

    Raises:
        ExportError: it has several outputs, or one that is not (B, K).
    """
    outputs = model.outputs
    if len(outputs) > 1:
        raise ExportError(f"the model has {len(outputs)} outputs; classify needs one, of scores")
    shape = tuple(outputs[0].shape)
    if len(shape) != 2 or shape[1] is None:
        raise ExportError(f"the model's output is of shape {shape}; expected scores (B, K)")
    return int(shape[1])


def scales_itself(model: keras.Model) -> bool:
    """Whether a layer that scales pixels is in the model."""
    layers = model._flatten_layers()
    return any(
        isinstance(layer, (keras.layers.Rescaling, keras.layers.Normalization)) for layer in layers
    )


def final_activation(model: keras.Model) -> str | None:
    """The name of the activation behind the outputs; None where it cannot be told."""
    layer = getattr(model.outputs[0], "_keras_history", (None,))[0]
    while isinstance(layer, keras.Model):
        layer = getattr(layer.outputs[0], "_keras_history", (None,))[0]
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    activation = getattr(layer, "activation", None)
    return None if activation is None else str(getattr(activation, "__name__", None))


def judged_outputs(activation: str | None) -> Outputs | None:
    """What an activation gives: probabilities, logits, or None where that is not plain."""
    known: dict[str | None, Outputs] = {"softmax": "probabilities", "linear": "logits"}
    return known.get(activation)


def _check_kind(path: Path) -> None:
    if path.is_dir():
        if (path / "saved_model.pb").exists():
            raise ExportError(
                f"{path} is a SavedModel, which the service serves as it is: copy it to "
                "models/NAME/1; to have labels and images, save the Keras model as .keras"
            )
        raise ExportError(f"{path} is a folder; expected a .keras file")
    if not path.exists():
        raise ExportError(f"{path} is not there; expected a .keras file")
    if path.suffix in {".h5", ".hdf5"}:
        raise ExportError(
            f"{path} is of the legacy HDF5 format: load it with the Keras that wrote it and save "
            f'it again, keras.models.load_model("{path.name}").save("{path.stem}.keras")'
        )
    if not zipfile.is_zipfile(path):
        raise ExportError(f"{path} is no .keras file, which is a ZIP archive, or it is cut short")


def _objects(name: str) -> dict[str, Any]:
    """Every class and function of a module, by its name."""
    module = _module(name)
    public = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    return {key: value for key, value in public.items() if callable(value)}


def _module(name: str) -> ModuleType:
    try:
        if not name.endswith(".py"):
            return importlib.import_module(name)
        path = Path(name)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.exists():
            raise ExportError(f"--custom-objects: {name} is not there")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module  # Keras looks a saved class up in its module
        spec.loader.exec_module(module)
        return module
    except ExportError:
        raise
    except Exception as error:  # a module's own code may raise anything
        raise ExportError(f"--custom-objects: {name} cannot be imported: {error}") from error


def _why(error: Exception, custom_objects: str | None) -> str:
    text = str(error).rpartition("Exception encountered: ")[2]  # the innermost, not its wrappings
    if missing := re.search(r"Could not locate \w+ '([^']+)'", text):
        name = missing[1]
        if custom_objects is None:
            return f"it holds an object of its own, {name!r}: name its module by --custom-objects"
        return f"it needs {name!r}, which {custom_objects} does not define"
    if "lambda" in text.lower():
        return (
            "it holds a Lambda layer, whose code Keras does not load from files it cannot trust: "
            "write it as a layer class and name its module by --custom-objects"
        )
    return text.strip().partition("\n")[0] or type(error).__name__
