"""A Keras model → an export, as `service.manifest` lays it out; proven, then renamed into place.

Everything is written into a hidden folder beside the models and moved by one rename, so a reader
never sees half an export, a failure leaves nothing behind, and of two exporters at once each gets
a version of its own.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

import service.manifest
from service.manifest import (
    MODEL_NAME,
    Manifest,
    golden_path,
    keras_path,
    tokenizer_path,
)
from training.errors import ExportError
from training.exporting.conversion import convert_all

Function = Callable[..., Mapping[str, tf.Tensor]]
"""A `tf.function` with an input signature: named tensors in, named tensors out."""

Tensors = Mapping[str, NDArray[Any]]

_TAKEN: Final = (errno.ENOTEMPTY, errno.EEXIST)


def export(
    model: keras.Model,
    signatures: Mapping[str, Function],
    manifest: Manifest,
    goldens: Mapping[str, tuple[Tensors, Tensors]],
    *,
    name: str,
    models_dir: Path,
    tokenizer: str | None = None,
    keras_file: bool = True,
    keep_model: bool = True,
) -> Path:
    """Write `model` as the next version of `name` and prove it in a fresh process.

    Args:
        model: what the signatures call.
        signatures: by the names that the manifest promises; the first is also written as
            `serving_default`, which TensorFlow Serving's clients call.
        manifest: what the export promises.
        goldens: by signature, inputs and the live model's outputs for them.
        name: the folder of the model's versions.
        models_dir: the folder of all models.
        tokenizer: the contents of `tokenizer.json`, for a model of texts.
        keras_file: save the model whole as a Keras file too, to train further.
        keep_model: False frees the model's weights when they are written, before they are converted
            and proven: it is of no use afterwards.

    Returns:
        The folder of the new version.

    Raises:
        ExportError: the name is unfit, something cannot be written, or the export does not
            reproduce its goldens. Nothing is left behind then.
    """
    if not MODEL_NAME.fullmatch(name):
        raise ExportError(
            f"a model's name is letters, digits, '.', '_' and '-', at most 128, and begins with a "
            f"letter or a digit; got {name!r}"
        )
    _check_goldens(goldens)
    workplace: Path | None = None
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix=".export-", dir=models_dir))
        folder = workplace / name / str(next_version(models_dir / name))
        write(folder, model, signatures, manifest, goldens, keras_file=keras_file)
        if not keep_model:
            _free(model)
        convert_all(folder, signatures)
        if tokenizer is not None:
            tokenizer_path(folder).write_text(tokenizer, encoding="utf-8")
        prove(folder)
        return _publish(folder, models_dir / name)
    except ExportError:
        raise
    except (
        Exception
    ) as error:  # OSError, TensorFlow's and OpenVINO's own: a full disk is any of them
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ExportError(f"{name} could not be exported into {models_dir}: {reason}") from error
    finally:
        if workplace is not None:
            shutil.rmtree(workplace, ignore_errors=True)


def remake(export: Path, change: Callable[[Path], None]) -> Path:
    """Publish a changed copy of an export as the next version of its model, proven as any other.

    Args:
        export: models/<name>/<version>
        change: changes the files of the copy, which nobody reads yet.

    Raises:
        ExportError: it cannot be written, or does not hold. Nothing is left behind then.
    """
    versions = export.resolve().parent
    workplace: Path | None = None
    try:
        workplace = Path(tempfile.mkdtemp(prefix=".export-", dir=versions.parent))
        folder = workplace / versions.name / str(next_version(versions))
        shutil.copytree(export, folder)
        change(folder)
        prove(folder)
        return _publish(folder, versions)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ExportError(f"{export} could not be exported anew: {reason}") from error
    finally:
        if workplace is not None:
            shutil.rmtree(workplace, ignore_errors=True)


def write(
    folder: Path,
    model: keras.Model,
    signatures: Mapping[str, Function],
    manifest: Manifest,
    goldens: Mapping[str, tuple[Tensors, Tensors]],
    *,
    keras_file: bool = True,
) -> None:
    """Write the files of an export into `folder`, but for its tokenizer and its conversions."""
    module = tf.Module()
    module.kept = _kept(model)
    default = next(iter(signatures.values()))
    tf.saved_model.save(module, str(folder), signatures={**signatures, "serving_default": default})
    manifest.write(folder)
    _write_goldens(golden_path(folder), goldens)
    if keras_file:
        keras_path(folder).parent.mkdir(parents=True)
        model.save(keras_path(folder))


def _kept(model: keras.Model) -> list[Any]:
    """What the signatures use of a model and a SavedModel must hold: variables and tables.

    The model itself would be traced through, layer by layer, for a call that nobody makes.
    """
    tables = [
        each
        for each in tf.train.TrackableView(model).descendants()
        if isinstance(each, tf.saved_model.experimental.TrackableResource)
    ]
    return [*(variable.value for variable in model.variables), *tables]


def _free(model: keras.Model) -> None:
    """Give back the memory of a model's weights, whoever still holds the model."""
    for variable in model.variables:
        nothing = tf.zeros((0,), variable.value.dtype)
        tf.raw_ops.AssignVariableOp(resource=variable.value.handle, value=nothing)


def prove(folder: Path) -> None:
    """Let the service load an export in a fresh process and replay its goldens.

    Raises:
        ExportError: it did not hold; says what the service said.
    """
    root = Path(service.manifest.__file__).parents[1]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    # on the CPU: this process may hold all of a GPU's memory
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-m", "service", "verify", "--device", "cpu", str(folder)]
    result = subprocess.run(  # noqa: S603 — our own program
        command, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        lines = (result.stderr.strip() or result.stdout.strip()).splitlines()
        reason = lines[-1] if lines else f"the proof ended with status {result.returncode}"
        raise ExportError(f"the export does not hold: {reason}")


def next_version(versions: Path) -> int:
    """One more than the greatest version in a model's folder; 1 where there is none."""
    if not versions.is_dir():
        return 1
    numbers = (int(entry.name) for entry in versions.iterdir() if entry.name.isdecimal())
    return max(numbers, default=0) + 1


def _publish(folder: Path, versions: Path) -> Path:
    """Rename a finished export to the next free version, whoever else is exporting."""
    versions.mkdir(exist_ok=True)
    try:
        while True:
            target = versions / str(next_version(versions))
            try:
                folder.rename(target)
            except OSError as error:
                if error.errno not in _TAKEN:  # another exporter was first: take the next one
                    raise
            else:
                return target
    except BaseException:
        with suppress(OSError):  # only when it is empty: the first export of a name failed
            versions.rmdir()
        raise


def _check_goldens(goldens: Mapping[str, tuple[Tensors, Tensors]]) -> None:
    for signature, (_, outputs) in goldens.items():
        for tensor, rows in outputs.items():
            if not np.isfinite(rows).all():
                raise ExportError(
                    f"the model's {tensor!r} of {signature!r} are not all finite numbers for the "
                    "golden inputs: it cannot be served"
                )


def _write_goldens(path: Path, goldens: Mapping[str, tuple[Tensors, Tensors]]) -> None:
    arrays = {
        f"{signature}/{side}/{tensor}": rows
        for signature, sides in goldens.items()
        for side, tensors in zip(("inputs", "outputs"), sides, strict=True)
        for tensor, rows in tensors.items()
    }
    np.savez_compressed(path, allow_pickle=False, **arrays)
