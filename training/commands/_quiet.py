"""Importing TensorFlow without its chatter."""

from __future__ import annotations

import logging
import os


def import_tensorflow(*, verbose: bool) -> None:
    """Import TensorFlow, its chatter kept off the screen unless `verbose`.

    Its level must be set before it is imported, and some of its libraries write before they read
    the level: standard error is turned away for those seconds.
    """
    if not verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        logging.getLogger("absl").setLevel(logging.ERROR)
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # else off where a CPU lacks AVX-512 VNNI
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
