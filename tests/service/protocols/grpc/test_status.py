"""Every kind of error has a status in gRPC."""

from __future__ import annotations

import pytest
from grpc import StatusCode

from service import errors
from service.errors import ServiceError
from service.protocols.grpc.status import status_of

OURS = {StatusCode.INTERNAL}
MAY_BE_TRIED_AGAIN = {StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED}
THEIRS = {
    StatusCode.INVALID_ARGUMENT,
    StatusCode.NOT_FOUND,
    StatusCode.PERMISSION_DENIED,
    StatusCode.UNAUTHENTICATED,
    StatusCode.UNIMPLEMENTED,
}


def _kinds(root: type[ServiceError] = ServiceError) -> list[type[ServiceError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in _kinds(child))]


@pytest.mark.parametrize("kind", _kinds())
def test_every_kind_has_a_status_of_its_family(kind: type[ServiceError]) -> None:
    families = {
        errors.RequestError: THEIRS,
        errors.CapacityError: MAY_BE_TRIED_AGAIN,
        errors.ModelError: OURS,
    }
    status = status_of(kind("what went wrong"))
    expected = [statuses for family, statuses in families.items() if issubclass(kind, family)]
    assert status in (expected[0] if expected else OURS | THEIRS)
