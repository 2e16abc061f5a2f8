"""What there is, how it does, and changing it: asked of a running server with Triton's client."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from service.version import __version__
from tests.exports import write_classifier
from tests.server import Server

TOKEN = "correct-horse-battery"  # noqa: S105 — of this test alone
ADMIN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def folder(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("store") / "models"
    shutil.copytree(models_dir, copy)
    return copy


@pytest.fixture(scope="module")
def admin(folder: Path) -> Iterator[Server]:
    with Server(
        MODELS_DIR=folder, WATCH="off", ADMIN="true", ADMIN_TOKEN=TOKEN, SERVER_NAME="ours"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def client(admin: Server) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(admin.url.removeprefix("http://")) as client:
        yield client


def _infer(client: triton.InferenceServerClient, rows: int, **options: str) -> np.ndarray:
    images = triton.InferInput("images", [rows, 8, 8, 1], "UINT8")
    images.set_data_from_numpy(np.zeros((rows, 8, 8, 1), np.uint8))
    scores: np.ndarray = client.infer("shade", [images], **options).as_numpy("probabilities")
    return scores


def test_the_service_introduces_itself(client: triton.InferenceServerClient) -> None:
    said = client.get_server_metadata()
    assert (said["name"], said["version"]) == ("ours", __version__)
    assert {"binary_tensor_data", "classification", "statistics"} <= set(said["extensions"])


def test_health_is_true(admin: Server) -> None:
    get = admin.client.get
    assert get("/v2/health/live").json() == {"live": True}
    assert get("/v2/health/ready").json() == {"ready": True}
    assert get("/v2/models/shade/ready").json() == {"name": "shade", "ready": True}
    assert get("/v2/models/shade/versions/1/ready").status_code == 200
    assert get("/v2/models/shade/versions/9/ready").status_code == 404
    assert admin.client.head("/v2/health/ready").status_code == 200


def test_a_model_says_what_it_takes_and_gives(client: triton.InferenceServerClient) -> None:
    assert client.get_model_metadata("shade", "1") == {
        "name": "shade",
        "versions": ["1"],
        "platform": "openvino",
        "inputs": [{"name": "images", "datatype": "UINT8", "shape": [-1, 8, 8, 1]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]}],
    }


def test_a_model_says_how_it_is_run(client: triton.InferenceServerClient) -> None:
    said = client.get_model_config("shade")
    assert said["max_batch_size"] == 32
    assert said["input"] == [{"name": "images", "data_type": "TYPE_UINT8", "dims": [8, 8, 1]}]
    assert said["output"] == [{"name": "probabilities", "data_type": "TYPE_FP32", "dims": [3]}]
    assert said["version_policy"] == {"latest": {"num_versions": 1}}
    assert said["instance_group"] == [{"kind": "KIND_CPU", "count": 1}]


def test_what_a_model_did_is_counted(client: triton.InferenceServerClient) -> None:
    [before] = client.get_inference_statistics("shade", "1")["model_stats"]
    for rows in (3, 3, 1):
        _infer(client, rows)
    with pytest.raises(InferenceServerException):
        _infer(client, 1, model_version="7")
    [after] = client.get_inference_statistics()["model_stats"]
    assert (after["name"], after["version"]) == ("shade", "1")
    assert after["inference_count"] - before["inference_count"] == 7
    assert after["execution_count"] - before["execution_count"] == 3
    assert after["last_inference"] > before["last_inference"]
    success, queue = (after["inference_stats"][each] for each in ("success", "queue"))
    assert success["count"] - before["inference_stats"]["success"]["count"] == 3
    assert 0 <= queue["ns"] < success["ns"]
    assert {each["batch_size"] for each in after["batch_stats"]} >= {1, 3}


@pytest.mark.parametrize(
    ("verb", "path", "status", "message"),
    [
        ("GET", "/v2/", 404, "there is no /v2/"),
        ("GET", "/v2/modles/shade", 404, "there is no /v2/modles/shade"),
        ("POST", "/v2/models/shade/generate", 404, "there is no"),
        ("GET", "/v2/models/shade/versions/1/stat", 404, "there is no"),
        ("GET", "/v2/models/nope", 404, "there is no model 'nope'"),
        ("GET", "/v2/models/nope/ready", 404, "there is no model 'nope'"),
        ("GET", "/v2/models/shade/versions/0", 400, "an integer value > 0"),
        ("GET", "/v2/models/shade/versions/1e3/stats", 400, "an integer value > 0"),
        ("POST", "/v2/models/shade/infer", 400, "JSON"),
        ("GET", "/v2/models/shade/infer", 405, "it takes POST"),
        ("DELETE", "/v2", 405, "it takes GET"),
        ("PATCH", "/v2/models/shade/versions/1", 405, "it takes GET"),
        ("POST", "/v2/health/live", 405, "it takes GET"),
    ],
)
def test_mistakes_are_told_in_the_protocol_s_shape(
    server: Server, verb: str, path: str, status: int, message: str
) -> None:
    reply = server.client.request(verb, path)
    assert reply.status_code == status
    assert list(reply.json()) == ["error"]
    assert message in reply.json()["error"]
    assert "x-request-id" in reply.headers
    assert reply.headers.get("allow") == (
        message.removeprefix("it takes ") if status == 405 else None
    )


@pytest.mark.parametrize("body", [b"", b"{}", b'{"ready": true}', b'{"ready": false}'])
def test_the_index_lists_every_version(server: Server, body: bytes) -> None:
    reply = server.client.post("/v2/repository/index", content=body)
    assert reply.json() == [{"name": "shade", "version": "1", "state": "READY", "reason": ""}]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"ready": 1}'])
def test_an_index_of_nonsense_is_refused(server: Server, body: bytes) -> None:
    reply = server.client.post("/v2/repository/index", content=body)
    assert reply.status_code == 400
    assert list(reply.json()) == ["error"]


def test_nobody_changes_anything_where_that_is_off(server: Server) -> None:
    for change in ("load", "unload"):
        reply = server.client.post(f"/v2/repository/models/shade/{change}", headers=ADMIN)
        assert reply.status_code == 403
        assert "ADMIN=true" in reply.json()["error"]
    assert server.client.get("/v2/models/shade/ready").status_code == 200


def test_changes_take_the_token(admin: Server) -> None:
    for headers in ({}, {"Authorization": "Bearer guess"}):
        reply = admin.client.post("/v2/repository/models/shade/unload", headers=headers)
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"] == "Bearer"
    assert admin.client.get("/v2/models/shade/ready").status_code == 200


def test_an_export_is_not_overridden(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="'config' cannot override an export"):
        client.load_model("shade", headers=ADMIN, config="{}")
    with pytest.raises(InferenceServerException, match="cannot override an export"):
        client.load_model("shade", headers=ADMIN, config="{}", files={"file:1/saved_model.pb": b""})


@pytest.mark.parametrize("change", ["load", "unload"])
def test_parameters_are_an_object(admin: Server, change: str) -> None:
    url, body = f"/v2/repository/models/shade/{change}", {"parameters": False}
    reply = admin.client.post(url, json=body, headers=ADMIN)
    assert (reply.status_code, reply.json()["error"]) == (400, "'parameters' is an object")


def test_a_model_is_unloaded_and_loaded(client: triton.InferenceServerClient) -> None:
    client.unload_model("shade", headers=ADMIN)
    assert not client.is_model_ready("shade")
    [entry] = client.get_model_repository_index()
    assert entry["state"] == "UNAVAILABLE"
    assert "operator" in entry["reason"]
    for ask in (lambda: _infer(client, 1), lambda: client.get_model_metadata("shade")):
        with pytest.raises(InferenceServerException, match="unloaded") as caught:
            ask()
        assert caught.value.status() == "503"
    client.load_model("shade", headers=ADMIN)
    assert client.is_model_ready("shade")
    assert _infer(client, 1).argmax() == 0


def test_loading_brings_in_what_is_new_or_says_what_is_wrong_with_it(
    client: triton.InferenceServerClient, folder: Path
) -> None:
    write_classifier(folder / "shade" / "2", labels=("black", "white"))
    write_classifier(folder / "broken" / "1")
    (folder / "broken" / "1" / "assets.extra" / "golden.npz").write_bytes(b"nonsense")
    time.sleep(1.2)  # what changed a moment ago may be a copy that still goes on
    client.load_model("shade", headers=ADMIN)
    assert client.get_model_metadata("shade")["versions"] == ["2"]
    assert _infer(client, 1).shape == (1, 2)
    with pytest.raises(InferenceServerException, match="'broken' cannot be loaded") as caught:
        client.load_model("broken", headers=ADMIN)
    assert caught.value.status() == "400"
    with pytest.raises(InferenceServerException, match="there is no model 'nope'"):
        client.load_model("nope", headers=ADMIN)
