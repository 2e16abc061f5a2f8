"""The error tree: drawn as it is, and every kind of it has a status in every protocol."""

from __future__ import annotations

import re

import pytest

from service import errors, protocols
from service.errors import ServiceError
from service.protocols.http.route import EnvelopeRoute


def kinds(root: type[ServiceError] = ServiceError) -> list[type[ServiceError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in kinds(child))]


def routes(root: type[EnvelopeRoute] = EnvelopeRoute) -> list[type[EnvelopeRoute]]:
    return [route for child in root.__subclasses__() for route in (child, *routes(child))]


def test_the_drawing_is_the_tree() -> None:
    lines = re.findall(r"^([│├└─ ]*)([A-Z]\w+)(?: {2,}.*)?$", errors.__doc__ or "", re.MULTILINE)
    drawn = [(len(branch) // 3, name) for branch, name in lines]
    real = [(len(kind.__mro__) - len(ServiceError.__mro__), kind.__name__) for kind in kinds()]
    assert drawn == real


def test_every_class_says_what_it_is() -> None:
    for kind in kinds():
        assert kind.__doc__
        assert kind.__doc__.endswith(".")


def test_an_error_keeps_its_message_and_field() -> None:
    error = errors.InvalidImage("not an image", param="images[3]")
    assert (str(error), error.message, error.param) == ("not an image",) * 2 + ("images[3]",)
    assert errors.NotReady("later").param is None


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_has_a_status_in_every_protocol(kind: type[ServiceError]) -> None:
    assert protocols.routers()
    assert routes()
    for route in routes():
        status = route.status(kind("what went wrong", param="x"))
        expected = {errors.RequestError: range(400, 500), errors.ModelError: range(500, 600)}
        for family, statuses in expected.items():
            if issubclass(kind, family):
                assert status in statuses, f"{route.__name__} answers {kind.__name__} by {status}"
        assert b"what went wrong" in route.body(kind("what went wrong"), status, "id")
