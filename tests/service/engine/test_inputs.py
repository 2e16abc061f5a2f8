"""Inputs know the field of the request that they came from, and errors name it."""

from __future__ import annotations

import pytest

from service.engine.inputs import Inputs
from service.errors import InferenceFailed, InvalidImage, InvalidInput
from tests.images import LIGHT


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        (Inputs(["a", "b", "c"]), "input[2]"),
        (Inputs(["a", "b", "c"], "documents"), "documents[2]"),
        (Inputs(["a", "b", "c"], "items", ["x", "y", "items[7].text"]), "items[7].text"),
    ],
)
def test_an_error_of_the_request_names_the_field(inputs: Inputs, name: str) -> None:
    with pytest.raises(InvalidInput, match="it is empty") as caught:
        inputs.checked([1, 2], ["a row", InvalidInput("it is empty")])
    assert caught.value.param == name
    assert caught.value.message == f"{name}: it is empty"


def test_an_error_of_the_model_blames_no_field() -> None:
    failure = InferenceFailed("the model failed on this batch")
    with pytest.raises(InferenceFailed) as caught:
        Inputs(["a"]).checked([0], [failure])
    assert caught.value is failure


def test_rows_without_an_error_are_given_back() -> None:
    assert list(Inputs(["a", "b"]).checked([0, 1], [1, 2])) == [1, 2]


def test_a_file_that_is_no_image_is_named() -> None:
    images = Inputs([LIGHT, "a text", b"no image"], "images")
    [image] = images.open_images([0], max_pixels=1_000_000)
    assert (image.width, image.height) == (28, 28)
    with pytest.raises(InvalidImage, match=r"^images\[2\]: ") as caught:
        images.open_images([0, 2], max_pixels=1_000_000)
    assert caught.value.param == "images[2]"
