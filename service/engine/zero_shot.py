"""Classifies pictures by labels that nobody trained for: by the vectors of what they say."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import orjson

from service.engine.classify import Prediction, top
from service.engine.embed import both, speaking_of
from service.engine.engine import Engine
from service.engine.similarity import Rows, cosines, probabilities
from service.errors import InvalidInput, UnsupportedTask
from service.repository.lease import Lease

_MOST_NUMBERS: Final = 4_000_000
"""Of label vectors that are remembered, 16 MB."""

_Key = tuple[str, int, float | None, bytes]
"""A model's name, version and the time it was loaded, and a digest of what it was asked."""


class ZeroShot:
    """Classifies by the caller's labels; remembers the vectors of those it was asked lately.

    Its methods are called on one event loop.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._vectors: OrderedDict[_Key, Rows] = OrderedDict()
        self._numbers = 0

    async def classify(
        self,
        lease: Lease,
        files: Sequence[bytes],
        labels: Sequence[str],
        *,
        template: str | None = None,
        top_k: int | None = None,
    ) -> list[list[Prediction]]:
        """The best labels of each picture file by a leased dual encoder, scores descending.

        What is said of a picture is `template` with the label in place of `{}`, the model's own
        when left out. Scores are the softmax of cosine / τ over the labels, τ the model's.

        Raises:
            ServiceError: one of `service.errors`; `param` says which picture or label it is about.
        """
        temperature, template = _promises(lease, template)
        count = self._engine.top_k(top_k)
        for index, label in enumerate(labels):
            if not label.strip():
                name = f"candidate_labels[{index}]"
                raise InvalidInput(f"{name}: the label is empty", param=name)
        said, seen = await both(
            self._said(lease, [template.replace("{}", label) for label in labels]),
            self._seen(lease, files),
        )
        scores = probabilities(cosines(seen, said), temperature)
        return [top(row, labels, count) for row in scores]

    async def _said(self, lease: Lease, texts: list[str]) -> Rows:
        """The vectors of what labels say, made once."""
        model = lease.model
        asked = hashlib.sha256(orjson.dumps([_sound(text) for text in texts])).digest()
        key = (model.export.name, model.export.version, model.ready_at, asked)
        if key in self._vectors:
            self._vectors.move_to_end(key)
            return self._vectors[key]
        with speaking_of("candidate_labels"):
            try:
                rows = (await self._engine.embed(lease, texts)).rows
            except InvalidInput as error:
                # Labels are never cut: two might become the same.
                message, _, _ = error.message.partition(", or send")
                raise InvalidInput(message, param=error.param) from None
        self._remember(key, rows)
        return rows

    async def _seen(self, lease: Lease, files: Sequence[bytes]) -> Rows:
        with speaking_of("images"):
            return (await self._engine.embed(lease, files)).rows

    def _remember(self, key: _Key, rows: Rows) -> None:
        if key not in self._vectors:
            self._vectors[key] = rows
            self._numbers += rows.size
        while self._numbers > _MOST_NUMBERS:
            self._numbers -= self._vectors.popitem(last=False)[1].size


def _sound(text: str) -> str:
    """Text that JSON can hold; what is no Unicode is refused by whoever reads it."""
    return text.encode("utf-8", "backslashreplace").decode()


def _promises(lease: Lease, template: str | None) -> tuple[float, str]:
    """The model's temperature, and what is to be said of a picture."""
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
