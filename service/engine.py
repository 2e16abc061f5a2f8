"""The models by name, and what can be asked of them."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Sequence
from typing import Final, NamedTuple, TypeVar, cast

from service import store
from service.classification import Prediction, Probabilities, top
from service.decoding import Decoders
from service.errors import (
    DeadlineExceeded,
    InputTooLarge,
    InvalidInput,
    ModelNotFound,
    NotReady,
    RequestError,
    ServiceError,
    UnsupportedTask,
    VersionNotFound,
)
from service.images import Picture
from service.manifest import ImageInput, Manifest, Task
from service.model import Model
from service.runtimes import Tensors
from service.settings import Settings

logger = logging.getLogger(__name__)

T = TypeVar("T")

_TOP_K: Final = 5


class Classification(NamedTuple):
    """The answer to one request: the model that gave it, and predictions picture by picture."""

    model: str
    version: int
    results: list[list[Prediction]]


class Engine:
    """All models of the service. Its methods are called on one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._models: dict[str, Model] = {}
        self._loading: asyncio.Task[None] | None = None
        self._closing = False
        self._decoders = Decoders(settings.max_queue)

    async def start(self) -> None:
        """Find the models and begin to load them; returns before they are ready.

        Raises:
            InvalidExport: the folder of models is not there.
        """
        exports = store.newest(self._settings.models_dir)
        self._models = {export.name: Model(export, self._settings) for export in exports}
        if not exports:
            logger.warning("there are no models in %s", self._settings.models_dir)
        self._loading = asyncio.create_task(self._load())

    async def close(self) -> None:
        """Refuse new work, finish what waits, free the models."""
        self._closing = True
        if self._loading is not None:
            await self._loading
        await asyncio.gather(*(model.close() for model in self.models))
        self._decoders.close()

    async def _load(self) -> None:
        # One after another: a load uses all cores, and the first is ready the sooner.
        for model in self.models:
            if not self._closing:
                await model.load()
        # What is loaded stays. Left among the living, the garbage collector would walk through all
        # of it every few thousand requests, tens of milliseconds each time.
        gc.collect()
        gc.freeze()

    @property
    def models(self) -> list[Model]:
        """Every model found, ready or not, by name."""
        return list(self._models.values())

    def missing(self) -> dict[str, str]:
        """The required models that are not ready, each with the reason; empty when all are."""
        if self._closing:
            return {"*": "the service is shutting down"}
        required = self._settings.required_models
        if required is None and not self._models:
            return {"*": f"there are no models in {self._settings.models_dir}"}
        names = list(self._models) if required is None else required
        reasons = {name: self._why_not_ready(name) for name in names}
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def _why_not_ready(self, name: str) -> str | None:
        model = self._models.get(name)
        if model is None:
            return f"not found in {self._settings.models_dir}"
        return None if model.state == "ready" else f"{model.state}: {model.reason}"

    async def classify(
        self,
        files: Sequence[bytes],
        *,
        model: str | None = None,
        version: int | None = None,
        top_k: int | None = None,
    ) -> Classification:
        """Classify picture files; `model` may be left out when exactly one can answer.

        Each picture gets its `top_k` best classes, five when left out.

        Raises:
            ServiceError: one of `service.errors`; `param` says which picture it is about.
        """
        count = min(_TOP_K, self._settings.max_top_k) if top_k is None else top_k
        self._check_request(files, count)
        found, manifest, signature = self._find(model, version, "classify")
        if manifest.image is None or manifest.labels is None:
            raise UnsupportedTask(f"'{found.export.name}' takes no pictures", param="model")
        pictures = [self._open(data, index) for index, data in enumerate(files)]
        answers = await self._in_time(self._answer(found, signature, pictures, manifest.image))
        results = [top(answer, manifest.labels, count) for answer in answers]
        return Classification(found.export.name, found.export.version, results)

    async def infer(
        self,
        inputs: Tensors,
        *,
        model: str | None = None,
        version: int | None = None,
        signature: str | None = None,
    ) -> Tensors:
        """Run one signature on raw tensors; left out, the model's first.

        Raises:
            ServiceError: one of `service.errors`.
        """
        found, manifest, first = self._find(model, version, "infer")
        name = signature or first
        tensors = [each for each, spec in manifest.signatures.items() if spec.task == "infer"]
        if name not in tensors:
            raise InvalidInput(
                f"'{found.export.name}' has no signature '{name}' that takes tensors; "
                f"those that do: {', '.join(tensors)}",
                param="signature",
            )
        [answer] = await self._in_time(found.run(name, [inputs]))
        if isinstance(answer, Exception):
            raise answer
        return cast(Tensors, answer)

    async def _answer(
        self, model: Model, signature: str, pictures: Sequence[Picture], image: ImageInput
    ) -> list[Probabilities]:
        rows = _all_good(await self._decoders.rows(pictures, image))
        return _all_good(await model.run(signature, rows))

    async def _in_time(self, work: Awaitable[T]) -> T:
        seconds = self._settings.request_timeout_s
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError:
            message = f"no answer within {seconds:g} s: the service is busy or the model is slow"
            raise DeadlineExceeded(message) from None

    def _check_request(self, files: Sequence[bytes], top_k: int) -> None:
        if self._closing:
            raise NotReady("the service is shutting down")
        limits = self._settings
        if not files:
            raise InvalidInput("the request has no picture", param="images")
        if len(files) > limits.max_images:
            raise InputTooLarge(
                f"the request has {len(files)} pictures; at most {limits.max_images} are taken",
                param="images",
            )
        if not 1 <= top_k <= limits.max_top_k:
            raise InvalidInput(f"top_k is from 1 to {limits.max_top_k}; got {top_k}", param="top_k")

    def _find(
        self, name: str | None, version: int | None, task: Task
    ) -> tuple[Model, Manifest, str]:
        """The model asked for, its manifest, and its signature for `task`."""
        model = self._only_one_for(task) if name is None else self._models.get(name)
        if model is None:
            known, asked = ", ".join(self._models) or "none at all", str(name)[:100]
            raise ModelNotFound(f"there is no model '{asked}'; there are: {known}", param="model")
        if version not in (None, model.export.version):
            raise VersionNotFound(
                f"'{model.export.name}' is served in version {model.export.version}, not {version}",
                param="version",
            )
        manifest = model.ready_manifest()
        signature = manifest.signature_for(task)
        if signature is None:
            raise UnsupportedTask(
                f"'{model.export.name}' does not {task}; it does: {', '.join(manifest.tasks)}",
                param="model",
            )
        return model, manifest, signature

    def _only_one_for(self, task: Task) -> Model:
        # By what the exports promise, so that the answer does not depend on which loaded first.
        able = [each for each in self.models if each.manifest and each.manifest.signature_for(task)]
        if not able:
            states = ", ".join(f"{each.export.name} ({each.state})" for each in self.models)
            raise NotReady(f"no model is ready to {task}; there are: {states or 'none at all'}")
        if len(able) > 1:
            names = ", ".join(each.export.name for each in able)
            raise InvalidInput(
                f"several models can {task}; name one in 'model': {names}", param="model"
            )
        return able[0]

    def _open(self, data: bytes, index: int) -> Picture:
        try:
            return Picture.open(data, max_pixels=self._settings.max_image_pixels)
        except ServiceError as error:
            raise _about_picture(error, index) from None


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
