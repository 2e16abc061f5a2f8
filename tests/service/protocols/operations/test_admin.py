"""The admin routes and what they steer, on a running server: shares, labels, rollbacks, shadows."""

from __future__ import annotations

import base64
import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from tests.exports import write_classifier
from tests.images import LIGHT
from tests.server import Server

T = TypeVar("T")

_TOKEN = "sixteen-or-more-characters"  # noqa: S105 — of this test alone
_TRIAL = {"labels": {"stable": 1, "canary": 2}, "traffic": {"canary": "50%"}}
_PLANS: dict[str, dict[str, Any]] = {
    "shade": _TRIAL | {"traffic": {"canary": "5%"}},
    "fragile": _TRIAL | {"rollback": {"error_rate": "5%", "requests": 50}},
    "sluggish": _TRIAL | {"rollback": {"latency": 1.5, "requests": 20}},
    "fair": _TRIAL,
    "moving": {"versions": [1], "labels": {"stable": 1}},
    "mirrored": {"labels": {"stable": 1, "dark": 2}, "shadow": "dark"},
}


@pytest.fixture(scope="module")
def folder(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planned")
    copies = {
        "shade": 2,
        "fair": 2,
        "moving": 4,
        "mirrored": 1,
        "spare": 1,
        "fragile": 1,
        "sluggish": 1,
    }
    for name, count in copies.items():
        for number in range(1, count + 1):
            shutil.copytree(models_dir / "shade" / "1", folder / name / str(number))
    (folder / "moving" / "4" / "assets.extra" / "golden.npz").unlink()
    write_classifier(folder / "mirrored" / "2", labels=("light", "middle", "dark"))
    write_classifier(folder / "fragile" / "2", fails_on_light=True)
    # Images are made as large as the model takes them, which takes its time.
    write_classifier(folder / "sluggish" / "2", size=(1024, 1024, 1))
    write_plans(folder)
    return folder


def write_plans(folder: Path, **plans: Any) -> None:
    """Write models.yaml anew (JSON is YAML too), with other plans for some models."""
    (folder / ".models.yaml").write_text(json.dumps({"models": _PLANS | plans}, indent=1))
    (folder / ".models.yaml").rename(folder / "models.yaml")


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Server]:
    # Isolated models would each take seconds to start, and nothing here is about that.
    options: dict[str, Any] = {"ADMIN": True, "ADMIN_TOKEN": _TOKEN, "ISOLATION": "never"}
    with Server(MODELS_DIR=folder, **options) as server:
        yield server


def ask(server: Server, model: str, **params: Any) -> httpx.Response:
    headers = {"content-type": "image/png"}
    return server.client.post(
        "/v1/classify", content=LIGHT, headers=headers, params={"model": model, **params}
    )


def version(reply: httpx.Response) -> int:
    assert reply.status_code == 200, reply.text
    number: int = reply.json()["version"]
    assert reply.headers["x-model-version"] == str(number)
    return number


def admin(server: Server, verb: str, path: str, status: int = 200, **options: Any) -> Any:
    headers = {"authorization": f"Bearer {_TOKEN}"}
    reply = server.client.request(verb, f"/v1/admin/models/{path}", headers=headers, **options)
    assert reply.status_code == status, reply.text
    return reply.json()


def waited(get: Callable[[], T], is_good: Callable[[T], bool]) -> T:
    """What `get` gives once that is good."""
    for _ in range(200):
        if is_good(value := get()):
            return value
        time.sleep(0.05)
    raise AssertionError(f"still {value} after 10 s")


def metric(server: Server, sample: str) -> float:
    lines = server.client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(sample))


def test_nothing_is_said_or_done_without_the_token(running: Server, server: Server) -> None:
    for verb, path in [
        *(("GET", "shade"), ("POST", "shade/load"), ("POST", "shade/unload")),
        *(("PUT", "shade/labels"), ("PUT", "shade/traffic"), ("POST", "shade/rollback")),
    ]:
        reply = running.client.request(verb, f"/v1/admin/models/{path}")
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "unauthorized")
        reply = server.client.request(
            verb, f"/v1/admin/models/{path}", headers={"authorization": f"Bearer {_TOKEN}"}
        )
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "forbidden")
        assert "ADMIN is off" in reply.text


def test_five_per_cent_of_the_calls_go_to_the_canary(running: Server) -> None:
    before = Counter(admin(running, "GET", "shade")["traffic"]["calls"])
    counts = Counter(version(ask(running, "shade")) for _ in range(2500))
    assert counts[2] == pytest.approx(125, abs=49), "4.5 σ"
    assert counts.keys() == {1, 2}
    told = admin(running, "GET", "shade")
    assert told["traffic"]["shares"] == {"canary": "5%", "stable": "95%"}
    calls = Counter(told["traffic"]["calls"])
    assert calls - before == {"stable": counts[1], "canary": counts[2]}
    sample = 'lutrin_split_calls_total{label="canary",model="shade",version="2"}'
    assert metric(running, sample) == calls["canary"]


