"""TensorFlow Serving's `PredictionService` and `ModelService`, for its clients' own stubs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from grpc import StatusCode

from service.engine import Engine
from service.grpc import examples, model_spec, tensor_proto
from service.grpc.calls import Context, Method, service
from service.grpc.protos.tensorflow_serving_pb2 import (
    INTERNAL,
    OK,
    ClassificationRequest,
    ClassificationResponse,
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelVersionStatus,
    PredictRequest,
    PredictResponse,
    RegressionRequest,
    RegressionResponse,
    SignatureDefMap,
)
from service.grpc.status import Refused
from service.lease import Lease
from service.manifest import Signature
from service.model import State
from service.runtimes import Tensors

_PREDICTION: Final = "tensorflow.serving.PredictionService"
_MODEL: Final = "tensorflow.serving.ModelService"
_SIGNATURES: Final = "signature_def"
_SIGNATURES_TYPE: Final = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
_METHOD: Final = "tensorflow/serving/predict"


def handlers(engine: Engine) -> list[Any]:
    """The gRPC handlers of both services."""
    prediction, log = _Prediction(engine), engine.settings.access_log
    methods = {
        "Predict": Method(PredictRequest, prediction.predict),
        "Classify": Method(ClassificationRequest, prediction.classify),
        "Regress": Method(RegressionRequest, prediction.regress),
        "GetModelMetadata": Method(GetModelMetadataRequest, prediction.metadata),
    }
    status = {"GetModelStatus": Method(GetModelStatusRequest, _Status(engine).status)}
    return [service(_PREDICTION, methods, log=log), service(_MODEL, status, log=log)]


class _Prediction:
    """What is asked of a model's signatures."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def predict(self, request: PredictRequest, context: Context) -> PredictResponse:
        """Tensors by name in, tensors by name out."""
        spec, limit = request.model_spec, self._engine.settings.max_body_bytes
        with await model_spec.lease(self._engine, spec) as lease:
            name = model_spec.signature(spec, lease)
            signature = lease.manifest.signatures[name]
            _check_inputs(request.inputs, signature)
            wanted = _wanted(request.output_filter, signature)
            inputs = {
                each: tensor_proto.read(proto, each, limit)
                for each, proto in request.inputs.items()
            }
            outputs = await self._infer(lease, name, inputs, wanted, context)
            answer = PredictResponse()
            model_spec.answered(answer.model_spec, lease, name)
            for each, array in outputs.items():
                tensor_proto.write(answer.outputs[each], array)
            return answer

    async def classify(
        self, request: ClassificationRequest, context: Context
    ) -> ClassificationResponse:
        """Labels and scores of examples."""
        with await model_spec.lease(self._engine, request.model_spec) as lease:
            name = model_spec.signature(request.model_spec, lease)
            signature = lease.manifest.signatures[name]
            wanted = examples.outputs(name, signature, examples.CLASSIFICATION)
            inputs = examples.read(request.input, name, signature)
            outputs = await self._infer(lease, name, inputs, wanted, context)
            answer = ClassificationResponse(result=examples.classes(outputs, inputs))
            model_spec.answered(answer.model_spec, lease, name)
            return answer

    async def regress(self, request: RegressionRequest, context: Context) -> RegressionResponse:
        """A value of each example."""
        with await model_spec.lease(self._engine, request.model_spec) as lease:
            name = model_spec.signature(request.model_spec, lease)
            signature = lease.manifest.signatures[name]
            wanted = examples.outputs(name, signature, examples.REGRESSION)
            inputs = examples.read(request.input, name, signature)
            outputs = await self._infer(lease, name, inputs, wanted, context)
            answer = RegressionResponse(result=examples.values(outputs, inputs))
            model_spec.answered(answer.model_spec, lease, name)
            return answer

    async def _infer(
        self,
        lease: Lease,
        signature: str,
        inputs: Tensors,
        outputs: Collection[str],
        context: Context,
    ) -> Tensors:
        """Run a signature within the call's deadline."""
        left = context.time_remaining()
        return await self._engine.infer(
            lease, inputs, signature=signature, outputs=outputs, timeout_s=left
        )

    async def metadata(
        self, request: GetModelMetadataRequest, context: Context
    ) -> GetModelMetadataResponse:
        """The model's signatures."""
        model_spec.named(request.model_spec)
        if not request.metadata_field:
            raise Refused(
                StatusCode.INVALID_ARGUMENT,
                f"GetModelMetadataRequest must specify at least one metadata_field: {_SIGNATURES}",
            )
        for field in request.metadata_field:
            if field != _SIGNATURES:
                raise Refused(
                    StatusCode.INVALID_ARGUMENT, f"Metadata field {field[:100]} is not supported"
                )
        answer = GetModelMetadataResponse()
        with await model_spec.lease(self._engine, request.model_spec) as lease:
            model_spec.answered(answer.model_spec, lease)
            signatures = _signatures(lease.manifest.signatures)
        answer.metadata[_SIGNATURES].type_url = _SIGNATURES_TYPE
        answer.metadata[_SIGNATURES].value = signatures.SerializeToString()
        return answer


