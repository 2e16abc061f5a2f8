"""What operators ask and change while the service runs; all of it needs the ADMIN_TOKEN.

What is changed here holds until the process ends or models.yaml says something else for the model.
"""

from __future__ import annotations

from typing import Any, Final, cast

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from service.errors import InvalidInput, InvalidPlan
from service.protocols.http.body import read_object
from service.protocols.http.request import NEEDS_ADMIN, Context
from service.protocols.http.route import JSONReply
from service.protocols.openai.error import OpenAIErrorRoute
from service.protocols.openai.error_document import errors
from service.protocols.openapi.document import name_in_path
from service.protocols.operations.plan_document import OperationReply, described
from service.repository.plans.plan import LABEL
from service.repository.repository import Repository

_PATH: Final = "/v1/admin/models/{name}"


def _takes(value: dict[str, Any] | None = None, **example: object) -> dict[str, Any]:
    """The document of a route: the model in its path and, if any, a body of values by label."""
    document: dict[str, Any] = {"parameters": [name_in_path()]}
    if value is not None:
        schema = {
            "type": "object",
            "propertyNames": {"pattern": LABEL},
            "additionalProperties": value,
            "minProperties": 1,
        }
        content = {"application/json": {"schema": schema, "example": example}}
        document["requestBody"] = {"required": True, "content": content}
    return document


_VERSION: Final = {"type": ["integer", "null"], "minimum": 1}
_SHARE: Final = {
    "oneOf": [
        {"type": "string", "pattern": r"^(100|[0-9]{1,2}(\.[0-9]+)?)%$"},
        {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
        {"type": "null"},
    ]
}

router: Final = APIRouter(
    route_class=OpenAIErrorRoute, tags=["Administration"], dependencies=[NEEDS_ADMIN]
)


@router.get(
    _PATH,
    summary="A model's plan and how it goes",
    response_model=OperationReply,
    responses=errors(401, 403, 404),
    openapi_extra=_takes(),
)
async def model(request: Context) -> Response:
    """The plan in force, the state of each version, and what became of the calls."""
    return _said(_repository(request), request)


@router.post(
    f"{_PATH}/load",
    summary="Load a model",
    response_model=OperationReply,
    responses=errors(400, 401, 403, 404, 409, 503),
    openapi_extra=_takes(),
)
async def load(request: Context) -> Response:
    """Load a model, or what is new of it, and try again what failed; 200 once it is proven."""
    repository = _repository(request)
    await repository.load(_name(request))
    return _said(repository, request)


@router.post(
    f"{_PATH}/unload",
    summary="Unload a model",
    response_model=OperationReply,
    responses=errors(401, 403, 404),
    openapi_extra=_takes(),
)
async def unload(request: Context) -> Response:
    """Unload every version after its last request, until the model is loaded by hand."""
    repository = _repository(request)
    await repository.unload(_name(request))
    return _said(repository, request)


@router.put(
    f"{_PATH}/labels",
    summary="Move labels",
    response_model=OperationReply,
    responses=errors(400, 401, 403, 404, 409, 413, 415, 504),
    openapi_extra=_takes(_VERSION, stable=1),
)
async def labels(request: Context) -> Response:
    """Let labels stand for other versions: `{"stable": 2}`; null takes a label away.

    Labels that are not named stay. A label moves once its new version is loaded and proven; no
    request fails meanwhile. It holds until the process ends or models.yaml changes for the model.
    """
    return await _change(request, "labels")


@router.put(
    f"{_PATH}/traffic",
    summary="Split the traffic",
    response_model=OperationReply,
    responses=errors(400, 401, 403, 404, 409, 413, 415, 504),
    openapi_extra=_takes(_SHARE, canary="5%"),
)
async def traffic(request: Context) -> Response:
    """Give labels their shares of the calls: `{"canary": "5%"}`; null takes a share away.

    Labels that are not named keep theirs; the rest goes to `stable`. It holds until the process
    ends or models.yaml changes for the model.
    """
    return await _change(request, "traffic")


@router.post(
    f"{_PATH}/rollback",
    summary="Roll back",
    response_model=OperationReply,
    responses=errors(400, 401, 403, 404),
    openapi_extra=_takes(),
)
async def rollback(request: Context) -> Response:
    """Set the traffic of every canary to 0: the next call goes to the rest.

    It holds until the process ends, models.yaml changes for the model, or a share is given anew.
    """
    repository = _repository(request)
    versions = repository.versions(_name(request))
    if not versions.plan.traffic:
        raise InvalidInput(f"no label of '{versions.name}' has traffic of its own to be taken away")
    for label in versions.plan.on_trial:
        if versions.plan.traffic.get(label):
            versions.roll_back(label, "an operator asked for it")
    return _said(repository, request)


async def _change(request: Context, field: str) -> Response:
    repository = _repository(request)
    asked = await read_object(request)
    if not asked:
        raise InvalidInput("the body names no label; expected an object with one or more")
    try:
        await repository.change(_name(request), **{field: asked})
    except InvalidPlan as error:  # elsewhere the operator's to mend, here the caller's, who is it
        raise InvalidInput(error.message) from None
    return _said(repository, request)


def _repository(request: Context) -> Repository:
    """The models, for a caller who may change them."""
    return request.engine.repository


def _name(request: Context) -> str:
    return cast(str, request.path_params["name"])


def _said(repository: Repository, request: Context) -> Response:
    return JSONReply(orjson.dumps(described(repository.versions(_name(request)))))