def test_a_key_has_one_side_however_it_is_sent(running: Server) -> None:
    url = "/v1/classify"
    encoded = base64.b64encode(LIGHT).decode()
    sides = set()
    for key in [f"user-{number}" for number in range(40)] + ["ключ"]:
        header = {b"content-type": b"image/png", b"x-request-key": key.encode()}
        asked = {"model": "fair", "key": key}
        replies = [
            ask(running, "fair", key=key),
            running.client.post(url, data=asked, files={"image": LIGHT}),
            running.client.post(url, json=asked | {"images": [encoded]}),
            running.client.post(
                url, params=asked | {"key": "other"}, content=LIGHT, headers=header
            ),
        ]
        [side] = {version(reply) for reply in replies}
        sides.add(side)
    assert sides == {1, 2}


def test_a_key_has_the_same_side_in_every_protocol(running: Server) -> None:
    pixels = [[[[9]] * 8] * 8]
    tensor = {"name": "images", "shape": [1, 8, 8, 1], "datatype": "UINT8", "data": pixels}
    sides = set()
    for number in range(12):
        header = {"x-request-key": f"user-{number}"}
        replies = [
            running.client.post(url, json=body, headers=header)
            for url, body in [
                ("/v2/models/fair/infer", {"inputs": [tensor]}),
                ("/v1/models/fair:predict", {"instances": pixels}),
            ]
        ]
        native = version(ask(running, "fair", key=f"user-{number}"))
        assert [reply.headers["x-model-version"] for reply in replies] == [str(native)] * 2
        sides.add(native)
    assert sides == {1, 2}
    url = "/v1/models/fair/labels/canary:predict"
    reply = running.client.post(url, json={"instances": pixels})
    assert (reply.status_code, reply.headers["x-model-version"]) == (200, "2")


def test_a_version_or_a_label_can_be_asked_for(running: Server) -> None:
    assert {version(ask(running, "fair", version=2)) for _ in range(5)} == {2}
    assert {version(ask(running, "fair", label="stable")) for _ in range(5)} == {1}
    both = ask(running, "fair", label="stable", version=2)
    assert (both.status_code, both.json()["error"]["param"]) == (400, "label")
    unknown = ask(running, "fair", label="dark")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "label_not_found")
    assert "it has: stable, canary" in unknown.text


def test_a_canary_that_fails_loses_its_traffic_by_itself(running: Server) -> None:
    statuses = Counter(ask(running, "fragile").status_code for _ in range(60))
    assert statuses == {200: 57, 500: 3}, "3 of 50 are more than 5 %"
    assert version(ask(running, "fragile")) == 1
    told = admin(running, "GET", "fragile")
    assert "'canary' failed 3 of its last 3 calls" in told["rollbacks"]["canary"]
    assert told["traffic"]["shares"] == {"canary": "0%", "stable": "100%"}
    assert told["changed_by_hand"]
    assert any("fragile: 'canary' is rolled back: 'canary' failed" in line for line in running.log)
    assert metric(running, 'lutrin_rollbacks_total{label="canary",model="fragile"}') == 1
    told = admin(running, "PUT", "fragile/traffic", json={"canary": "100%"})
    assert told["rollbacks"] == {}
    assert ask(running, "fragile").status_code == 500, "an operator set it anew"
    admin(running, "POST", "fragile/rollback")
    assert version(ask(running, "fragile")) == 1


def test_a_canary_that_is_slow_loses_its_traffic_by_itself(running: Server) -> None:
    versions = [version(ask(running, "sluggish")) for _ in range(120)]
    assert versions.count(2) >= 20
    assert set(versions[-20:]) == {1}
    told = admin(running, "GET", "sluggish")
    assert "'canary' took " in told["rollbacks"]["canary"]
    assert "more than 1.5 times as long" in told["rollbacks"]["canary"]