class _Status:
    """What is asked of the versions of a model."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def status(
        self, request: GetModelStatusRequest, context: Context
    ) -> GetModelStatusResponse:
        """The state of each version, or of the one that the request names."""
        spec = model_spec.named(request.model_spec)
        models = model_spec.versions(self._engine, spec)
        answer = GetModelStatusResponse()
        for model in models:
            status = answer.model_version_status.add(version=model.export.version)
            status.state = _STATES[model.state]
            status.status.error_code = INTERNAL if model.state == "failed" else OK
            status.status.error_message = model.reason if model.state == "failed" else ""
        return answer


_STATES: Final[Mapping[State, ModelVersionStatus.State]] = {
    "loading": ModelVersionStatus.LOADING,
    "ready": ModelVersionStatus.AVAILABLE,
    "unloading": ModelVersionStatus.UNLOADING,
    "unloaded": ModelVersionStatus.END,
    "failed": ModelVersionStatus.END,
}


def _check_inputs(inputs: Collection[str], signature: Signature) -> None:
    """Refuse inputs of other names than the signature's, in TensorFlow Serving's words."""
    extra = [each for each in inputs if each not in signature.inputs]
    missing = [each for each in signature.inputs if each not in inputs]
    if extra or missing:
        raise Refused(
            StatusCode.INVALID_ARGUMENT,
            f"input size does not match signature: {len(inputs)}!={len(signature.inputs)} "
            f"len({_braced(inputs)}) != len({_braced(signature.inputs)}). "
            f"Sent extra: {_braced(extra)}. Missing but required: {_braced(missing)}.",
        )


def _wanted(output_filter: Collection[str], signature: Signature) -> list[str]:
    """The outputs asked for; all of them where none is."""
    wanted = list(output_filter)
    for name in wanted:
        if name not in signature.outputs:
            raise Refused(
                StatusCode.INVALID_ARGUMENT,
                f"output tensor alias not found in signature: {name[:100]} "
                f"Outputs expected to be in the set {_braced(signature.outputs)}.",
            )
        if wanted.count(name) > 1:
            raise Refused(StatusCode.INVALID_ARGUMENT, f"duplicate output tensor alias: {name}")
    return wanted or list(signature.outputs)


def _braced(names: Collection[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _signatures(signatures: Mapping[str, Signature]) -> SignatureDefMap:
    described = SignatureDefMap()
    for name, signature in signatures.items():
        entry = described.signature_def[name]
        entry.method_name = _METHOD
        for tensor, spec in signature.inputs.items():
            tensor_proto.describe(entry.inputs[tensor], tensor, spec)
        for tensor, spec in signature.outputs.items():
            tensor_proto.describe(entry.outputs[tensor], tensor, spec)
    return described
