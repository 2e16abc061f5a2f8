"""The Open Inference Protocol's `GRPCInferenceService`, with Triton's extensions of it."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from service.engine.engine import Engine
from service.errors import ModelNotFound, VersionNotFound
from service.protocols.grpc.calls import Context, Method, Stream, request_key, service
from service.protocols.grpc.protos import open_inference_pb2 as pb
from service.protocols.open_inference import grpc_inference, models
from service.protocols.open_inference.models import version_of
from service.version import __version__

_NAME: Final = "inference.GRPCInferenceService"
_FINAL: Final = "triton_final_response"
"""The parameter by which Triton's clients know that no more answers follow to their request."""


def services(engine: Engine) -> list[Any]:
    """The gRPC handler of the service."""
    health, inferences, repository = _Health(engine), _Inference(engine), _Repository(engine)
    methods = {
        "ServerLive": Method(pb.ServerLiveRequest, health.server_live),
        "ServerReady": Method(pb.ServerReadyRequest, health.server_ready),
        "ModelReady": Method(pb.ModelReadyRequest, health.model_ready),
        "ServerMetadata": Method(pb.ServerMetadataRequest, health.server_metadata),
        "ModelMetadata": Method(pb.ModelMetadataRequest, inferences.metadata),
        "ModelConfig": Method(pb.ModelConfigRequest, inferences.config),
        "ModelInfer": Method(pb.ModelInferRequest, inferences.infer),
        "ModelStreamInfer": Stream(pb.ModelInferRequest, inferences.infer, _streamed),
        "ModelStatistics": Method(pb.ModelStatisticsRequest, repository.statistics),
        "RepositoryIndex": Method(pb.RepositoryIndexRequest, repository.index),
        "RepositoryModelLoad": Method(
            pb.RepositoryModelLoadRequest, repository.load, needs_admin=True
        ),
        "RepositoryModelUnload": Method(
            pb.RepositoryModelUnloadRequest, repository.unload, needs_admin=True
        ),
    }
    return [service(_NAME, methods, engine.settings)]


def _streamed(answer: Message | None, error: str) -> Message:
    if not isinstance(answer, pb.ModelInferResponse):
        return pb.ModelStreamInferResponse(error_message=error)
    answer.parameters[_FINAL].bool_param = True
    return pb.ModelStreamInferResponse(infer_response=answer)


class _Health:
    """Whether the service and its models can answer, and what the service is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def server_live(
        self, request: pb.ServerLiveRequest, context: Context
    ) -> pb.ServerLiveResponse:
        """True as long as the process answers."""
        return pb.ServerLiveResponse(live=True)

    async def server_ready(
        self, request: pb.ServerReadyRequest, context: Context
    ) -> pb.ServerReadyResponse:
        """True when every required model is proven."""
        return pb.ServerReadyResponse(ready=not self._engine.missing())

    async def model_ready(
        self, request: pb.ModelReadyRequest, context: Context
    ) -> pb.ModelReadyResponse:
        """True when the model answers; false where there is none of this name or version."""
        version = version_of(request.version)
        try:
            reason = models.why_not_ready(self._engine, request.name, version)
        except (ModelNotFound, VersionNotFound):  # so Triton, whose clients ask until it is there
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=reason is None)

    async def server_metadata(
        self, request: pb.ServerMetadataRequest, context: Context
    ) -> pb.ServerMetadataResponse:
        """The service's name and version, and the protocol's extensions that it has."""
        return pb.ServerMetadataResponse(
            name=self._engine.settings.server_name,
            version=__version__,
            extensions=models.EXTENSIONS,
        )


class _Inference:
    """What a model takes and gives, and what it answers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def metadata(
        self, request: pb.ModelMetadataRequest, context: Context
    ) -> pb.ModelMetadataResponse:
        """The tensors of the model's first signature; -1 stands for any size."""
        name, version = request.name, version_of(request.version)
        model, manifest = await models.known(self._engine, name, version)
        said = models.metadata(model, manifest, self._engine.repository.versions(name))
        return ParseDict(said, pb.ModelMetadataResponse())

    async def config(
        self, request: pb.ModelConfigRequest, context: Context
    ) -> pb.ModelConfigResponse:
        """Triton's model configuration, of what it says here that which is so."""
        name, version = request.name, version_of(request.version)
        model, manifest = await models.known(self._engine, name, version)
        plan, limit = (
            self._engine.repository.versions(name).plan,
            self._engine.settings.max_batch_size,
        )
        said = models.configuration(model, manifest, plan, limit)
        return ParseDict({"config": said}, pb.ModelConfigResponse())

    async def infer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:
        """Tensors in, tensors out."""
        key, left = request_key(context), context.time_remaining()
        return await grpc_inference.answer(self._engine, request, key, left)


class _Repository:
    """Which models there are, what they have done; loading and unloading them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def statistics(
        self, request: pb.ModelStatisticsRequest, context: Context
    ) -> pb.ModelStatisticsResponse:
        """The statistics of every version that is loaded, of a model's, or of one."""
        version, chosen = version_of(request.version), self._engine.models
        if request.name:
            versions = self._engine.repository.versions(request.name)
            chosen = versions.models if version is None else [versions.pick(version)]
        return ParseDict(models.statistics(chosen), pb.ModelStatisticsResponse())

    async def index(
        self, request: pb.RepositoryIndexRequest, context: Context
    ) -> pb.RepositoryIndexResponse:
        """Each version of each model, with its state and the reason for it."""
        said = models.index(self._engine.models, request.ready)
        return ParseDict({"models": said}, pb.RepositoryIndexResponse())

    async def load(
        self, request: pb.RepositoryModelLoadRequest, context: Context
    ) -> pb.RepositoryModelLoadResponse:
        """Load a model, or what is new of it; answers once it is proven. Needs the ADMIN_TOKEN."""
        models.refuse_overrides(request.parameters)
        await self._engine.repository.load(request.model_name)
        return pb.RepositoryModelLoadResponse()

    async def unload(
        self, request: pb.RepositoryModelUnloadRequest, context: Context
    ) -> pb.RepositoryModelUnloadResponse:
        """Unload every version of a model after its last request. Needs the ADMIN_TOKEN."""
        await self._engine.repository.unload(request.model_name)
        return pb.RepositoryModelUnloadResponse()