def test_a_shadow_is_asked_aside_and_compared(running: Server) -> None:
    for _ in range(20):
        assert version(ask(running, "mirrored")) == 1
    pixels = {"name": "images", "shape": [2, 8, 8, 1], "datatype": "UINT8", "data": [9] * 128}
    reply = running.client.post("/v2/models/mirrored/infer", json={"inputs": [pixels]})
    assert (reply.status_code, reply.json()["model_version"]) == (200, "1")
    shadow = waited(
        lambda: admin(running, "GET", "mirrored")["shadow"], lambda it: it["compared"] == 22
    )
    assert shadow["different"] == 22, "its classes have each other's names"
    assert (shadow["failed"], shadow["dropped"]) == (0, 0)
    assert shadow["largest_difference"] < 1e-3, "the numbers are the same"
    sample = 'lutrin_shadow_calls_total{label="dark",model="mirrored",outcome="different"}'
    assert metric(running, sample) == 21
    assert version(ask(running, "mirrored", label="dark")) == 2
    running.client.post("/v2/models/mirrored/versions/1/infer", json={"inputs": [pixels]})
    assert metric(running, sample) == 21, "who names a version is not shadowed"


def test_labels_move_under_load_and_no_request_fails(running: Server) -> None:
    ended = threading.Event()
    replies: list[tuple[str, int, int]] = []

    def load(label: str) -> None:
        with httpx.Client(base_url=running.url, timeout=30) as client:
            while not ended.is_set():
                asked = {"model": "moving", "label": label} if label else {"model": "moving"}
                reply = client.post("/v1/classify", data=asked, files={"image": LIGHT})
                replies.append((label, reply.status_code, reply.json().get("version", 0)))

    threads = [threading.Thread(target=load, args=(label,)) for label in ("", "", "stable")]
    for thread in threads:
        thread.start()
    try:
        for target in (2, 3, 1, 3, 2):
            told = admin(running, "PUT", "moving/labels", json={"stable": target})
            assert told["labels"] == {"stable": target}
            assert told["changed_by_hand"] == (target != 1)
            assert ("until the process ends" in told["holds"]) == (target != 1)
            assert version(ask(running, "moving")) == target
            time.sleep(0.1)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert {status for _, status, _ in replies} == {200}
    for label in ("", "stable"):
        assert {number for asked, _, number in replies if asked == label} == {1, 2, 3}


def test_a_change_that_cannot_be_made_is_explained(running: Server) -> None:
    for path, body, status, said in [
        ("labels", {"stable": 4}, 409, "'stable' stays where it is: version 4 of 'moving'"),
        ("labels", {"stable": 9}, 404, "has no version 9; it has: 1, 2, 3, 4"),
        ("labels", {"stable": "2"}, 400, "labels.stable: got '2': expected a whole number"),
        ("labels", {"sta ble": 2}, 400, "a label is letters, digits"),
        ("traffic", {"canary": "5%"}, 400, "there is no label 'canary'; 'labels' has: stable"),
        ("traffic", {"stable": "150%"}, 400, "traffic.stable: got '150%': a share is from 0%"),
        ("traffic", {}, 400, "the body names no label"),
        ("labels", [1], 400, "the body is a JSON object"),
    ]:
        error = admin(running, "PUT", f"moving/{path}", status, json=body)["error"]
        assert said in error["message"]
    admin(running, "PUT", "moving/labels", 400, content=b"{")
    admin(running, "POST", "moving/rollback", 400)
    admin(running, "GET", "nothing", 404)
    admin(running, "PUT", "nothing/labels", 404, json={"stable": 1})


def test_a_model_is_unloaded_and_loaded_by_hand(running: Server) -> None:
    told = admin(running, "POST", "spare/unload")
    assert {each["state"] for each in told["versions"]} == {"unloaded"}
    assert told["unloaded_by_hand"]
    assert ask(running, "spare").status_code == 503
    told = admin(running, "POST", "spare/load")
    assert {each["state"] for each in told["versions"]} == {"ready"}
    assert version(ask(running, "spare")) == 1


def test_one_line_of_the_file_rolls_back_and_a_wrong_one_changes_nothing(
    running: Server, folder: Path
) -> None:
    def share() -> str:
        shares: dict[str, str] = admin(running, "GET", "fair")["traffic"]["shares"]
        return shares["canary"]

    write_plans(folder, fair=_TRIAL | {"traffic": {"canary": "100%"}})
    waited(share, lambda it: it == "100%")
    assert version(ask(running, "fair")) == 2
    write_plans(folder, fair=_TRIAL | {"traffic": {"canary": "0%"}})
    waited(share, lambda it: it == "0%")
    assert version(ask(running, "fair")) == 1
    write_plans(folder, fair=_TRIAL | {"traffic": {"canari": "50%"}})
    waited(lambda: metric(running, "lutrin_models_file_valid"), lambda it: it == 0)
    assert version(ask(running, "fair")) == 1
    assert any("fair.traffic.canari: there is no label 'canari'" in line for line in running.log)
    write_plans(folder)
    waited(share, lambda it: it == "50%")
    assert metric(running, "lutrin_models_file_valid") == 1
