"""Routes that do nothing, under the same server: the most that anything behind it can reach.

python -m benchmarks.peers._noop raw|starlette|fastapi — each reads the body and answers a small
JSON, from an ASGI application by hand, a Starlette route and a FastAPI route.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from benchmarks.peers import Peer, Request

REPLY = b'{"model":"none","version":1,"results":[{"predictions":[]}]}'


def limit(kind: str) -> Peer:
    """A route of one kind, as a peer."""
    return Peer(
        title=f"a {kind} route that does nothing" if kind != "raw" else "raw ASGI, doing nothing",
        command=lambda task: ["-m", "benchmarks.peers._noop", kind],
        request=lambda task: Request("/v1/classify", task.inputs, task.content_type),
        answer=None,
    )


LIMITS = {f"noop_{kind}": limit(kind) for kind in ("raw", "starlette", "fastapi")}


async def raw(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application by hand."""
    if scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(REPLY))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": REPLY})


def main() -> None:
    """Serve a route of the kind that the command line names."""
    import fastapi  # noqa: PLC0415 — only the server needs it
    import uvicorn  # noqa: PLC0415
    from starlette.applications import Starlette  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    async def answer(request: fastapi.Request) -> fastapi.Response:
        await request.body()
        return fastapi.Response(REPLY, media_type="application/json")

    answer.__annotations__ |= {"request": fastapi.Request, "return": fastapi.Response}
    paths = ("/v1/classify", "/health/ready")
    app: Any = raw
    if sys.argv[1] == "starlette":
        app = Starlette(routes=[Route(path, answer, methods=["GET", "POST"]) for path in paths])
    elif sys.argv[1] == "fastapi":
        app = fastapi.FastAPI()
        for path in paths:
            app.api_route(path, methods=["GET", "POST"])(answer)
    uvicorn.run(
        app, port=int(os.environ["PORT"]), access_log=False, log_level="warning", lifespan="off"
    )


if __name__ == "__main__":
    main()
