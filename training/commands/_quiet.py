"""Importing TensorFlow without its chatter."""

from __future__ import annotations

import logging
import os
from typing import Final

_ONE_DNN: Final = "TF_ENABLE_ONEDNN_OPTS"


def import_tensorflow(*, verbose: bool, one_dnn: bool = True) -> None:
    """Import TensorFlow, its chatter kept off the screen unless `verbose`.

    Its level must be set before it is imported, and some of its libraries write before they read
    the level: standard error is turned away for those seconds.

    Args:
        verbose: let it write.
        one_dnn: compute with oneDNN, which is faster and keeps all memory that it was ever given;
            whoever only moves weights needs none of it. Processes started from this one decide
            for themselves.
    """
    if not verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        logging.getLogger("absl").setLevel(logging.ERROR)
    chosen = os.environ.get(_ONE_DNN)
    # else off where a CPU lacks AVX-512 VNNI
    os.environ.setdefault(_ONE_DNN, "1" if one_dnn else "0")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever ~/.keras says: exports are TensorFlow's
    screen, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        if not verbose:
            os.dup2(nowhere, 2)
        import tensorflow  # noqa: F401, PLC0415 — for its effect
    finally:
        os.dup2(screen, 2)
        os.close(screen)
        os.close(nowhere)
        if chosen is None and not one_dnn:  # it is read once
            del os.environ[_ONE_DNN]
