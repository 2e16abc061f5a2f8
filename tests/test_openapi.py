"""The OpenAPI document is sound, its examples work, and the service answers as it promises."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.protocols.openapi import example
from tests.exports import write_classifier
from tests.exports_encoder import write_encoder
from tests.server import Server

ROOT = Path(__file__).parent.parent
TOKEN = "a-token-of-the-tests"  # noqa: S105 — no secret
PLAN = """models:
  mnist-lenet5:
    labels: {stable: 1}
  shade:
    versions: all
    labels: {stable: 1, canary: 2}
    traffic: {canary: 10%}
"""
TAGS = [
    "Models",
    "OpenAI",
    "TensorFlow Serving",
    "Open Inference Protocol",
    "Search",
    "Administration",
    "Operations",
]
WORKING = ("digit", "classes")
"""The examples, by name, that are for the model which they name."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the examples' models, of one with two versions, and of one to be unloaded."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(ROOT / "models" / example.MODEL, folder / example.MODEL)
    write_encoder(folder / example.ENCODER / "1")
    write_classifier(folder / "shade" / "1")
    shutil.copytree(folder / "shade" / "1", folder / "shade" / "2")
    shutil.copytree(folder / "shade" / "1", folder / "spare" / "1")
    (folder / "models.yaml").write_text(PLAN, encoding="utf-8")
    indexes = tmp_path_factory.mktemp("indexes")
    with Server(MODELS_DIR=folder, INDEXES=indexes, ADMIN="true", ADMIN_TOKEN=TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    """The OpenAPI document."""
    reply = server.client.get("/openapi.json")
    said: dict[str, Any] = reply.json()
    return said


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Its operations, by verb and path."""
    return {
        f"{verb.upper()} {path}": operation
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
    }


def test_every_operation_is_described(
    document: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    assert document["openapi"].startswith("3.1")
    assert [tag["name"] for tag in document["tags"]] == TAGS
    assert all(tag["description"] for tag in document["tags"])
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    for operation in operations.values():
        assert operation["summary"]
        assert operation["description"]
        [tag] = operation["tags"]
        assert tag in TAGS
        for response in operation["responses"].values():
            assert response["headers"]["x-request-id"]["required"]
    assert not [name for name in document["components"]["schemas"] if "__" in name]


def test_what_takes_the_token_says_so(operations: dict[str, dict[str, Any]]) -> None:
    guarded = {name for name, operation in operations.items() if operation.get("security")}
    assert guarded == {
        name
        for name in operations
        if "/v1/admin/" in name or name.endswith(("{model}/load", "{model}/unload"))
    }


def test_the_examples_of_a_digit_are_answered(
    server: Server, operations: dict[str, dict[str, Any]]
) -> None:
    asked = 0
    for name, operation in operations.items():
        verb, path = name.split()
        if path.endswith("regress"):
            continue
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        examples = content.get("examples", {})
        for each in (examples[key]["value"] for key in WORKING if key in examples):
            reply = server.client.request(verb, path, json=each)
            assert reply.status_code == 200, f"{name}: {reply.text}"
            assert reply.headers["x-model-name"] == example.MODEL
            asked += 1
    assert asked == 10
    body = operations["POST /v1/classify"]["requestBody"]["content"]["application/json"]
    reply = server.client.post("/v1/classify", json=body["example"])
    assert reply.json()["results"][0]["predictions"][0]["label"] == "7"


def test_the_examples_of_embeddings_are_answered(
    server: Server, operations: dict[str, dict[str, Any]]
) -> None:
    for path in ("/v1/embeddings", "/openai/v1/embeddings"):
        body = operations[f"POST {path}"]["requestBody"]["content"]["application/json"]
        reply = server.client.post(path, json=body["example"])
        assert reply.status_code == 200, reply.text
        assert reply.headers["x-model-name"] == example.ENCODER
        assert len(reply.json()["data"]) == len(body["example"]["input"])


def test_schemathesis_finds_nothing(
    server: Server, operations: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    command = [
        *(str(Path(sys.executable).parent / "st"), "--no-color"),
        *("--config-file", str(ROOT / "tests" / "schemathesis.toml")),
        *("run", f"{server.url}/openapi.json", "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", "8", "--seed", "5", "--generation-deterministic", "--no-shrink"),
        *("--request-timeout", "60", "--warnings", "off", "--suppress-health-check", "all"),
    ]
    environment = os.environ | {"ADMIN_TOKEN": TOKEN}
    run = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    assert f"Tested: {len(operations)}" in run.stdout, run.stdout[-2_000:]
