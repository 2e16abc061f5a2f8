"""Retrieval is measured among what all drew, and words learnt with others do not count against."""

from __future__ import annotations

import numpy as np
import pytest

from training.datasets._captioned import CaptionedDataset, Concept
from training.emoji_clip.retrieval import Retrieval, Vectors
from training.text.byte_pairs import BytePairs

CONCEPTS = (
    Concept("sun", ("hot",), (), "day"),
    Concept("moon", ("cold",), (), "night"),
    Concept("stars", ("night",), ()),
    Concept("undrawn", (), (), "day"),
)


@pytest.fixture(scope="module")
def retrieval() -> Retrieval:
    images = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1) * np.ones((4, 2, 2, 3), np.uint8)
    drawn = np.array([True, True, True, False])
    dataset = CaptionedDataset(CONCEPTS, {"x": images, "y": images}, {"x": drawn, "y": ~~drawn})
    return Retrieval(dataset, "y", BytePairs.learn([concept.name for concept in CONCEPTS], 300, 8))


def _images(images: np.ndarray) -> Vectors:
    """Each image its own axis, by its grey."""
    vectors: Vectors = np.eye(3, dtype=np.float32)[images[:, 0, 0, 0]]
    return vectors


def _texts(rows: dict[str, list[float]], retrieval: Retrieval) -> Vectors:
    return np.array([rows[concept.name] for concept in retrieval.concepts], np.float32)


def test_each_way_is_measured_by_hand(retrieval: Retrieval) -> None:
    names: dict[str, list[float]] = {
        "sun": [1, 0, 0],
        "moon": [0, 0.5, 0.9],
        "stars": [0, 0.8, 0.6],
    }

    def embed_text(tokens: np.ndarray) -> Vectors:
        if len(tokens) == 3:
            return _texts(names, retrieval)
        return np.array([[0.9, 1, 0.1], [0.2, 0.5, 1]], np.float32)  # "day" and "night"

    measures = retrieval.measure(_images, embed_text, unseen=True)
    assert measures["test_name_to_image_recall_at_1"] == pytest.approx(1 / 3, abs=1e-6)
    assert measures["test_image_to_name_recall_at_1"] == pytest.approx(1 / 3, abs=1e-6)
    assert measures["test_image_to_name_recall_at_5"] == 1
    # "day" finds the moon before the sun; the stars, learnt with "night", are no mistake
    assert measures["test_keyword_to_image_recall_at_1"] == 0.5
    assert len(measures) == 9
    assert retrieval.nearest(_images, embed_text, 2)[1] == ["moon", "stars", "moon"]


def test_names_of_what_was_learnt_prove_nothing(retrieval: Retrieval) -> None:
    def embed_text(tokens: np.ndarray) -> Vectors:
        return np.eye(3, dtype=np.float32)[: len(tokens)]

    measures = retrieval.measure(_images, embed_text, unseen=False)
    assert {name.rpartition("_recall")[0] for name in measures} == {"test_keyword_to_image"}
