"""An inference of the Open Inference Protocol as gRPC asks it: what it wants, and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from service.engine.engine import Engine
from service.engine.infer import infer
from service.errors import InvalidInput
from service.protocols.grpc.calls import aside
from service.protocols.grpc.protos.open_inference_pb2 import (
    InferParameter,
    ModelInferRequest,
    ModelInferResponse,
)
from service.protocols.open_inference import classes, grpc_contents
from service.protocols.open_inference.models import version_of
from service.repository.model_spec import ModelSpec

_SEQUENCES: Final = ("sequence_id", "sequence_start", "sequence_end")

_Parameters = Mapping[str, InferParameter]


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What the parameters of a request ask for."""

    priority: int
    timeout_s: float | None
    signature: str
    outputs: dict[str, int] | None
    """By output, how many of its best classes, or 0 for the tensor itself; None for every one."""


async def answer(
    engine: Engine, request: ModelInferRequest, key: str | None, time_left_s: float | None
) -> ModelInferResponse:
    """Run the model's first signature, or the one of the parameter `signature_name`.

    The outputs come as the inputs did: raw, or typed. Calls of one `key` go to the same label.

    Raises:
        ServiceError: one of `service.errors`.
    """
    wishes = _wishes(request, time_left_s)
    spec = ModelSpec(request.model_name, version_of(request.model_version), key=key)
    with await engine.repository.lease(spec) as lease:
        name = lease.signature(wishes.signature)
        outputs = await infer(
            engine,
            lease,
            await aside(request.ByteSize(), grpc_contents.read, request),
            signature=name,
            outputs=wishes.outputs,
            priority=wishes.priority,
            timeout_s=wishes.timeout_s,
        )
        said = dict(outputs)
        for output, count in (wishes.outputs or {}).items():
            if count:
                tensor = lease.manifest.signatures[name].outputs[output]
                said[output] = classes.best(outputs[output], tensor, count, lease.manifest.labels)
        export = lease.model.export
    reply = ModelInferResponse(
        model_name=export.name, model_version=str(export.version), id=request.id
    )
    is_raw = not any(each.HasField("contents") for each in request.inputs)
    await aside(
        sum(each.nbytes for each in said.values()), grpc_contents.write, reply, said, is_raw
    )
    return reply


def _wishes(request: ModelInferRequest, time_left_s: float | None) -> _Wishes:
    parameters = request.parameters
    for name in _SEQUENCES:
        if _value(parameters, name):
            raise InvalidInput(
                f"'{name}' is not taken: no model here keeps state from one request to the next",
                param=name,
            )
    timeout_us, signature = _count(parameters, "timeout"), _value(parameters, "signature_name")
    if not isinstance(signature, str | None):
        raise InvalidInput("'signature_name' is a string_param", param="signature_name")
    limits = [each for each in (timeout_us / 1e6, time_left_s) if each]
    return _Wishes(
        _count(parameters, "priority"),
        min(limits, default=None),
        signature or "",
        _outputs(request),
    )


def _outputs(request: ModelInferRequest) -> dict[str, int] | None:
    outputs: dict[str, int] = {}
    for each in request.outputs:
        if each.name in outputs:
            raise InvalidInput(f"the output '{each.name[:100]}' is there twice", param="outputs")
        if "shared_memory_region" in each.parameters:
            raise InvalidInput(
                "shared memory is not offered: outputs come in the answer", param=each.name
            )
        outputs[each.name] = _count(each.parameters, "classification")
    return outputs or None


def _value(parameters: _Parameters, name: str) -> object:
    """A parameter's value, None where it is missing."""
    if name not in parameters:
        return None
    choice = parameters[name].WhichOneof("parameter_choice")
    return None if choice is None else getattr(parameters[name], choice)


def _count(parameters: _Parameters, name: str) -> int:
    value = _value(parameters, name) or 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidInput(f"'{name}' is an int64_param or uint64_param from 0", param=name)
    return value
