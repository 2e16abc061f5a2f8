"""One text → another, character by character: cross-entropy, exact match, the search in the graph.

The decoder learns on the right beginnings (teacher forcing): behind START and the first t
characters of the target, it is to say the next one, or END.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.manifest import Signature, TensorSpec
from training import catalogue
from training.data import pipeline
from training.datasets._pairs import PairDataset, Pairs
from training.exporting.export import Function
from training.recipe import Recipe
from training.tasks import Answer, Served, Serving
from training.text.transducer import Transducer
from training.text.vocabulary import END_ID, PADDING_ID, START_ID, Vocabulary

Search = Any
"""A method of `Transducer`: source tokens (B, S) → (target tokens, their log-probabilities)."""


class Transduction:
    """A run that learns to turn a data set's sources into its targets.

    Args:
        recipe: names an architecture as `architectures.transformer`.
        dataset: the pairs.
        num_beams: of the beam search.
        length_penalty: α of the beam search.
    """

    def __init__(
        self,
        recipe: Recipe,
        dataset: PairDataset,
        *,
        num_beams: int = 4,
        length_penalty: float = 0.6,
    ) -> None:
        self.recipe = recipe
        self.dataset = dataset
        self.num_beams = num_beams
        self.length_penalty = length_penalty
        self.max_length = dataset.target_length + 1  # END behind
        train, test = self._encoded(dataset.train), self._encoded(dataset.test)
        self.train, self.validation = pipeline.training_and_validation(train, test, recipe)

    @property
    def steps(self) -> int:
        """Batches of one epoch."""
        return pipeline.steps_of(self.train, self.recipe.batch_size)

    def build(self) -> keras.Model:
        """The recipe's architecture for the data set's vocabulary."""
        build = catalogue.get("architecture", self.recipe.architecture)
        return build(len(self.dataset.vocabulary), **self.recipe.arguments)

    def training_batches(self, epoch: pipeline.Epoch) -> tf.data.Dataset:
        """Batches of ((source int32 (B, S), target (B, T)), next tokens (B, T, V), weights (B, T)).

        The next tokens are one-hot; their weights are 0 at padding, else 1.
        """
        return pipeline.training_batches(
            self.train,
            lambda sources, targets, seed: self._taught(sources, targets),
            batch_size=self.recipe.batch_size,
            seed=self.recipe.seed,
            epoch=epoch,
        )

    def validation_batches(self) -> tf.data.Dataset:
        """The same of the validation pairs."""
        return pipeline.evaluation_batches(self.validation, self._taught)

    def loss(self) -> keras.losses.Loss:
        """Cross-entropy of each next token, nats; targets smoothed as the recipe says."""
        return keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=self.recipe.label_smoothing
        )

    def metrics(self) -> list[keras.metrics.Metric]:
        """`accuracy`, 0–1, of single tokens behind the right beginning."""
        return [keras.metrics.CategoricalAccuracy(name="accuracy")]

    def evaluate(self, model: keras.Model, folder: Path) -> dict[str, float]:
        """The shares of test sources turned into exactly their targets, by either search.

        What went wrong is written to `mistakes.tsv`: source, target, greedy, beam.
        """
        sources, targets = self.dataset.test.sources, self.dataset.test.targets
        transducer = Transducer(model, self.max_length)
        greedy = self._searched(transducer.greedy)
        beam = self._searched(lambda tokens: self._best(transducer, tokens))
        rows = [
            row for row in zip(sources, targets, greedy, beam, strict=True) if len({*row[1:]}) > 1
        ]
        text = "".join(
            "\t".join(row) + "\n" for row in [("source", "target", "greedy", "beam"), *rows]
        )
        (folder / "mistakes.tsv").write_text(text, encoding="utf-8")
        return {
            "test_exact_match": exact_match(greedy, targets),
            "test_exact_match_beam": exact_match(beam, targets),
        }

    def remeasure(self, answers: Mapping[str, Answer]) -> dict[str, float]:
        """The same shares by an export's `transduce` and `transduce_beam`."""
        test = self.dataset.test
        source = code_points(test.sources, self.dataset.source_length)
        greedy = answers["transduce"](source=source)["target"]
        beam = answers["transduce_beam"](source=source)["target"][:, 0]
        return {
            "test_exact_match": exact_match(texts(greedy), test.targets),
            "test_exact_match_beam": exact_match(texts(beam), test.targets),
        }

    def serving(self, model: keras.Model) -> Serving:
        """Two signatures of characters as code points: greedy `transduce`, and `transduce_beam`."""
        transducer, vocabulary = Transducer(model, self.max_length), self.dataset.vocabulary
        examples = self.dataset.examples
        inputs = {"source": code_points(examples, max(map(len, examples)))}

        def beam(tokens: tf.Tensor) -> Any:
            return transducer.beam(
                tokens, num_beams=self.num_beams, length_penalty=self.length_penalty
            )

        greedy_shape = (None, self.max_length)
        beam_shape = (None, self.num_beams, self.max_length)
        return Serving(
            signatures={
                "transduce": Served(
                    transduce(transducer.greedy, vocabulary), _promise(greedy_shape), inputs
                ),
                "transduce_beam": Served(transduce(beam, vocabulary), _promise(beam_shape), inputs),
            }
        )

    def _encoded(self, pairs: Pairs) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Sources int32 (N, S) and targets (N, T), these with END behind."""
        encode = self.dataset.vocabulary.encode
        targets = encode(pairs.targets, self.max_length)
        targets[np.arange(len(targets)), [len(text) for text in pairs.targets]] = END_ID
        return encode(pairs.sources, self.dataset.source_length), targets

    def _taught(self, sources: tf.Tensor, targets: tf.Tensor) -> Any:
        starts = tf.fill([tf.shape(targets)[0], 1], START_ID)
        before = tf.concat([starts, targets[:, :-1]], axis=1)
        before = tf.where(before == END_ID, PADDING_ID, before)
        weights = tf.cast(targets != PADDING_ID, tf.float32)
        return (sources, before), tf.one_hot(targets, len(self.dataset.vocabulary)), weights

    def _best(self, transducer: Transducer, tokens: tf.Tensor) -> tuple[Any, Any]:
        beams, scores = transducer.beam(
            tokens, num_beams=self.num_beams, length_penalty=self.length_penalty
        )
        return beams[:, 0], scores[:, 0]

    def _searched(self, search: Search) -> list[str]:
        """What a search makes of the test sources."""
        sources, _ = self._encoded(self.dataset.test)
        found = tf.function(lambda tokens: search(tokens)[0])
        batches = tf.data.Dataset.from_tensor_slices(sources).batch(pipeline.EVALUATION_BATCH_SIZE)
        tokens = np.concatenate([found(batch).numpy() for batch in batches])
        return self.dataset.vocabulary.decode(tokens)


def exact_match(found: list[str], targets: tuple[str, ...]) -> float:
    """The share of texts that are their targets, 0–1."""
    pairs = zip(found, targets, strict=True)
    return round(float(np.mean([text == target for text, target in pairs])), 6)


def code_points(texts: tuple[str, ...], length: int) -> NDArray[np.int32]:
    """Texts as Unicode code points int32 (N, length), zeros behind."""
    return np.array([[ord(each) for each in text.ljust(length, "\0")] for text in texts], np.int32)


def texts(code_points: NDArray[np.int32]) -> list[str]:
    """Unicode code points int32 (N, L), zeros behind, as texts."""
    return ["".join(map(chr, row)).rstrip("\0") for row in code_points.tolist()]


def transduce(search: Search, vocabulary: Vocabulary) -> Function:
    """A signature that searches: `source` int32 (B, S) → `target` and `log_probability`.

    Both sides are Unicode code points with zeros behind, whatever the vocabulary: in Python,
    `[ord(character) for character in text]`. A character never seen in training is unknown, as
    every other such.
    """
    tokens_of, points_of = vocabulary.tokens_by_code_point(), vocabulary.code_points()

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, name="source")])
    def function(source: tf.Tensor) -> dict[str, tf.Tensor]:
        known = tf.clip_by_value(source, 0, len(tokens_of) - 1)  # the last is unknown
        tokens, log_probability = search(tf.gather(tokens_of, known))
        return {"target": tf.gather(points_of, tokens), "log_probability": log_probability}

    return function  # type: ignore[no-any-return] # TensorFlow ships no types


def _promise(shape: tuple[int | None, ...]) -> Signature:
    return Signature(
        task="infer",
        inputs={"source": TensorSpec(dtype="int32", shape=(None, None))},
        outputs={
            "target": TensorSpec(dtype="int32", shape=shape),
            "log_probability": TensorSpec(dtype="float32", shape=shape[:-1]),
        },
    )


TASK: Final = Transduction
