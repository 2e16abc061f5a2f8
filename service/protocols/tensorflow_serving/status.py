"""What is served, and how it is asked: the states of a model's versions, and its signatures."""

from __future__ import annotations

from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from service.exports import saved_model
from service.exports.saved_model import SignatureDef, TensorInfo
from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply, named
from service.protocols.tensorflow_serving import model_spec, schemas
from service.protocols.tensorflow_serving.route import TAG, TensorFlowServingRoute
from service.protocols.tensorflow_serving.states import VersionStatus, statuses

router: Final = APIRouter(route_class=TensorFlowServingRoute, tags=[TAG])


@schemas.at_each_address(router.get, "", "Status", schemas.STATUS)
async def status(request: Context) -> Response:
    """The state of every version of a model, or of the one that the path names."""
    engine = request.engine
    spec = model_spec.from_path(request.path_params)
    said = [_status(each) for each in statuses(engine.repository, spec)]
    return JSONReply(orjson.dumps({"model_version_status": said}))


@schemas.at_each_address(router.get, "/metadata", "Metadata", schemas.METADATA)
async def metadata(request: Context) -> Response:
    """The signatures of a version: what they take and give, and how they are to be asked."""
    engine = request.engine
    export = model_spec.find(engine.repository, model_spec.from_path(request.path_params)).export
    signatures = saved_model.signatures(export)
    reply = {
        "model_spec": {
            "name": export.name,
            "signature_name": "",
            "version": str(export.version),
        },
        "metadata": {
            "signature_def": {
                "signature_def": {name: _signature(each) for name, each in signatures.items()}
            }
        },
    }
    return named(JSONReply(orjson.dumps(reply)), export.name, export.version)


def _status(status: VersionStatus) -> dict[str, Any]:
    return {
        "version": str(status.version),
        "state": status.state,
        "status": {"error_code": status.error_code, "error_message": status.error_message},
    }


def _signature(definition: SignatureDef) -> dict[str, Any]:
    return {
        "inputs": {name: _tensor(each) for name, each in definition.inputs.items()},
        "outputs": {name: _tensor(each) for name, each in definition.outputs.items()},
        "method_name": definition.method_name,
    }


def _tensor(info: TensorInfo) -> dict[str, Any]:
    shape = {
        "dim": [{"size": str(size), "name": name} for size, name in info.dims or ()],
        "unknown_rank": info.dims is None,
    }
    return {"dtype": info.dtype, "tensor_shape": shape, "name": info.name}
