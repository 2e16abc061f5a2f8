"""Which status of gRPC stands for which kind of error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grpc import StatusCode

from service.errors import (
    CapacityError,
    DeadlineExceeded,
    Forbidden,
    ModelError,
    ModelNotFound,
    RequestError,
    ServiceError,
    Unauthorized,
    Unimplemented,
    UnsupportedType,
    VersionNotFound,
)

STATUSES: Final[Mapping[type[ServiceError], StatusCode]] = {
    ServiceError: StatusCode.INTERNAL,
    RequestError: StatusCode.INVALID_ARGUMENT,
    Unauthorized: StatusCode.UNAUTHENTICATED,
    Forbidden: StatusCode.PERMISSION_DENIED,
    ModelNotFound: StatusCode.NOT_FOUND,
    VersionNotFound: StatusCode.NOT_FOUND,
    UnsupportedType: StatusCode.UNIMPLEMENTED,
    CapacityError: StatusCode.UNAVAILABLE,  # what clients may try again
    DeadlineExceeded: StatusCode.DEADLINE_EXCEEDED,
    ModelError: StatusCode.INTERNAL,
    Unimplemented: StatusCode.UNIMPLEMENTED,
}
"""By kind of error; a kind not listed has the status of its nearest parent."""


class Refused(Exception):
    """A status and a text that one protocol prescribes, where the kinds of error have another."""

    def __init__(self, status: StatusCode, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def status_of(error: ServiceError) -> StatusCode:
    """The gRPC status of an error."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
