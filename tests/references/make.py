"""Write the references anew: `python -m tests.references.make`, with the extra `parity`.

Each file holds what `transformers` answers to the inputs of `tests.references.cases`, and the
digest of the weights that it was asked with. It runs in a process of its own: torch and TensorFlow
do not always bear each other in one.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.references import cases, transformers_answers


def main() -> None:
    """Write one file for each case, or one for a folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, help="a folder")
    parser.add_argument("--model", type=Path, help="a folder: asked instead of the cases")
    given = parser.parse_args()
    if given.model is not None:
        _save(given.into / "model.npz", answers(given.model))
        return
    for name, write in cases.ALL.items():
        with tempfile.TemporaryDirectory() as parent:
            folder = write(Path(parent) / name)
            digest = np.array(cases.digest(folder))
            _save(given.into / f"{name}.npz", {"digest": digest, **answers(folder)})


def answers(folder: Path) -> dict[str, NDArray[Any]]:
    """The vectors of `cases.inputs`: `texts`, and of a dual encoder `images`."""
    texts, images = cases.inputs(folder)
    if images is None:
        return {"texts": transformers_answers.sentences(folder, texts)}
    return {
        "texts": transformers_answers.texts(folder, texts),
        "images": transformers_answers.images(folder, images),
    }


def _save(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    np.savez_compressed(path, allow_pickle=False, **arrays)
    print(path.name, {name: rows.shape for name, rows in arrays.items() if rows.ndim})


if __name__ == "__main__":
    main()
