"""The page's files, read once, each with its type, its hash and a strict security policy."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from html import escape
from importlib.resources import files
from typing import Final, NamedTuple

from fastapi import APIRouter
from fastapi.openapi.docs import get_redoc_html
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from service.protocols.http.request import Context
from service.protocols.openai.error import OpenAIErrorRoute

router: Final = APIRouter(route_class=OpenAIErrorRoute)

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "media-src 'self' blob:",
        "base-uri 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing from elsewhere, no inline script or style, no frame around the page."""
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",  # ask each time; the hash answers 304
}


class StaticFile(NamedTuple):
    """One file of the page."""

    content: bytes
    media_type: str


@lru_cache(maxsize=1)
def static_files() -> dict[str, StaticFile]:
    """Every file of the page, by its name."""
    folder = files(__package__).joinpath("static")
    return {
        each.name: StaticFile(each.read_bytes(), _TYPES[each.name.rpartition(".")[2]])
        for each in folder.iterdir()
        if each.name.rpartition(".")[2] in _TYPES
    }


@router.get("/", include_in_schema=False)
async def page(request: Context) -> Response:
    """The page, or with PAGE=false the API's documentation."""
    settings = request.settings
    if not settings.page:
        return RedirectResponse(f"{settings.root_path}/docs")
    html = static_files()["index.html"].content
    # Links are relative to this, so that the page works below ROOT_PATH too.
    html = html.replace(b'<base href="/">', f'<base href="{escape(settings.root_path)}/">'.encode())
    return _reply(request, StaticFile(html, _TYPES["html"]))


@router.get("/page/{file}", include_in_schema=False)
async def static_file(request: Context) -> Response:
    """A stylesheet, a script or a drawing of the page."""
    name = request.path_params["file"]
    found = static_files().get(name)
    if found is None or not request.settings.page:
        return PlainTextResponse(f"the page has no file {name[:100]!r}", 404)
    return _reply(request, found)


@router.get("/redoc", include_in_schema=False)
async def redoc(request: Context) -> Response:
    """The documentation as ReDoc shows it, without the logo that it asks another server for."""
    root = request.settings.root_path
    assets = f"{root}/static-offline-docs"
    reply = get_redoc_html(
        openapi_url=f"{root}/openapi.json",
        title="Lutrin - ReDoc",
        redoc_js_url=f"{assets}/redoc.standalone.js",
        redoc_favicon_url=f"{assets}/favicon.png",
        with_google_fonts=False,
    )
    reply.headers["content-security-policy"] = "img-src 'self' data: blob:; connect-src 'self'"
    return reply


def _reply(request: Context, file: StaticFile) -> Response:
    etag = f'"{hashlib.sha256(file.content).hexdigest()[:32]}"'
    headers = {**_HEADERS, "etag": etag}
    if request.header(b"if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)
