"""What operators ask and change while the service runs; all of it needs the ADMIN_TOKEN.

What is changed here holds until the process ends or models.yaml says something else for the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.engine import Engine
from service.errors import Conflict, InvalidExport, InvalidInput, InvalidPlan
from service.protocols._body import read_object
from service.protocols._envelope import JSONReply
from service.protocols._openai_error import OpenAIErrorRoute
from service.protocols._operation import described
from service.protocols._permission import require_admin
from service.repository import Repository
from service.settings import Settings

_PATH: Final = "/v1/admin/models/{name}"
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "The change cannot be read, or does not hold together"},
    401: {"description": "The token is missing or wrong"},
    403: {"description": "ADMIN is off"},
    404: {"description": "No such model or version"},
    409: {"description": "A version cannot be loaded; everything stays as it was"},
}


def _takes(value: dict[str, Any] | None = None, **example: object) -> dict[str, Any]:
    """The document of a route: the model in its path and, if any, a body of values by label."""
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    document: dict[str, Any] = {"parameters": [{**name, "description": "The model's name"}]}
    if value is not None:
        schema = {"type": "object", "additionalProperties": value, "example": example}
        content = {"application/json": {"schema": schema}}
        document["requestBody"] = {"required": True, "content": content}
    return document


router: Final = APIRouter(
    route_class=OpenAIErrorRoute, tags=["Administration"], responses=_REFUSALS
)


@router.get(
    _PATH,
    summary="A model's plan and how it goes",
    response_model=dict[str, Any],
    openapi_extra=_takes(),
)
async def model(request: Request) -> Response:
    """The plan in force, the state of each version, and what became of the calls."""
    return _said(_repository(request), request)


@router.post(
    f"{_PATH}/load", summary="Load a model", response_model=dict[str, Any], openapi_extra=_takes()
)
async def load(request: Request) -> Response:
    """Load a model, or what is new of it, and try again what failed; 200 once it is proven."""
    repository = _repository(request)
    with _as_the_callers():
        await repository.load(_name(request))
    return _said(repository, request)


@router.post(
    f"{_PATH}/unload",
    summary="Unload a model",
    response_model=dict[str, Any],
    openapi_extra=_takes(),
)
async def unload(request: Request) -> Response:
    """Unload every version after its last request, until the model is loaded by hand."""
    repository = _repository(request)
    await repository.unload(_name(request))
    return _said(repository, request)


@router.put(
    f"{_PATH}/labels",
    summary="Move labels",
    response_model=dict[str, Any],
    openapi_extra=_takes({"type": ["integer", "null"]}, stable=2),
)
async def labels(request: Request) -> Response:
    """Let labels stand for other versions: `{"stable": 2}`; null takes a label away.

    Labels that are not named stay. A label moves once its new version is loaded and proven; no
    request fails meanwhile. It holds until the process ends or models.yaml changes for the model.
    """
    return await _change(request, "labels")


@router.put(
    f"{_PATH}/traffic",
    summary="Split the traffic",
    response_model=dict[str, Any],
    openapi_extra=_takes({"type": ["string", "number", "null"]}, canary="5%"),
)
async def traffic(request: Request) -> Response:
    """Give labels their shares of the calls: `{"canary": "5%"}`; null takes a share away.

    Labels that are not named keep theirs; the rest goes to `stable`. It holds until the process
    ends or models.yaml changes for the model.
    """
    return await _change(request, "traffic")


@router.post(
    f"{_PATH}/rollback", summary="Roll back", response_model=dict[str, Any], openapi_extra=_takes()
)
async def rollback(request: Request) -> Response:
    """Take the traffic of every label on trial away: all goes to the rest, from the next call on.

    It holds until the process ends, models.yaml changes for the model, or a share is given anew.
    """
    repository = _repository(request)
    shelf = repository.shelf(_name(request))
    if not shelf.plan.traffic:
        raise InvalidInput(f"no label of '{shelf.name}' has traffic of its own to be taken away")
    for label in shelf.plan.on_trial:
        if shelf.plan.traffic.get(label):
            shelf.roll_back(label, "an operator asked for it")
    return _said(repository, request)


async def _change(request: Request, field: str) -> Response:
    repository = _repository(request)
    asked = await read_object(request, cast(Settings, request.app.state.settings))
    if not asked:
        raise InvalidInput("the body names no label; expected an object with one or more")
    with _as_the_callers():
        await repository.change(_name(request), **{field: asked})
    return _said(repository, request)


@contextmanager
def _as_the_callers() -> Iterator[None]:
    """What elsewhere is the operator's to mend is here the caller's, who is the operator."""
    try:
        yield
    except InvalidPlan as error:
        raise InvalidInput(error.message) from None
    except InvalidExport as error:
        raise Conflict(error.message) from None


def _repository(request: Request) -> Repository:
    """The models, for a caller who may change them."""
    state = request.app.state
    require_admin(request.scope, cast(Settings, state.settings))
    return cast(Engine, state.engine).repository


def _name(request: Request) -> str:
    return cast(str, request.path_params["name"])


def _said(repository: Repository, request: Request) -> Response:
    return JSONReply(orjson.dumps(described(repository.shelf(_name(request)))))
