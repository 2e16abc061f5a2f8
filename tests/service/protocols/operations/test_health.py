"""Health and counters, as an orchestrator asks for them."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.exports import write_classifier
from tests.images import LIGHT
from tests.server import Server


@pytest.mark.parametrize("path", ["/health/live", "/livez", "/health/ready", "/readyz"])
def test_health_answers_probes(server: Server, path: str) -> None:
    assert server.client.get(path).status_code == 200
    head = server.client.head(path)
    assert (head.status_code, head.content) == (200, b"")


def test_ready_waits_for_the_required_models_alone(tmp_path: Path) -> None:
    write_classifier(tmp_path / "good" / "1")
    (tmp_path / "bad" / "1").mkdir(parents=True)
    (tmp_path / "bad" / "1" / "saved_model.pb").write_bytes(b"no model")
    (tmp_path / "bad" / "1" / "assets.extra").mkdir()
    (tmp_path / "bad" / "1" / "assets.extra" / "manifest.json").write_text("{}")
    with Server(MODELS_DIR=tmp_path, REQUIRED_MODELS='["good"]') as server:
        assert server.client.get("/health/ready").json() == {"ready": True, "missing": {}}
    with Server(
        MODELS_DIR=tmp_path, REQUIRED_MODELS='["good", "absent"]', wait_ready=False
    ) as server:
        server.wait_settled()
        reply = server.client.get("/health/ready")
        assert reply.status_code == 503
        assert reply.json()["missing"].keys() == {"absent"}
        assert server.client.get("/health/live").status_code == 200


def test_a_bad_model_that_comes_later_keeps_no_requests_from_the_others(
    tmp_path: Path, models_dir: Path
) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad" / "1"
    shutil.copytree(models_dir / "shade", good)
    with Server(MODELS_DIR=tmp_path) as server:
        bad.mkdir(parents=True)
        (bad / "saved_model.pb").write_bytes(b"no model")
        (bad / "assets.extra").mkdir()
        (bad / "assets.extra" / "manifest.json").write_text("{}")
        for _ in range(200):
            assert server.client.get("/health/ready").status_code == 200
            if "failed" in server.client.get("/v1/models").text:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("the bad model was not found")
    with Server(MODELS_DIR=tmp_path, wait_ready=False) as server:
        server.wait_settled()
        assert "bad" in server.client.get("/health/ready").json()["missing"], "there at the start"


def test_an_empty_folder_is_alive_and_says_so(tmp_path: Path) -> None:
    with Server(MODELS_DIR=tmp_path, wait_ready=False) as server:
        ready = server.client.get("/health/ready")
        assert ready.status_code == 503, "a folder mounted wrongly must not pass for a service"
        assert "no models in" in ready.text
        assert server.client.get("/health/live").status_code == 200
        assert server.client.get("/v1/models").json()["data"] == []
        reply = server.client.post(
            "/v1/classify", content=LIGHT, headers={"content-type": "image/png"}
        )
        assert reply.status_code == 503
        assert "none at all" in reply.json()["error"]["message"]
        assert any("no models in" in line for line in server.log)


def test_metrics_count_answers(server: Server) -> None:
    def count() -> float:
        lines = server.client.get("/metrics").text.splitlines()
        name = 'lutrin_requests_total{route="/v1/classify",status="200"}'
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    before = count()
    for _ in range(3):
        server.client.post("/v1/classify", content=LIGHT, headers={"content-type": "image/png"})
    assert count() == before + 3
    assert 'lutrin_model_ready{model="shade",version="1"} 1.0' in server.client.get("/metrics").text
