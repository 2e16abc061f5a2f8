"""What a model sees of an image, and where it looks: asked over HTTP, of a model that is known."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.server import Server

_PNG = {"content-type": "image/png"}


def _spot() -> tuple[bytes, NDArray[np.uint8]]:
    """A black image with one light spot of 2 × 2 pixels, as a file and as pixels."""
    pixels = np.zeros((8, 8), np.uint8)
    pixels[2:4, 4:6] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue(), pixels


@pytest.fixture(scope="module", params=["openvino", "tensorflow"])
def runtime(request: pytest.FixtureRequest, models_dir: Path) -> Iterator[Server]:
    with Server(MODELS_DIR=models_dir, RUNTIME=request.param, MAX_IMAGES=3) as server:
        yield server


def test_the_only_light_spot_is_where_the_model_sees_light(runtime: Server) -> None:
    file, pixels = _spot()
    reply = runtime.client.post(
        "/v1/explain", content=file, headers=_PNG, params={"index": 2, "grid": 4}
    )
    assert reply.status_code == 200, reply.text
    said = reply.json()
    assert (said["label"], said["index"], said["runs"]) == ("light", 2, 17)
    importance = np.array(said["importance"])
    assert importance.shape == (4, 4)
    # Hidden, the spot leaves a black image, which is surely not light; elsewhere nothing changes.
    assert int(importance.argmax()) == 4 * 1 + 2
    assert importance[1, 2] > 0
    assert np.abs(importance[[0, 1, 2, 3], [0, 0, 0, 0]]).max() < 1e-6
    assert np.abs(importance[3]).max() < 1e-6
    seen = base64.b64decode(said["image"].removeprefix("data:image/png;base64,"))
    assert (np.asarray(Image.open(io.BytesIO(seen))) == pixels).all()


def test_the_best_class_is_explained_where_none_is_named(server: Server) -> None:
    file, _ = _spot()
    best = server.client.post("/v1/classify", content=file, headers=_PNG).json()
    said = server.client.post("/v1/explain", content=file, headers=_PNG).json()
    top = best["results"][0]["predictions"][0]
    assert said["label"] == top["label"]
    assert said["score"] == pytest.approx(top["score"], abs=1e-6)
    assert len(said["importance"]) == 8


@pytest.mark.parametrize(
    ("params", "param"), [({"grid": 17}, "grid"), ({"grid": 1}, "grid"), ({"index": 3}, "index")]
)
def test_what_cannot_be_explained_is_refused(
    server: Server, params: dict[str, int], param: str
) -> None:
    file, _ = _spot()
    reply = server.client.post("/v1/explain", content=file, headers=_PNG, params=params)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param


def test_one_image_is_explained_at_a_time(server: Server) -> None:
    file, _ = _spot()
    image = base64.b64encode(file).decode()
    reply = server.client.post("/v1/explain", json={"images": [image, image]})
    assert reply.status_code == 400
    assert "got 2" in reply.json()["error"]["message"]


def test_preprocess_shows_the_pixels_that_the_model_gets(server: Server) -> None:
    wide = io.BytesIO()
    Image.new("RGB", (64, 16), (200, 200, 200)).save(wide, "JPEG")
    files = [("image", ("wide.jpg", wide.getvalue(), "image/jpeg"))] * 2
    reply = server.client.post("/v1/preprocess", files=files)
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-model-name"] == "shade"
    shown = reply.json()["images"]
    assert len(shown) == 2
    image = Image.open(io.BytesIO(base64.b64decode(shown[0].partition(",")[2])))
    assert (image.size, image.mode) == ((8, 8), "L")
    assert np.abs(np.asarray(image).astype(int) - 200).max() <= 2


def test_a_file_that_is_no_image_is_named(server: Server) -> None:
    reply = server.client.post("/v1/preprocess", content=b"no image", headers=_PNG)
    assert reply.status_code in (400, 415)
    assert reply.json()["error"]["param"] == "images[0]"
