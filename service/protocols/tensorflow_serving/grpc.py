"""TensorFlow Serving's `PredictionService` and `ModelService`, for its clients' own stubs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from numpy.typing import NDArray

from service.codecs import datatypes
from service.engine.engine import Engine
from service.engine.infer import infer
from service.errors import InvalidInput
from service.exports import saved_model
from service.exports.saved_model import CLASSIFY, REGRESS
from service.manifest import Signature
from service.protocols.grpc.calls import Context, Method, aside, request_key, service
from service.protocols.grpc.protos.tensorflow_serving_pb2 import (
    ClassificationRequest,
    ClassificationResponse,
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    GetModelStatusRequest,
    GetModelStatusResponse,
    Input,
    ModelSpec,
    PredictRequest,
    PredictResponse,
    RegressionRequest,
    RegressionResponse,
    SignatureDefMap,
    StatusProto,
)
from service.protocols.tensorflow_serving import (
    grpc_model_spec,
    grpc_tensor_proto,
    model_spec,
)
from service.protocols.tensorflow_serving.example_answers import input_of, labels_and_scores, values
from service.protocols.tensorflow_serving.states import statuses
from service.repository.lease import Lease
from service.runtimes import Tensors

_PREDICTION: Final = "tensorflow.serving.PredictionService"
_MODEL: Final = "tensorflow.serving.ModelService"
_SIGNATURES: Final = "signature_def"
_SIGNATURES_TYPE: Final = "type.googleapis.com/tensorflow.serving.SignatureDefMap"


def services(engine: Engine) -> list[Any]:
    """The gRPC handlers of both services."""
    prediction, settings = _Prediction(engine), engine.settings
    methods = {
        "Predict": Method(PredictRequest, prediction.predict),
        "Classify": Method(ClassificationRequest, prediction.classify),
        "Regress": Method(RegressionRequest, prediction.regress),
        "GetModelMetadata": Method(GetModelMetadataRequest, prediction.metadata),
    }
    status = {"GetModelStatus": Method(GetModelStatusRequest, _Status(engine).status)}
    return [service(_PREDICTION, methods, settings), service(_MODEL, status, settings)]


class _Prediction:
    """What is asked of a model's signatures."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def predict(self, request: PredictRequest, context: Context) -> PredictResponse:
        """Tensors by name in, tensors by name out."""
        spec, limit = request.model_spec, self._engine.settings.max_body_bytes
        asked = grpc_model_spec.read(spec, request_key(context))
        with await model_spec.lease(self._engine.repository, asked) as lease:
            name = grpc_model_spec.signature(spec, lease)
            signature = lease.manifest.signatures[name]
            _check_inputs(request.inputs, signature)
            wanted = _wanted(request.output_filter, signature)
            inputs = await aside(request.ByteSize(), _read, request, limit)
            outputs = await self._infer(lease, name, inputs, wanted, context)
        answer = PredictResponse()
        grpc_model_spec.answered(answer.model_spec, lease, name)
        await aside(sum(each.nbytes for each in outputs.values()), _write, answer, outputs)
        return answer

    async def classify(
        self, request: ClassificationRequest, context: Context
    ) -> ClassificationResponse:
        """A label and a score for each class of each example."""
        answer = ClassificationResponse()
        sent = _examples(request.input)
        outputs = await self._ask(CLASSIFY, request.model_spec, sent, answer.model_spec, context)
        for labels, scores in zip(*labels_and_scores(outputs, len(sent)), strict=True):
            classes = answer.result.classifications.add().classes
            for label, score in zip(labels, scores, strict=True):
                classes.add(label=label, score=score)
        return answer

    async def regress(self, request: RegressionRequest, context: Context) -> RegressionResponse:
        """A number for each example."""
        answer = RegressionResponse()
        sent = _examples(request.input)
        outputs = await self._ask(REGRESS, request.model_spec, sent, answer.model_spec, context)
        for value in values(outputs, len(sent)):
            answer.result.regressions.add(value=value)
        return answer

    async def _ask(
        self,
        method: str,
        spec: ModelSpec,
        sent: NDArray[Any],
        answered: ModelSpec,
        context: Context,
    ) -> Tensors:
        """Run the signature for `method` on examples, and say in `answered` which it was."""
        asked = grpc_model_spec.read(spec, request_key(context))
        with await model_spec.lease(self._engine.repository, asked) as lease:
            name = grpc_model_spec.signature(spec, lease)
            inputs = {input_of(lease, name, method): sent}
            outputs = list(lease.manifest.signatures[name].outputs)
            grpc_model_spec.answered(answered, lease, name)
            return await self._infer(lease, name, inputs, outputs, context)

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
        return await infer(
            self._engine, lease, inputs, signature=signature, outputs=outputs, timeout_s=left
        )

    async def metadata(
        self, request: GetModelMetadataRequest, context: Context
    ) -> GetModelMetadataResponse:
        """The model's signatures: what they take and give, and how they are to be asked."""
        spec = grpc_model_spec.read(request.model_spec)
        if not request.metadata_field:
            raise InvalidInput(
                "GetModelMetadataRequest must specify at least one metadata_field: there is "
                f"'{_SIGNATURES}'"
            )
        for field in request.metadata_field:
            if field != _SIGNATURES:
                raise InvalidInput(f"Metadata field {field[:100]} is not supported")
        export = model_spec.find(self._engine.repository, spec).export
        answer = GetModelMetadataResponse()
        answer.model_spec.name = export.name
        answer.model_spec.version.value = export.version
        described = SignatureDefMap()
        for name, definition in saved_model.signatures(export).items():
            grpc_model_spec.write_signature(described.signature_def[name], definition)
        answer.metadata[_SIGNATURES].type_url = _SIGNATURES_TYPE
        answer.metadata[_SIGNATURES].value = described.SerializeToString()
        return answer


