"""OpenAI's error envelope as the OpenAPI document shows it, for our own routes and OpenAI's."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

from service.protocols.openapi.document import Responses


class ErrorDetail(BaseModel):
    """What went wrong and how to mend it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    message: str
    type: str
    """`invalid_request_error`, `authentication_error`, `rate_limit_error`, `server_error` …"""
    param: str | None
    """The field of the request that is at fault, where one is."""
    code: str
    """What kind of error it is, for programs."""
    request_id: str
    """What the service's log calls the request."""


class OpenAIError(BaseModel):
    """An error as OpenAI's clients read it."""

    error: ErrorDetail


_REASONS: Final = {
    400: "Something in the request cannot be used",
    401: "The token is missing or wrong",
    403: "ADMIN is off",
    404: "No such model, version or label",
    409: "A version cannot be loaded; everything stays as it was",
    413: "A limit of the service was passed",
    415: "The content type, its encoding or the image's format is not read",
    429: "The model's queue is full",
    500: "Something went wrong in the service",
    503: "The model is not ready",
    504: "No answer within the time allowed",
}


def errors(*statuses: int) -> Responses:
    """The errors that a route may answer with; 500 is one of any."""
    return {
        status: {"model": OpenAIError, "description": _REASONS[status]}
        for status in sorted({*statuses, 500})
    }
