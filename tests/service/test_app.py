"""The application as a whole: start, stop, documentation, paths, a caller who leaves."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.images import DARK, LIGHT
from tests.server import Server
from tests.slow import write_slow_classifier

PNG = {"content-type": "image/png"}


def test_unknown_paths_and_wrong_verbs_speak_the_envelope(server: Server) -> None:
    for reply, status, code in (
        (server.client.get("/nowhere"), 404, "not_found"),
        (server.client.delete("/v1/classify"), 405, "method_not_allowed"),
        (server.client.post("/v1/classify/"), 404, "not_found"),
        (server.client.post("/health/live"), 405, "method_not_allowed"),
    ):
        assert reply.status_code == status
        error = reply.json()["error"]
        assert error["code"] == code
        assert error["request_id"] == reply.headers["x-request-id"]


def test_the_documentation_needs_no_internet(server: Server) -> None:
    for page in ("/docs", "/redoc"):
        html = server.client.get(page).text
        assets = re.findall(r'(?:src|href)="([^"]+)"', html)
        assert assets
        for asset in assets:
            assert asset.startswith("/"), f"{page} fetches {asset} from elsewhere"
            assert server.client.get(asset).status_code == 200


def test_the_documentation_describes_every_route_and_its_errors(server: Server) -> None:
    document = server.client.get("/openapi.json").json()
    assert {"/v1/classify", "/v1/models", "/health/live", "/health/ready", "/metrics"} <= set(
        document["paths"]
    )
    classify = document["paths"]["/v1/classify"]["post"]
    assert {"multipart/form-data", "image/png", "application/json"} <= set(
        classify["requestBody"]["content"]
    )
    assert {parameter["name"] for parameter in classify["parameters"]} == {
        "model",
        "version",
        "label",
        "key",
        "top_k",
        "candidate_labels",
        "prompt_template",
        "X-Request-Key",
    }
    assert {"200", "400", "404", "413", "415", "429", "503", "504"} <= set(classify["responses"])


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_the_documentation_page_renders_in_a_browser(server: Server, tmp_path: Path) -> None:
    page = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={tmp_path}", "--virtual-time-budget=15000", "--dump-dom"),
            f"{server.url}/docs",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    assert "Classify images" in page
    assert "/v1/classify" in page


def test_a_reverse_proxys_prefix_works_stripped_or_not(models_dir: Path) -> None:
    with Server(MODELS_DIR=models_dir, ROOT_PATH="/lutrin", PAGE="false") as server:
        assert server.client.get("/").headers["location"] == "/lutrin/docs"
        assert server.client.get("/page/app.js").status_code == 404
        for prefix in ("", "/lutrin"):
            assert server.client.get(f"{prefix}/health/ready").status_code == 200
            reply = server.client.post(f"{prefix}/v1/classify", content=LIGHT, headers=PNG)
            assert reply.status_code == 200
        docs = server.client.get("/docs").text
        assert "'/lutrin/openapi.json'" in docs
        assert server.client.get("/lutrin/openapi.json").status_code == 200


def test_sigterm_answers_what_is_in_flight_and_refuses_the_rest(tmp_path: Path) -> None:
    write_slow_classifier(tmp_path / "slow" / "1", seconds=1.0)
    replies: list[httpx.Response] = []
    with Server(MODELS_DIR=tmp_path, RUNTIME="tensorflow", MAX_BATCH_SIZE=1) as server:
        asking = threading.Thread(
            target=lambda: replies.append(
                httpx.post(f"{server.url}/v1/classify", content=LIGHT, headers=PNG, timeout=60)
            )
        )
        asking.start()
        _wait_for_metric(server, "lutrin_requests_in_flight", 1)
        server.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        while _accepts(server.url) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not _accepts(server.url)
        assert asking.is_alive(), "the answer came before the service stopped listening"
        asking.join(60)
        assert server.process.wait(60) == 0
    assert replies[0].status_code == 200
    assert replies[0].json()["results"][0]["predictions"][0]["label"] == "light"


def test_a_caller_who_leaves_does_not_hold_the_queue(tmp_path: Path) -> None:
    write_slow_classifier(tmp_path / "slow" / "1", seconds=0.3)
    settings: dict[str, Any] = {
        "RUNTIME": "tensorflow",
        "MAX_BATCH_SIZE": 1,
        "MAX_IMAGES": 8,
        "MAX_QUEUE": 8,
    }
    with Server(MODELS_DIR=tmp_path, **settings) as server:
        files = [("image", DARK)] * 8
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{server.url}/v1/classify", files=files, timeout=0.4)
        started = time.perf_counter()
        reply = server.client.post("/v1/classify", content=LIGHT, headers=PNG)
        assert reply.status_code == 200
        # Eight rows of 0.3 s stood in the queue; those of the departed are skipped.
        assert time.perf_counter() - started < 1.5


def test_a_full_queue_is_refused_at_once_and_recovers(tmp_path: Path) -> None:
    write_slow_classifier(tmp_path / "slow" / "1", seconds=0.3)
    settings: dict[str, Any] = {
        "RUNTIME": "tensorflow",
        "MAX_BATCH_SIZE": 1,
        "MAX_IMAGES": 2,
        "MAX_QUEUE": 2,
    }
    with Server(MODELS_DIR=tmp_path, **settings) as server:
        statuses: list[int] = []

        def ask() -> None:
            reply = httpx.post(f"{server.url}/v1/classify", content=LIGHT, headers=PNG, timeout=60)
            statuses.append(reply.status_code)
            if reply.status_code == 429:
                assert reply.headers["retry-after"] == "1"
                assert reply.json()["error"]["type"] == "rate_limit_error"

        threads = [threading.Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses.count(200) >= 2
        assert statuses.count(429) >= 1
        assert statuses.count(200) + statuses.count(429) == 10
        assert server.client.post("/v1/classify", content=LIGHT, headers=PNG).status_code == 200


def test_a_body_that_never_comes_is_given_up(models_dir: Path) -> None:
    with Server(MODELS_DIR=models_dir, REQUEST_TIMEOUT_S=0.5) as server:
        url = httpx.URL(server.url)
        with socket.create_connection((url.host, url.port or 0), timeout=20) as half:
            half.sendall(
                b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
                b"Content-Length: 1000\r\n\r\nhalf"
            )
            answer = b"".join(iter(lambda: half.recv(4096), b""))
        assert b" 504 " in answer.partition(b"\r\n")[0]
        assert b"did not arrive" in answer


def test_a_late_answer_is_given_up(tmp_path: Path) -> None:
    write_slow_classifier(tmp_path / "slow" / "1", seconds=1.0)
    with Server(
        MODELS_DIR=tmp_path, RUNTIME="tensorflow", MAX_BATCH_SIZE=1, REQUEST_TIMEOUT_S=0.2
    ) as server:
        reply = server.client.post("/v1/classify", content=LIGHT, headers=PNG)
        assert reply.status_code == 504
        assert reply.json()["error"]["code"] == "deadline_exceeded"


def test_logs_are_json_outside_a_terminal(models_dir: Path) -> None:
    with Server(MODELS_DIR=models_dir, LOG_FORMAT="auto") as server:
        server.stop()
        lines = [json.loads(line) for line in server.log]
    ready = next(line for line in lines if "is ready" in line["message"])
    assert ready["level"] == "INFO"
    assert "openvino" in ready["message"]


def _wait_for_metric(server: Server, name: str, value: float) -> None:
    for _ in range(500):
        lines = server.client.get("/metrics").text.splitlines()
        if any(line.startswith(name) and float(line.split()[-1]) >= value for line in lines):
            return
        time.sleep(0.01)
    raise AssertionError(f"{name} did not reach {value}")


def _accepts(url: str) -> bool:
    address = httpx.URL(url)
    try:
        with socket.create_connection((address.host, address.port or 0), timeout=1):
            return True
    except OSError:
        return False
