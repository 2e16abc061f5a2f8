"""Zero-shot classification: images by any labels, through the embeddings of both."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import orjson

from service.engine.classify import check_top_k
from service.engine.concurrency import both
from service.engine.embed import embed
from service.engine.engine import Engine
from service.engine.inputs import Inputs
from service.engine.predictions import Prediction, top
from service.engine.vectors import Rows, cosines, probabilities
from service.errors import InvalidInput, UnsupportedTask
from service.repository.lease import Lease

_MOST_NUMBERS: Final = 4_000_000
"""Of label embeddings that are cached, 16 MB."""

_Key = tuple[str, int, float | None, bytes]
"""A model's name, version and the time it was loaded, and a digest of what it was asked."""


class ZeroShot:
    """Classifies by the caller's labels; caches the embeddings of recent ones.

    Its methods are called on one event loop.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._vectors: OrderedDict[_Key, Rows] = OrderedDict()
        self._numbers = 0

    async def classify(
        self,
        lease: Lease,
        images: Inputs,
        labels: Sequence[str],
        *,
        template: str | None = None,
        top_k: int | None = None,
    ) -> list[list[Prediction]]:
        """The best labels of each image file by a leased dual encoder, scores descending.

        The text of a label is `template` with the label in place of `{}`; left out, the model's
        own template. Scores are the softmax of cosine / τ over the labels, τ the model's.

        Raises:
            ServiceError: one of `service.errors`; `param` says which image or label it is about.
        """
        temperature, template = _temperature_and_template(lease, template)
        count = check_top_k(top_k, self._engine.settings)
        for index, label in enumerate(labels):
            if not label.strip():
                name = f"candidate_labels[{index}]"
                raise InvalidInput(f"{name}: the label is empty", param=name)
        of_labels, of_images = await both(
            self._embed_labels(lease, [template.replace("{}", label) for label in labels]),
            embed(self._engine, lease, images),
        )
        scores = probabilities(cosines(of_images.rows, of_labels), temperature)
        return [top(row, labels, count) for row in scores]

    async def _embed_labels(self, lease: Lease, texts: list[str]) -> Rows:
        """The embeddings of the texts of labels, remembered."""
        model = lease.model
        digest = hashlib.sha256(orjson.dumps([_as_unicode(text) for text in texts])).digest()
        key = (model.export.name, model.export.version, model.ready_at, digest)
        if key in self._vectors:
            self._vectors.move_to_end(key)
            return self._vectors[key]
        # Labels are never truncated: two might become the same.
        inputs = Inputs(texts, "candidate_labels", may_truncate=False)
        rows = (await embed(self._engine, lease, inputs)).rows
        self._remember(key, rows)
        return rows

    def _remember(self, key: _Key, rows: Rows) -> None:
        if key not in self._vectors:
            self._vectors[key] = rows
            self._numbers += rows.size
        while self._numbers > _MOST_NUMBERS:
            self._numbers -= self._vectors.popitem(last=False)[1].size


def _as_unicode(text: str) -> str:
    """Text that JSON can hold; the tokenizer refuses what is no Unicode."""
    return text.encode("utf-8", "backslashreplace").decode()


def _temperature_and_template(lease: Lease, template: str | None) -> tuple[float, str]:
    """The model's temperature, and the template of a label's text."""
    manifest, name = lease.manifest, f"'{lease.model.export.name}'"
    promise = manifest.embeddings
    if promise is None or manifest.encoders.keys() != {"text", "image"}:
        does = " and ".join(f"{each}s" for each in manifest.encoders)
        raise UnsupportedTask(
            f"candidate_labels take a model that embeds texts and images; {name} "
            + (f"embeds {does}" if does else f"does: {', '.join(manifest.tasks)}"),
            param="model",
        )
    if promise.temperature is None:
        raise UnsupportedTask(
            f"the manifest of {name} has no embeddings.temperature, by which cosines become "
            "probabilities: ask /v1/similarity for the cosines",
            param="model",
        )
    return promise.temperature, promise.prompt_template if template is None else template
