"""Where a trained Transformer looks while it writes: the notes' §5.2, on a date.

The scores of the last decoder block's attention to the source, of each head and of their mean. Each
row is a character that is written, each column one that is read; a row sums to 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import keras
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.analysis.plots import STYLE
from training.datasets import dates
from training.illustrations import _exports
from training.text.transducer import MEMORY, Transducer
from training.text.vocabulary import START_ID, Vocabulary

MODELS: Final = Path("models")
NAME: Final = "dates-transformer"
SOURCE: Final = "le mercredi 3 mars 2021"

_MAX_LENGTH: Final = 11


def draw(folder: Path) -> Path:
    """Write `attention.png` into a folder, by the newest export of dates-transformer.

    Raises:
        DatasetError: there is no export, or it came without its Keras model.
    """
    model = _exports.load(MODELS, NAME, "transformer")
    vocabulary = dates.load().vocabulary
    written, scores = look(model, vocabulary, SOURCE)
    path = folder / "attention.png"
    with mpl.rc_context({**STYLE, "axes.grid": False, "font.size": 10}):
        figure = Figure(figsize=(11, 7.2))
        mean, *heads = figure.subplot_mosaic(
            [["mean"] * len(scores), list(range(len(scores)))], height_ratios=(1.7, 1)
        ).values()
        shaded = mean.imshow(scores.mean(axis=0), cmap="Blues", vmin=0, vmax=1, aspect="auto")
        mean.set_title(f"The mean of {len(scores)} heads")
        mean.set_xticks(range(len(SOURCE)), _visible(SOURCE))
        mean.set_yticks(range(len(written)), _visible(written))
        mean.set(xlabel="read", ylabel="written")
        figure.colorbar(shaded, ax=mean, label="score")
        for number, (axes, score) in enumerate(zip(heads, scores, strict=True), start=1):
            axes.imshow(score, cmap="Blues", vmin=0, vmax=1, aspect="auto")
            axes.set_title(f"Head {number}")
            axes.set_xticks(range(len(SOURCE)), _visible(SOURCE), fontsize=6)
            axes.set_yticks(range(len(written)), _visible(written), fontsize=6)
        figure.savefig(path, dpi=120, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return path


def look(
    model: keras.Model, vocabulary: Vocabulary, source: str
) -> tuple[str, NDArray[np.float32]]:
    """What a model writes for a source, and where it looks: scores (N, T, S) of its last block."""
    num_blocks = sum(layer.name.startswith("decoder_") for layer in model.layers)
    num_blocks -= any(layer.name == "decoder_norm" for layer in model.layers)
    below = f"decoder_{num_blocks - 1}" if num_blocks > 1 else "target_dropout"
    # before the transducer, which calls the layers once more
    parts = [model.get_layer(name).output for name in (below, MEMORY)]
    lower = keras.Model(model.inputs, parts)
    tokens = vocabulary.encode([source], len(source))
    found: Any = Transducer(model, _MAX_LENGTH).greedy(tokens)[0]
    text = vocabulary.decode(np.asarray(found))[0]
    written = np.concatenate([[[START_ID]], vocabulary.encode([text], len(text))], axis=1)
    inputs, memory = lower([tokens, written[:, :-1].astype(np.int32)])
    block = model.get_layer(f"decoder_{num_blocks}")
    _, scores = block(inputs, memory, return_attention_scores=True)
    return text, np.asarray(scores)[0]


def _visible(text: str) -> list[str]:
    return ["␣" if character == " " else character for character in text]
