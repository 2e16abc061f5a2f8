"""The Dockerfile and docker-compose.yml, read without an engine.

`python -m tests.containers` really builds the images and runs them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final

import pytest
import yaml

from service.settings import Settings
from tests.containers.dockerfile import ROOT, STAGES, ignored_patterns, is_ignored, last, lineage

TARGETS: Final = ("training", "service-tensorflow", "service")
SERVING: Final = ("service-tensorflow", "service")
INSIDE: Final = {
    "HOST": "0.0.0.0",  # noqa: S104
    "PORT": "8000",
    "MODELS_DIR": "/models",
    "INDEXES": "/indexes",
}
GRPC_PORT: Final = "8500"

COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


# --- Dockerfile ----------------------------------------------------------------------------------


def test_a_build_without_a_target_makes_the_service() -> None:
    assert tuple(STAGES)[-3:] == TARGETS


def test_every_copied_source_enters_the_build() -> None:
    own = [one for stage in STAGES.values() for one in stage if one.keyword == "COPY"]
    sources = [word for one in own if not one.flags for word in one.words[:-1]]
    assert {"service", "training", "models", "pyproject.toml", "constraints.txt"} <= set(sources)
    for source in sources:
        path = ROOT / source
        assert path.exists(), f"the Dockerfile copies {source}, which is not there"
        files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
        names = [str(one.relative_to(ROOT)) for one in files]
        assert any(not is_ignored(name, ignored_patterns()) for name in names), source


def test_stages_copy_only_from_stages_above_them() -> None:
    names = list(STAGES)
    for name, stage in STAGES.items():
        for flag in (flag for one in stage if one.keyword == "COPY" for flag in one.flags):
            assert names.index(flag.removeprefix("--from=")) < names.index(name)


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".env",
        "runs/mnist-mlp/1/history.csv",
        "tests/test_containers.py",
        "service/__pycache__/app.cpython-312.pyc",
        "models/somebody-elses/1/saved_model.pb",
        "models/mnist-lenet5/1/assets.extra/keras/model.keras",
    ],
)
def test_the_build_sees_nothing_it_does_not_copy(path: str) -> None:
    assert is_ignored(path, ignored_patterns())


@pytest.mark.parametrize("target", TARGETS)
def test_images_run_as_a_numbered_user_by_exec_forms(target: str) -> None:
    uid, gid = last(target, "USER").split(":")
    assert int(uid) >= 1000 and int(gid) >= 1000
    assert any(f"--uid {uid} " in one.value for one in lineage(target) if one.keyword == "RUN")
    package = "training" if target == "training" else "service"
    assert json.loads(last(target, "ENTRYPOINT")) == ["python", "-m", package]
    assert isinstance(json.loads(last(target, "CMD")), list)
    assert last(target, "STOPSIGNAL") == "SIGTERM"


@pytest.mark.parametrize("target", SERVING)
def test_serving_images_set_only_settings_that_exist(target: str) -> None:
    environment = dict(
        pair.split("=", 1)
        for one in lineage(target)
        if one.keyword == "ENV"
        for pair in one.words
        if not pair.startswith(("HOME=", "PATH=", "PYTHON"))
    )
    assert environment == INSIDE | {"LOG_FORMAT": "json"}
    assert {name.lower() for name in environment} <= set(Settings.model_fields)
    assert last(target, "EXPOSE").split() == [environment["PORT"], GRPC_PORT]


def test_the_service_image_has_no_tensorflow() -> None:
    installs = [one.value for one in lineage("service-environment") if "pip" in one.value]
    assert installs
    assert not any("tensorflow" in install for install in installs)
    copied = {flag for one in lineage("service") for flag in one.flags if flag[:6] == "--from"}
    assert copied == {"--from=service-environment", "--from=service-code"}


def test_packages_come_from_extras_that_exist_at_constrained_versions() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    runs = [one.value for stage in STAGES.values() for one in stage if " install " in one.value]
    installs = [run for run in runs if "-m pip" in run]
    assert len(installs) == len(TARGETS)
    for install in installs:
        assert "-c /requirements/constraints.txt" in install
        used = re.findall(r"-r /requirements/([a-z]+)\.txt", install)
        assert used
        assert set(used) <= set(extras["optional-dependencies"])


class _Service(HTTPServer):
    """Answers /health/ready with `status`, and nothing else."""

    status = 200


class _Answer(BaseHTTPRequestHandler):
    server: _Service

    def do_GET(self) -> None:
        self.send_response(self.server.status if self.path == "/health/ready" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@pytest.fixture
def health() -> Iterator[_Service]:
    server = _Service(("127.0.0.1", 0), _Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_asks_whether_the_service_is_ready(
    health: _Service, status: int, healthy: bool
) -> None:
    health.status = status
    _, command = last("service", "HEALTHCHECK").split(" CMD ")
    python, *arguments = json.loads(command)
    assert python == "python"
    environment = os.environ | {"PORT": str(health.server_port), "http_proxy": "http://nowhere:1"}
    run = subprocess.run(
        [sys.executable, *arguments], env=environment, timeout=20, capture_output=True, check=False
    )
    assert (run.returncode == 0) is healthy, run.stderr


# --- docker-compose.yml --------------------------------------------------------------------------


def test_the_service_alone_starts_by_default() -> None:
    profiles = {name: one.get("profiles") for name, one in COMPOSE["services"].items()}
    assert profiles == {"service": None, "gpu": ["gpu"], "training": ["training"]}


def test_compose_builds_targets_of_the_dockerfile() -> None:
    builds = {name: one["build"] for name, one in COMPOSE["services"].items()}
    assert {name: build["target"] for name, build in builds.items()} == {
        "service": "service",
        "gpu": "service-tensorflow",
        "training": "training",
    }
    known = {
        one.words[0].partition("=")[0]
        for stage in STAGES.values()
        for one in stage
        if one.keyword == "ARG"
    }
    for build in builds.values():
        assert set(build.get("args", {})) <= known


def test_models_are_read_only_for_serving_and_writable_for_training() -> None:
    mounts = {name: one["volumes"] for name, one in COMPOSE["services"].items()}
    assert "./models:/models:ro" in mounts["service"]
    assert "./models:/models:ro" in mounts["gpu"]
    assert f"./models:{last('training', 'WORKDIR')}/models:rw" in mounts["training"]


@pytest.mark.parametrize("name", ["service", "gpu", "training"])
def test_containers_can_write_nothing_but_their_mounts_and_gain_no_rights(name: str) -> None:
    container = COMPOSE["services"][name]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["tmpfs"][0].startswith("/tmp:")  # noqa: S108
    assert container["env_file"] == [{"path": ".env", "required": False}]


@pytest.mark.parametrize("name", ["service", "gpu"])
def test_serving_restarts_and_ends_in_peace(name: str) -> None:
    container = COMPOSE["services"][name]
    assert container["restart"] == "unless-stopped"
    grace = int(container["stop_grace_period"].removesuffix("s"))
    assert grace > Settings.model_fields["shutdown_timeout_s"].default
    assert {"interval", "timeout", "start_period", "retries"} == set(container["healthcheck"])


def test_ports_are_configurable_and_stay_on_this_machine_unless_told() -> None:
    ports = {name: one.get("ports") for name, one in COMPOSE["services"].items()}
    assert ports == {
        "service": [
            "${ADDRESS:-127.0.0.1}:${PORT:-8000}:8000",
            "${ADDRESS:-127.0.0.1}:${GRPC_PORT:-0}:" + GRPC_PORT,
        ],
        "gpu": [
            "${ADDRESS:-127.0.0.1}:${GPU_PORT:-8001}:8000",
            "${ADDRESS:-127.0.0.1}:${GPU_GRPC_PORT:-0}:" + GRPC_PORT,
        ],
        "training": None,
    }
    for name in ("service", "gpu"):
        # .env may say PORT=9000 for the host: inside, the port that is published must stand.
        inside = COMPOSE["services"][name]["environment"]
        assert inside == INSIDE | {
            "GRPC_PORT": "${GRPC_PORT:+" + GRPC_PORT + "}",
            "INDEXES": "${INDEXES_URL:-/indexes}",
        }


def test_training_writes_files_of_a_user_that_any_shell_can_name() -> None:
    user = COMPOSE["services"]["training"]["user"]
    assert user == "${USER_ID:-1000}:${GROUP_ID:-1000}"
    text = (ROOT / "docker-compose.yml").read_text()
    assert "USER_ID, GROUP_ID" in text
    read_only_in_bash = {"UID", "EUID", "PPID"}
    assert not read_only_in_bash & set(re.findall(r"\$\{(\w+)", text))


def test_the_gpu_profile_reserves_gpus_and_brings_their_libraries() -> None:
    gpu = COMPOSE["services"]["gpu"]
    assert gpu["build"]["args"] == {"TENSORFLOW": "tensorflow[and-cuda]"}
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia" and device["capabilities"] == ["gpu"]
