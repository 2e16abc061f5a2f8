"""The composition root: settings → engine → protocols, as one ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp

from service import protocols
from service.engine.engine import Engine
from service.engine.zero_shot import ZeroShot
from service.errors import ServiceError
from service.observability.peers import Peers
from service.protocols.http.request import Services, request_id_of
from service.protocols.http.route import EnvelopeRoute
from service.protocols.http.route_cache import RouteCache
from service.protocols.openai.error import envelope
from service.protocols.openapi.document import TAGS, operation_id
from service.search.search import Search
from service.settings import Settings
from service.version import __version__

if TYPE_CHECKING:
    from service.protocols.grpc.server import Server

_PAGE: Final = {
    "persistAuthorization": True,
    "tryItOutEnabled": True,
    "docExpansion": "list",
    "defaultModelsExpandDepth": 0,
    "displayRequestDuration": True,
    "filter": True,
}
"""How the documentation page looks: every route in sight, its form open, no list of schemas."""
_DESCRIPTION: Final = """
Keras models over HTTP. Send an image, get its classes; send texts and images, get their vectors:

    curl -F image=@digit.png "http://127.0.0.1:8000/v1/classify?model=mnist-lenet5"

`GET /v1/models` lists what is served, `GET /health/ready` says whether it is proven. The clients
of TensorFlow Serving, of Triton and KServe, and of OpenAI find their own protocols below, on one
port and of the same models.

Every answer has the header `x-request-id`, which the service's log has too; every answer of a
model says in `x-model-version` which version gave it. A wrong verb is refused with 405 and the
header `Allow`, but for TensorFlow Serving's paths.
"""


def create_app(settings: Settings, peers: Peers | None = None) -> ASGIApp:
    """The service as an ASGI application; models load when it starts up.

    A worker has `peers`, which answer with it.

    Raises:
        ServiceError: gRPC is asked for and not installed.
    """
    engine = Engine(settings)
    search = Search(engine, settings.indexes)
    grpc_server = None if settings.grpc_port is None else _grpc_server(engine, settings.grpc_port)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as started:
            started.push_async_callback(engine.close)
            await engine.start()
            started.push_async_callback(search.close)
            await search.start()
            if grpc_server is not None:
                started.push_async_callback(grpc_server.stop)
                await grpc_server.start()
            if peers is not None:
                await peers.join(engine.missing, lambda: engine.is_settled)
                started.push_async_callback(peers.leave)
            yield

    app = FastAPIOffline(
        title="Lutrin",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        root_path=settings.root_path,
        openapi_tags=TAGS,
        generate_unique_id_function=operation_id,
        swagger_ui_parameters=_PAGE,
        redoc_url=None,  # the page's wing serves it, under a policy that keeps it on this server
        redirect_slashes=False,
    )
    app.state.services = Services(settings, engine, ZeroShot(engine), search, peers)
    app.add_exception_handler(HTTPException, _speak_http_error)
    routers = protocols.routers()
    for router in routers:
        app.include_router(router)
    routes = [route for router in routers for route in router.routes]
    return RouteCache(app, [route for route in routes if isinstance(route, EnvelopeRoute)])


def _grpc_server(engine: Engine, port: int) -> Server:
    try:
        from service.protocols.grpc.server import Server  # noqa: PLC0415 — an extra, and not small

        services = protocols.grpc_services(engine)
    except ImportError as error:
        raise ServiceError(
            f"GRPC_PORT={port} needs packages that are not installed ({error}): "
            "pip install 'lutrin[grpc]', or leave GRPC_PORT out"
        ) from None
    return Server(engine, port, services)


def _allowed(request: Request, error: HTTPException) -> str:
    """The verbs of a path, which may have a route for each."""
    path = [
        route
        for router in protocols.routers()
        for route in router.routes
        if isinstance(route, EnvelopeRoute) and route.matches(request.scope)[0] is not Match.NONE
    ]
    verbs = sorted({verb for route in path for verb in route.methods or ()})
    return ", ".join(verbs) or (error.headers or {}).get("Allow") or "another verb"


async def _speak_http_error(request: Request, error: Exception) -> Response:
    """Unknown paths and wrong verbs, in the envelope of our own routes."""
    assert isinstance(error, HTTPException)  # noqa: S101 — registered for this class alone
    allowed = _allowed(request, error) if error.status_code == 405 else ""
    messages = {
        404: f"there is no {request.url.path}; see /docs for what there is",
        405: f"{request.url.path} does not take {request.method}; it takes {allowed}",
    }
    message = messages.get(error.status_code, error.detail)
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    request_id = request_id_of(request.scope)
    body = envelope(message, error.status_code, code, None, request_id)
    headers = {**(error.headers or {}), "x-request-id": request_id}
    if allowed and "Allow" in headers:
        headers["Allow"] = allowed
    return Response(body, error.status_code, headers, media_type="application/json")
