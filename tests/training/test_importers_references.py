"""Imported models answer what `transformers` answered: its answers are kept in tests/references.

Texts come in mixtures of short and long ones with their padding. How the references were made, and
how they are made anew: `python -m tests.references.make`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tests.references import cases
from training.importers import Imported, Source, bert, clip
from training.importers._folder import ModelFolder

REFERENCES = Path(cases.__file__).parent
LEAST_COSINE = 0.99999


def imported(folder: Path) -> Imported:
    """What the importer of a folder's kind makes of it."""
    files = ModelFolder(folder, folder.name)
    read = clip.read if files.model_type == "clip" else bert.read
    return read(Source(name="it", folder=files))


def vectors(model: Imported, signature: str, inputs: cases.Inputs) -> NDArray[np.float32]:
    """What a signature's graph answers."""
    served = model.serving.signatures[signature]
    known = {name: tf.constant(inputs[name]) for name in served.promise.inputs}
    return np.asarray(served.function(**known)["embeddings"])


def check(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> None:
    """Compare directions by the cosine, and lengths, which the cosine does not see."""
    assert ours.shape == theirs.shape
    assert cases.cosines(ours, theirs).min() >= LEAST_COSINE
    np.testing.assert_allclose(ours, theirs, atol=2e-5 * np.abs(theirs).max() + 1e-5)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Imported, Any, Any]]:
    """Each case's import with its references and their inputs."""
    parent, found = tmp_path_factory.mktemp("folders"), {}
    for name, write in cases.ALL.items():
        folder = write(parent / name)
        with np.load(REFERENCES / f"{name}.npz") as file:
            references = dict(file)
        assert str(references["digest"]) == cases.digest(folder), "the references are of other data"
        found[name] = imported(folder), references, cases.inputs(folder)
    return found


@pytest.mark.parametrize("name", cases.ALL)
def test_texts(known: Any, name: str) -> None:
    model, references, (inputs, _) = known[name]
    expected = references["texts"]
    check(vectors(model, "embed_text", inputs), expected)
    assert np.ptp(cases.cosines(expected[:1], expected)) > 0.05  # they do differ
    for row, length in enumerate(inputs["mask"].sum(axis=1)):  # alone, with no padding
        alone = {key: each[row : row + 1, :length] for key, each in inputs.items()}
        check(vectors(model, "embed_text", alone), expected[row : row + 1])


@pytest.mark.parametrize("name", cases.DUAL)
def test_images(known: Any, name: str) -> None:
    model, references, (_, inputs) = known[name]
    check(vectors(model, "embed_image", inputs), references["images"])
    assert np.ptp(cases.cosines(references["images"][:1], references["images"])) > 0.05
