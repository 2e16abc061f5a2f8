"""What can be asked of the models: classify pictures, embed inputs, infer on tensors."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from functools import partial
from typing import Final, TypeVar, cast

from service import runtimes
from service.batching import tensors
from service.batching.decoders import Decoders
from service.engine import embed as embedding
from service.engine.classify import Prediction, Probabilities, top
from service.engine.embed import Encoder, Input, Purpose, Vectors
from service.engine.shadow import Shadows
from service.errors import (
    InputTooLarge,
    InvalidInput,
    RequestError,
    ServiceError,
    UnsupportedTask,
)
from service.manifest import ImageInput
from service.preprocessing.image import Picture
from service.repository.deadline import before_deadline
from service.repository.lease import Lease
from service.repository.model import Model
from service.repository.repository import Repository
from service.repository.sync import ModelSync
from service.runtimes import Tensors
from service.settings import Settings

T = TypeVar("T")

_TOP_K: Final = 5


class Engine:
    """All models of the service. Its methods are called on one event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.repository = Repository(settings)
        self._sync = ModelSync(self.repository, settings)
        self._closing = False
        self._decoders = Decoders(settings.max_queue)
        self._encoder = Encoder(self._decoders, settings.max_image_pixels)
        self._shadows = Shadows(self.repository, settings.request_timeout_s)

    async def start(self) -> None:
        """Find the models and begin to load them; returns before they are ready.

        Raises:
            InvalidExport: the folder of models is not there.
            InvalidPlan: models.yaml does not say what it must.
        """
        await self._sync.start()

    async def close(self) -> None:
        """Refuse new work, finish what waits, free the models."""
        self._closing = True
        await self._sync.close()
        self._shadows.close()
        await self.repository.close()
        self._decoders.close()

    @property
    def models(self) -> list[Model]:
        """Every version known, by name, the newest first, ready or not."""
        return self.repository.models

    @property
    def is_settled(self) -> bool:
        """Whether nothing is being loaded."""
        loading = any(each.state == "loading" for each in self.models)
        return not loading and not self.repository.waits_for

    def missing(self) -> dict[str, str]:
        """The required models that are not ready, each with the reason; empty when all are."""
        if self._closing:
            return {"*": "the service is shutting down"}
        if waits_for := self.repository.waits_for:
            return {"*": waits_for}
        required, shelves = self.settings.required_models, self.repository.shelves
        if required is None and not shelves:
            return {"*": f"there are no models in {self.settings.models_shown}"}
        # One that comes later is on trial: if it is bad, the others go on getting requests.
        awaited = [each for each in shelves.values() if each.is_awaited] or list(shelves.values())
        # A model that an operator unloaded is missed only where it is required by name.
        names = [each.name for each in awaited if not each.is_closed]
        reasons = {
            name: self._why_not_ready(name) for name in (names if required is None else required)
        }
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def _why_not_ready(self, name: str) -> str | None:
        shelf = self.repository.shelves.get(name)
        if shelf is None:
            return f"not found in {self.settings.models_shown}"
        if not shelf.models:
            return "its plan in models.yaml wants none of the versions that there are"
        if shelf.is_servable and not shelf.is_closed:
            return None
        model = shelf.pick()
        return f"{model.state}: {model.reason}"

    def top_k(self, asked: int | None) -> int:
        """How many classes a picture gets where `asked` are asked for, five when left out.

        Raises:
            InvalidInput: there are none, or more than MAX_TOP_K.
        """
        most = self.settings.max_top_k
        if asked is not None and not 1 <= asked <= most:
            raise InvalidInput(f"top_k is from 1 to {most}; got {asked}", param="top_k")
        return min(_TOP_K, most) if asked is None else asked

    async def classify(
        self, lease: Lease, files: Sequence[bytes], *, top_k: int | None = None
    ) -> list[list[Prediction]]:
        """Classify picture files by a leased model.

        Each picture gets its `top_k` best classes, five when left out.

        Raises:
            ServiceError: one of `service.errors`; `param` says which picture it is about.
        """
        count = self.top_k(top_k)
        self._check_files(files)
        labels, image = lease.manifest.labels, lease.manifest.image
        signature = lease.signature_for("classify")
        if image is None or labels is None:
            raise UnsupportedTask(f"'{lease.model.export.name}' takes no pictures", param="model")
        pictures = [self._open(data, index) for index, data in enumerate(files)]
        answers = await self._in_time(self._answer(lease.model, signature, pictures, image))
        if lease.shadowed is not None:
            self._shadows.classify(lease, pictures, answers, self._answer)
        return [top(answer, labels, count) for answer in answers]

    async def embed(
        self,
        lease: Lease,
        inputs: Sequence[Input],
        *,
        dimensions: int | None = None,
        truncate: bool = False,
        purpose: Purpose | None = None,
    ) -> Vectors:
        """The vectors of texts, pictures and tokens by a leased model, cut to `dimensions`.

        With `truncate` the first tokens of a text that is too long are taken, without it that is
        an error. `purpose` is for models that are told by a prompt what a text is for.

        Raises:
            ServiceError: one of `service.errors`; `param` says which input it is about.
        """
        self._check_inputs(inputs)
        if dimensions is not None:
            embedding.check_dimensions(lease.manifest, dimensions)
        model, encoder = lease.model, self._encoder
        vectors = await self._in_time(
            encoder.embed(model, inputs, truncate=truncate, purpose=purpose)
        )
        if lease.shadowed is not None:
            again = partial(encoder.embed, inputs=inputs, truncate=truncate, purpose=purpose)
            self._shadows.embed(lease, vectors.rows, again)
        if dimensions is None:
            return vectors
        return Vectors(embedding.cut(vectors.rows, lease.manifest, dimensions), vectors.tokens)

    async def infer(
        self,
        lease: Lease,
        inputs: Tensors,
        *,
        signature: str | None = None,
        outputs: Collection[str] | None = None,
        priority: int = 0,
        timeout_s: float | None = None,
    ) -> Tensors:
        """Run a signature of a leased model on raw tensors; left out, its first.

        Of the outputs those named in `outputs` come back, in their order; left out, all. Requests
        of priority 1 go before those of 2, and so on; those of 0 go last.

        Raises:
            ServiceError: one of `service.errors`; `param` names the tensor at fault.
        """
        name = lease.signature(signature)
        spec = lease.manifest.signatures[name]
        wanted = list(spec.outputs) if outputs is None else list(outputs)
        unknown = [each for each in wanted if each not in spec.outputs]
        if unknown:
            raise InvalidInput(
                f"there is no output '{unknown[0][:100]}'; the signature '{name}' has: "
                f"{', '.join(spec.outputs)}",
                param="outputs",
            )
        runtimes.check(inputs, spec.inputs, shapes=spec.checks_shapes)
        run = _run_whole if spec.task == "infer" else self._run_rows
        answer = await self._in_time(run(lease.model, name, inputs, priority), timeout_s)
        if lease.shadowed is not None:
            self._shadows.infer(lease, name, inputs, answer, run)
        return {each: answer[each] for each in wanted}

    async def _run_rows(
        self, model: Model, signature: str, inputs: Tensors, priority: int
    ) -> Tensors:
        """Each picture or text is a row of its own, which shares its batch with those of others."""
        manifest = model.ready_manifest()
        rows = tensors.split(inputs, manifest.text)
        if len(rows) > self.settings.max_queue:
            raise InputTooLarge(
                f"the request has {len(rows)} rows; at most MAX_QUEUE={self.settings.max_queue} "
                "are taken: send them in parts"
            )
        answers = _all_good(await model.run(signature, rows, priority))
        return tensors.join(answers, manifest.signatures[signature])

    async def _answer(
        self, model: Model, signature: str, pictures: Sequence[Picture], image: ImageInput
    ) -> list[Probabilities]:
        rows = _all_good(await self._decoders.rows(pictures, image))
        return _all_good(await model.run(signature, rows))

    def _in_time(self, work: Awaitable[T], timeout_s: float | None = None) -> Awaitable[T]:
        longest_s = self.settings.request_timeout_s
        return before_deadline(min(timeout_s or longest_s, longest_s), work)

    def _check_files(self, files: Sequence[bytes]) -> None:
        limits = self.settings
        if not files:
            raise InvalidInput("the request has no picture", param="images")
        if len(files) > limits.max_images:
            raise InputTooLarge(
                f"the request has {len(files)} pictures; at most {limits.max_images} are taken",
                param="images",
            )

    def _check_inputs(self, inputs: Sequence[Input]) -> None:
        limits = self.settings
        if not len(inputs):
            raise InvalidInput("the request has no input", param="input")
        pictures = sum(isinstance(each, bytes) for each in inputs)
        for count, most, what in (
            (pictures, limits.max_images, "pictures"),
            (len(inputs) - pictures, limits.max_texts, "texts"),
        ):
            if count > most:
                raise InputTooLarge(
                    f"the request has {count} {what}; at most {most} are taken", param="input"
                )

    def _open(self, data: bytes, index: int) -> Picture:
        try:
            return Picture.open(data, max_pixels=self.settings.max_image_pixels)
        except ServiceError as error:
            raise _about_picture(error, index) from None


async def _run_whole(model: Model, signature: str, inputs: Tensors, priority: int) -> Tensors:
    [answer] = await model.run(signature, [inputs], priority)
    if isinstance(answer, Exception):
        raise answer
    return cast(Tensors, answer)


def _all_good(rows: Sequence[T | Exception]) -> list[T]:
    """The rows, when none of them is an error."""
    for index, row in enumerate(rows):
        if isinstance(row, Exception):
            raise _about_picture(row, index)
    return cast(list[T], rows)


def _about_picture(error: Exception, index: int) -> Exception:
    """The same error, saying which picture of the request it is about if that is at fault."""
    if not isinstance(error, RequestError):
        return error
    return type(error)(f"picture {index}: {error.message}", param=f"images[{index}]")
