"""Images and texts → one space, in which a drawing lies near what may be said of it.

Each batch holds concepts: for each, its drawing by every vendor that is learnt from, its name, and
one of its captions. All drawings of a concept are positives of its name and of every caption in the
batch that is true of it; besides, drawings and texts are told from all concepts there are. So the
vendors' drawings of a concept, and what is said of it, all come to lie about one vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.manifest import Embeddings, ImageInput, TextInput
from training import catalogue
from training.data import pipeline
from training.data.augmentation import Augmentation
from training.datasets._captioned import CaptionedDataset
from training.emoji_clip import initialization
from training.emoji_clip.captions import Captions, words
from training.emoji_clip.retrieval import Encoder, Retrieval, Vectors
from training.errors import DatasetError
from training.exporting import goldens, signatures
from training.objectives.losses import Contrastive
from training.objectives.metrics import RetrievalRecall
from training.recipe import Recipe
from training.tasks import Answer, Served, Serving
from training.text.byte_pairs import BytePairs

LOGITS: Final = ("pairs", "images", "texts")
"""What the architecture gives: drawings against texts, drawings and texts against concepts."""

EXAMPLES: Final = (
    "sad cat",
    "something to eat at the beach",
    "vehicle that flies",
    "red heart",
    "",
    "a blue bird on a snow-covered mountain, waiting for the first train of the morning",
)
"""Texts of our own, which drive the texts' encoder: an export's goldens."""

PROMPT_TEMPLATE: Final = "{}"
"""What is said of a drawing by a label: the label alone, as the captions that are learnt from."""


class Embedding:
    """A run that learns to bring a data set's drawings and their captions together.

    Args:
        recipe: names an architecture as `architectures.clip`.
        dataset: the drawings.
        held_out: the vendor whose drawings are never learnt from and are tested with; None to learn
            from all, and to test texts alone.
        vocabulary_size: tokens of the tokenizer at most.
        max_length: tokens of a text at most.
        num_captions: that are drawn for each concept.
        temperature: τ of the export, at which shares of a softmax over names are as sure as they
            are right on drawings never learnt from; None for the learnt one, which is of pairs
            that were.
    """

    def __init__(
        self,
        recipe: Recipe,
        dataset: CaptionedDataset,
        *,
        held_out: str | None = None,
        vocabulary_size: int = 4000,
        max_length: int = 32,
        num_captions: int = 24,
        temperature: float | None = None,
    ) -> None:
        if held_out is not None and held_out not in dataset.vendors:
            raise DatasetError(
                f"held_out must be one of {', '.join(dataset.vendors)}; got {held_out!r}"
            )
        self.recipe = recipe
        self.dataset = dataset
        self.held_out = held_out
        self.temperature = temperature
        self.vendors = tuple(vendor for vendor in dataset.vendors if vendor != held_out)
        self.pieces = BytePairs.learn(words(dataset.concepts), vocabulary_size, max_length)
        self.captions = Captions.draw(
            dataset.concepts, self.pieces, count=num_captions, seed=recipe.seed
        )
        tested = held_out or self.vendors[0]
        seen = dataset.drawings(self.vendors, dataset.drawn_by_any(self.vendors))
        unseen = dataset.drawings((tested,), dataset.test)
        self.retrieval = Retrieval(dataset, tested, self.pieces)
        self.train, self.validation = pipeline.training_and_validation(seen, unseen, recipe)
        self.augmentation = Augmentation(**recipe.group("augmentation"))  # type: ignore[arg-type] # checked when overridden
        self._begun: list[NDArray[np.float32]] | None = None

    @property
    def steps(self) -> int:
        """Batches of one epoch."""
        return pipeline.steps_of(self.train, self.recipe.batch_size)

    def build(self) -> keras.Model:
        """The recipe's architecture, all concepts told apart; it begins at what needs no steps.

        Its weights come from `encoder_beginnings`: the drawings' discriminants and the captions'
        latent semantics.
        """
        build = catalogue.get("architecture", self.recipe.architecture)
        model: keras.Model = build(
            self.dataset.image_shape,
            len(self.pieces),
            len(self.dataset.concepts),
            **self.recipe.arguments,
        )
        if self._begun is None:
            images, drawn = self.train
            initialization.begin(
                model, self.dataset.concepts, self.pieces, (images, drawn), self._changed
            )
            self._begun = model.get_weights()
        model.set_weights(self._begun)  # the export's model is another of the same
        return model

    def training_batches(self, epoch: pipeline.Epoch) -> tf.data.Dataset:
        """Batches of B concepts, drawn by V vendors: (inputs, positives).

        The inputs are `images` float32 (B·V, H, W, 3), changed at random, and `tokens` int32
        (2·B, T), names before captions; the positives are float32, by the logits that they are of:
        `pairs` (B·V, 2·B), `images` (B·V, K) and `texts` (2·B, K).
        """
        return pipeline.training_batches(
            self.train,
            self._augmented,
            batch_size=self.recipe.batch_size,
            seed=self.recipe.seed,
            epoch=epoch,
        )

    def validation_batches(self) -> tf.data.Dataset:
        """The same of the validation's drawings, not changed, with their first captions."""
        return pipeline.evaluation_batches(self.validation, self._plain)

    def loss(self) -> dict[str, keras.losses.Loss]:
        """The contrastive loss with several positives, of each of the logits; they add up."""
        return {name: Contrastive() for name in LOGITS}

    def metrics(self) -> dict[str, list[keras.metrics.Metric]]:
        """`recall_at_1`, 0–1: of drawings among a batch's texts, of both among all concepts."""
        return {name: [RetrievalRecall(1)] for name in LOGITS}

    def evaluate(self, model: keras.Model, folder: Path) -> dict[str, float]:
        """R@1, R@5 and R@10 of retrieval, as `training.emoji_clip.retrieval` describes it.

        The five drawings nearest to each name are written to `retrieved.tsv`.
        """
        encoders = (
            _encoder(model.get_layer("image_encoder")),
            _encoder(model.get_layer("text_encoder")),
        )
        lines = ("\t".join(row) + "\n" for row in self.retrieval.nearest(*encoders))
        (folder / "retrieved.tsv").write_text("".join(lines), encoding="utf-8")
        return self.retrieval.measure(*encoders, unseen=self.held_out is not None)

    def remeasure(self, answers: Mapping[str, Answer]) -> dict[str, float]:
        """The same by an export's `embed_image` and `embed_text`."""
        return self.retrieval.measure(
            lambda images: answers["embed_image"](images=images)["embeddings"],
            lambda tokens: answers["embed_text"](tokens=tokens)["embeddings"],
            unseen=self.held_out is not None,
        )

    def serving(self, model: keras.Model) -> Serving:
        """Two signatures: `embed_image` of pixels, and `embed_text` of the tokenizer's tokens."""
        height, width, channels = self.dataset.image_shape
        image = ImageInput.model_validate(
            {
                "height": height,
                "width": width,
                "channels": channels,
                "fit": self.recipe.fit,
                "resample": self.recipe.resample,
                "padding": 255,  # white, as the drawings' ground
            }
        )
        images, texts = model.get_layer("image_encoder"), model.get_layer("text_encoder")
        made, said = goldens.made(height, width, channels), self.pieces.encode(EXAMPLES)
        text = TextInput(max_length=self.pieces.max_length)
        width_of = texts.output_shape[-1]
        return Serving(
            signatures={
                "embed_text": Served(
                    signatures.embed_text(texts),
                    signatures.embed_text_promise(text, width_of),
                    {"tokens": said},
                ),
                "embed_image": Served(
                    signatures.embed_image(images, image),
                    signatures.embed_image_promise(image, width_of),
                    {"images": made},
                ),
            },
            image=image,
            text=text,
            embeddings=Embeddings(
                temperature=self.temperature or float(1 / model.get_layer("similarity").scale),
                prompt_template=PROMPT_TEMPLATE,
            ),
            tokenizer=self.pieces.json,
        )

    def _augmented(self, images: tf.Tensor, concepts: tf.Tensor, seed: tf.Tensor) -> Any:
        seeds = tf.unstack(tf.random.split(seed, 2))
        inputs, positives = self._said(images, concepts, self._chosen(concepts, seeds[0]))
        return {**inputs, "images": self._changed(inputs["images"], seeds[1])}, positives

    def _changed(self, pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Drawings float32 (B, H, W, 3) augmented, which takes bright ink on black."""
        return 255.0 - self.augmentation(255.0 - pixels, seed)

    def _plain(self, images: tf.Tensor, concepts: tf.Tensor) -> Any:
        return self._said(images, concepts, tf.zeros_like(concepts))

    def _chosen(self, concepts: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        most = self.captions.tokens.shape[1]
        shape = tf.shape(concepts)
        return tf.random.stateless_uniform(shape, seed, 0, most, concepts.dtype)

    def _said(self, images: tf.Tensor, concepts: tf.Tensor, chosen: tf.Tensor) -> Any:
        """Drawings (B, V, H, W, 3) of concepts (B,) with their chosen captions (B,): a batch."""
        said, vendors = self.captions, images.shape[1]
        where = tf.stack([concepts, chosen], axis=1)
        captions = tf.gather_nd(tf.constant(said.tokens), where)  # (B, T)
        tokens = tf.concat([tf.gather(tf.constant(said.names), concepts), captions], axis=0)
        longest = tf.reduce_max(tf.reduce_sum(tf.cast(tokens != 0, tf.int32), axis=1))
        terms = tf.gather_nd(tf.constant(said.terms), where)  # (B, 4)
        # true of every concept that has all terms: (B, K)
        true = tf.reduce_all(tf.gather(tf.constant(said.holds.T), terms), axis=1)
        count = len(self.dataset.concepts)
        texts = tf.concat([tf.one_hot(concepts, count), tf.cast(true, tf.float32)], axis=0)
        rows = tf.repeat(concepts, vendors)  # (B·V,)
        positives = {
            "pairs": tf.gather(tf.transpose(texts), rows),
            "images": tf.one_hot(rows, count),
            "texts": texts,
        }
        pixels = tf.reshape(tf.cast(images, tf.float32), [-1, *self.dataset.image_shape])
        return {"images": pixels, "tokens": tokens[:, :longest]}, positives


def _encoder(model: keras.Model) -> Encoder:
    """What a model makes of arrays of any number of rows."""

    def encode(rows: NDArray[Any]) -> Vectors:
        floats = rows.dtype == np.uint8  # pixels; tokens stay integers

        def prepare(batch: tf.Tensor) -> tuple[tf.Tensor]:
            return (tf.cast(batch, tf.float32) if floats else batch,)

        vectors: Vectors = model.predict(pipeline.evaluation_batches((rows,), prepare), verbose=0)
        return vectors

    return encode


TASK: Final = Embedding
