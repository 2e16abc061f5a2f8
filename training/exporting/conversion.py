"""Signatures converted for CPUs, where OpenVINO runs them several times as fast as TensorFlow."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# OpenVINO reports its use to its maker unless this package is absent; to this process, it is.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # None: not importable

import openvino  # noqa: E402 — after the line above
import tensorflow as tf  # noqa: E402
from openvino.frontend.tensorflow import utils as frontend  # noqa: E402

from service.manifest import openvino_path  # noqa: E402
from training.exporting import memory  # noqa: E402

# OpenVINO asks for these by `exec("import tensorflow")` and `exec("del tensorflow")`, and since
# Python 3.13 the second no longer sees what the first defined (PEP 667): it could convert nothing.
frontend.get_environment_setup = lambda framework: {
    "python_version": sys.version.partition(" ")[0],
    "tensorflow": tf.__version__,
    "sys_platform": sys.platform,
}

logger = logging.getLogger(__name__)


def convert_all(folder: Path, names: Iterable[str]) -> None:
    """Convert signatures of a written SavedModel, and leave nothing of it in memory.

    Args:
        folder: the export.
        names: the signatures'.
    """
    reloaded = tf.saved_model.load(str(folder))
    for name in names:
        convert(reloaded.signatures[name], openvino_path(folder, name))
    del reloaded
    memory.trim()


def convert(function: Any, path: Path) -> None:
    """Write a loaded signature as an OpenVINO model, its weights in a .bin beside `path`.

    What OpenVINO cannot express is left out with a warning: TensorFlow serves it then.

    Args:
        function: a signature of a SavedModel that stays loaded meanwhile; converted so, the tensors
            keep their names.
        path: the .xml file to write.
    """
    level = logging.getLogger().level
    try:
        converted = openvino.convert_model(function)
    except Exception as error:  # the converter raises whatever its passes do
        logging.getLogger().setLevel(level)  # where it fails, it leaves all loggers at its own
        reason = str(error).strip().partition("\n")[0]
        logger.warning("OpenVINO cannot express the model (%s): TensorFlow will serve it", reason)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(converted, path, compress_to_fp16=False)  # float16 weights cost 1e-4
