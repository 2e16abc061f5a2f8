"""Texts to rows: which share a run, what they are padded with, and that shapes are few."""

from __future__ import annotations

import numpy as np
import pytest

from service.batching.images import Row
from service.batching.texts import TextBatches
from service.errors import InferenceFailed
from service.manifest import Signature, TensorSpec, TextInput
from service.runtimes import Tensors

TEXT = TextInput(max_length=256, padding=9)
TOKENS = TEXT.tensors
VECTORS = {"embeddings": TensorSpec(dtype="float32", shape=(None, 2))}
MASKED = Signature(task="embed", inputs=TOKENS | {"mask": TOKENS["tokens"]}, outputs=VECTORS)
UNMASKED = Signature(task="embed", inputs=TOKENS, outputs=VECTORS)


class Recorder:
    """A signature that answers the sum and the number of each text's tokens, and keeps its runs."""

    def __init__(self) -> None:
        self.runs: list[tuple[int, int]] = []
        self.inputs: Tensors = {}

    def __call__(self, inputs: Tensors) -> Tensors:
        self.inputs = inputs
        tokens = inputs["tokens"]
        mask = inputs.get("mask", tokens != 9)
        self.runs.append(tokens.shape)
        sums = np.stack([(tokens * mask).sum(axis=1), mask.sum(axis=1)], axis=1)
        return {"embeddings": sums.astype(np.float32)}


def _text(length: int, token: int = 1) -> np.ndarray:
    return np.full(length, token, np.int32)


def _rows(answers: list[Row | Exception]) -> list[list[float]]:
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    return [np.asarray(answer).tolist() for answer in answers]


@pytest.mark.parametrize("signature", [MASKED, UNMASKED])
def test_each_text_gets_its_own_answer_whatever_it_runs_with(signature: Signature) -> None:
    lengths = np.random.default_rng(5).integers(1, 257, 32)
    batches = TextBatches(Recorder(), signature, TEXT, 32)
    answers = batches([_text(length, token) for token, length in enumerate(lengths, start=10)])
    expected = [[token * length, length] for token, length in enumerate(lengths, start=10)]
    assert _rows(answers) == expected


def test_small_shapes_are_warmed_and_no_run_is_large() -> None:
    function = Recorder()
    batches = TextBatches(function, MASKED, TEXT, 32)
    batches.warm()
    warmed = set(function.runs)
    assert sum(size * length for size, length in warmed) < 12_000, "it would take seconds"
    random = np.random.default_rng(6)
    for _ in range(200):
        lengths = random.choice([3, 9, 20, 60, 256], random.integers(1, 33))
        batches([_text(length) for length in lengths])
    shapes = set(function.runs)
    assert max(size * length for size, length in shapes) <= 640
    assert {each for each in shapes if each[0] * each[1] <= 128} <= warmed
    assert (1, 256) in warmed


def test_a_long_text_runs_by_itself() -> None:
    function = Recorder()
    TextBatches(function, MASKED, TEXT, 32)([_text(7)] * 20 + [_text(250)] + [_text(8)] * 11)
    assert sorted(function.runs) == [(1, 256), (32, 8)]


def test_a_little_padding_is_cheaper_than_another_run() -> None:
    function = Recorder()
    TextBatches(function, MASKED, TEXT, 32)([_text(8), _text(16), _text(12)])
    assert function.runs == [(3, 16)]


def test_a_batch_is_split_where_padding_it_costs_more_than_a_run() -> None:
    function = Recorder()
    batches = TextBatches(function, MASKED, TEXT, 32)
    batches([_text(17)] * 25)
    assert function.runs == [(24, 18), (1, 18)]
    function.runs.clear()
    batches([_text(8)] * 9)
    assert function.runs == [(12, 8)], "three rows of eight cost as much as a run"


def test_padding_is_the_manifests_and_masked() -> None:
    function = Recorder()
    TextBatches(function, MASKED, TEXT, 32)([_text(8), _text(3), _text(2), _text(4), _text(8)])
    tokens, mask = function.inputs["tokens"], function.inputs["mask"]
    assert tokens.shape == mask.shape == (6, 8)
    assert {tokens.dtype, mask.dtype} == {np.dtype(np.int32)}
    assert (tokens[mask == 0] == 9).all()
    assert mask.sum(axis=1).min() == 1, "a row of padding alone has no mean"


def test_vectors_that_are_not_numbers_are_an_error_of_their_row() -> None:
    def function(inputs: Tensors) -> Tensors:
        first = inputs["tokens"][:, :1].astype(np.float32)
        return {"embeddings": np.where(first > 5, np.nan, first).repeat(2, axis=1)}

    good, bad = TextBatches(function, MASKED, TEXT, 2)([_text(4, 2), _text(4, 7)])
    assert np.asarray(good).tolist() == [2, 2]
    assert isinstance(bad, InferenceFailed)