class _Status:
    """What is asked of the versions of a model."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def status(
        self, request: GetModelStatusRequest, context: Context
    ) -> GetModelStatusResponse:
        """The state of each version, or of the one that the request names."""
        answer = GetModelStatusResponse()
        for each in statuses(self._engine.repository, grpc_model_spec.read(request.model_spec)):
            status = StatusProto(error_code=each.error_code, error_message=each.error_message)
            answer.model_version_status.add(version=each.version, state=each.state, status=status)
        return answer


def _read(request: PredictRequest, max_bytes: int) -> Tensors:
    return {
        name: grpc_tensor_proto.read(proto, name, max_bytes)
        for name, proto in request.inputs.items()
    }


def _write(answer: PredictResponse, outputs: Tensors) -> None:
    for name, array in outputs.items():
        grpc_tensor_proto.write(answer.outputs[name], array)


def _check_inputs(inputs: Collection[str], signature: Signature) -> None:
    """Refuse inputs of other names than the signature's, in TensorFlow Serving's words."""
    extra = [each for each in inputs if each not in signature.inputs]
    missing = [each for each in signature.inputs if each not in inputs]
    if extra or missing:
        raise InvalidInput(
            f"input size does not match signature: {len(inputs)}!={len(signature.inputs)} "
            f"len({_braced(inputs)}) != len({_braced(signature.inputs)}). "
            f"Sent extra: {_braced(extra)}. Missing but required: {_braced(missing)}.",
        )


def _wanted(output_filter: Collection[str], signature: Signature) -> list[str]:
    """The outputs asked for; all of them where none is."""
    wanted = list(output_filter)
    for name in wanted:
        if name not in signature.outputs:
            raise InvalidInput(
                f"output tensor alias not found in signature: {name[:100]} "
                f"Outputs expected to be in the set {_braced(signature.outputs)}.",
            )
        if wanted.count(name) > 1:
            raise InvalidInput(f"duplicate output tensor alias: {name}")
    return wanted or list(signature.outputs)


def _braced(names: Collection[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _examples(sent: Input) -> NDArray[Any]:
    """The examples of a request, serialized, one string each."""
    examples = list(sent.example_list.examples)
    if sent.WhichOneof("kind") == "example_list_with_context":
        # Serialized messages one after the other are the message merged of both, the later first.
        context = sent.example_list_with_context.context
        examples = [context + each for each in sent.example_list_with_context.examples]
    if not examples:
        raise InvalidInput("Input is empty.", param="input")
    return datatypes.strings(examples, [len(examples)])
