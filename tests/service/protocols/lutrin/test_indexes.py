"""Indexes, filled and asked over HTTP: what is near is found, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import base64
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.engine.engine import Engine
from service.errors import Forbidden
from service.search.search import Search
from service.settings import Settings
from tests.databases import postgres
from tests.exports_encoder import COLOURS, write_encoder
from tests.images import encode
from tests.server import Server


def _file(colour: str) -> bytes:
    return encode(np.full((8, 8, 3), COLOURS[colour], np.uint8))


def _base64(colour: str) -> str:
    return base64.b64encode(_file(colour)).decode()


@pytest.fixture(scope="module")
def server(colours_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of one model of vectors, with indexes in a folder of its own."""
    with Server(MODELS_DIR=colours_dir, INDEXES=tmp_path_factory.mktemp("indexes")) as running:
        yield running


@pytest.fixture
def index(server: Server, request: pytest.FixtureRequest) -> str:
    """The path of an index of the test's own, which is not there yet."""
    return f"/v1/indexes/{request.node.name.lower()[:60].strip('_[]')}"


def _add(server: Server, index: str, *items: Any, **options: Any) -> list[str]:
    reply = server.client.post(f"{index}/items", json={"items": list(items), **options})
    assert reply.status_code == 200, reply.text
    ids: list[str] = reply.json()["ids"]
    return ids


def _found(server: Server, index: str, **query: Any) -> list[str]:
    reply = server.client.post(f"{index}/query", json=query)
    assert reply.status_code == 200, reply.text
    return [each["id"] for each in reply.json()["results"]]


def _error(reply: httpx.Response, status: int, code: str) -> str:
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert error["code"] == code
    return str(error["message"])


def test_texts_and_images_are_found_by_texts_and_images(server: Server, index: str) -> None:
    ids = _add(
        server,
        index,
        {"id": "said", "text": "red"},
        {"id": "seen", "image": _base64("blue"), "metadata": {"width": 8}},
        "green",
    )
    assert ids[:2] == ["said", "seen"]
    assert len(ids[2]) == 36
    assert _found(server, index, text="the blue", top_k=1) == ["seen"]
    assert _found(server, index, image=_base64("green"), top_k=1) == [ids[2]]
    reply = server.client.post(f"{index}/query", json={"image": _base64("red"), "top_k": 2})
    assert (reply.headers["x-model-name"], reply.headers["x-model-version"]) == ("colours", "1")
    answer = reply.json()
    assert (answer["model"], answer["version"]) == ("colours", 1)
    best, second = answer["results"]
    assert best == {"id": "said", "score": best["score"], "metadata": {}, "text": "red"}
    assert 1 >= best["score"] > 0.9 > second["score"]


def test_an_item_keeps_what_was_sent_and_is_replaced_by_its_id(server: Server, index: str) -> None:
    _add(server, index, {"id": "a/b c?é", "text": "red", "metadata": {"x": 1, "y": "z", "w": True}})
    path = f"{index}/items/a%2Fb%20c%3F%C3%A9"
    item = server.client.get(path).json()
    assert (item["id"], item["text"], item["image"]) == ("a/b c?é", "red", None)
    assert item["metadata"] == {"x": 1, "y": "z", "w": True}
    assert np.linalg.norm(item["vector"]) == pytest.approx(1, abs=1e-3)
    _add(server, index, {"id": "a/b c?é", "image": _base64("blue")})
    item = server.client.get(path).json()
    assert (item["text"], item["image"], item["metadata"]) == (None, _base64("blue"), {})
    assert server.client.get(index).json()["count"] == 1
    _add(server, index, {"id": "a/b c?é", "image": _base64("blue")}, keep=False)
    assert server.client.get(path).json()["image"] is None
    assert server.client.delete(path).json() == {"deleted": 1}
    assert server.client.delete(path).json() == {"deleted": 0}
    _error(server.client.get(path), 404, "item_not_found")


def test_a_filter_lets_through_what_fits_in_type_too(server: Server, index: str) -> None:
    _add(
        server,
        index,
        {"id": "a", "text": "red", "metadata": {"year": 1990, "kind": "x", "on": True}},
        {"id": "b", "text": "red", "metadata": {"year": 1995.5, "kind": "y", "on": False}},
        {"id": "c", "text": "red", "metadata": {"year": "1990", "kind": "1", "on": "true"}},
        {"id": "d", "text": "red", "metadata": {"kind": 1}},
        {"id": "e", "text": "red"},
    )
    expected: list[tuple[dict[str, Any], str]] = [
        ({}, "abcde"),
        ({"year": 1990}, "a"),
        ({"year": 1990.0}, "a"),
        ({"year": "1990"}, "c"),
        ({"kind": 1}, "d"),
        ({"on": True}, "a"),
        ({"on": "true"}, "c"),
        ({"kind": {"in": ["x", 1]}}, "ad"),
        ({"year": {"gte": 1990, "lt": 1995.5}}, "a"),
        ({"year": {"gt": 1990}}, "b"),
        ({"year": {"lte": 3000}, "kind": "y"}, "b"),
        ({"text": "red"}, ""),
        ({"nothing": 1}, ""),
    ]
    for where, ids in expected:
        assert sorted(_found(server, index, text="red", filter=where)) == list(ids), where


def test_vectors_of_ones_own_need_no_model(server: Server, index: str) -> None:
    packed = base64.b64encode(np.array([0, 2, 0], np.float32).tobytes()).decode()
    items = [{"id": "x", "vector": [3, 0, 0]}, {"id": "y", "vector": packed}]
    reply = server.client.post(f"{index}/items", json={"items": items})
    assert reply.json() == {"index": index.rpartition("/")[2], "ids": ["x", "y"]}
    assert "x-model-name" not in reply.headers
    found = server.client.post(f"{index}/query", json={"vector": [1, 0.5, 0]}).json()["results"]
    assert [(each["id"], round(each["score"], 2)) for each in found] == [("x", 0.89), ("y", 0.45)]
    described = server.client.get(index).json()
    assert (described["model"], described["width"], described["count"]) == (None, 3, 2)
    message = _error(server.client.post(f"{index}/query", json={"text": "red"}), 409, "conflict")
    assert "3 numbers" in message
    message = _error(
        server.client.post(f"{index}/query", json={"vector": [1, 0]}), 400, "invalid_input"
    )
    assert "2 numbers; those of the index have 3" in message
    message = _error(server.client.post(f"{index}/embed", json={}), 409, "conflict")
    assert "'x', 'y'" in message or "'y', 'x'" in message


def test_indexes_are_listed_and_deleted(server: Server, index: str) -> None:
    _add(server, index, "red")
    name = index.rpartition("/")[2]
    listed = {each["name"]: each for each in server.client.get("/v1/indexes").json()["data"]}
    assert listed[name] == server.client.get(index).json()
    assert listed[name]["outdated"] is None
    assert server.client.delete(index).json() == {"deleted": 1}
    for reply in (
        server.client.get(index),
        server.client.delete(index),
        server.client.post(f"{index}/query", json={"text": "red"}),
        server.client.post(f"{index}/delete", json={"ids": ["a"]}),
        server.client.post(f"{index}/embed", json={}),
    ):
        assert "there is no index" in _error(reply, 404, "index_not_found")
    _add(server, index, "blue")
    assert server.client.get(index).json()["count"] == 1


@pytest.mark.parametrize(
    ("route", "body", "status", "said"),
    [
        ("items", {}, 400, "'items' is missing"),
        ("items", {"items": []}, 400, "one or more"),
        ("items", {"items": "red"}, 400, "one or more"),
        ("items", {"items": [{}]}, 400, "items[0] has nothing to be found by"),
        ("items", {"items": [7]}, 400, "items[0] is an object"),
        ("items", {"items": ["red", {"text": ""}]}, 400, "items[1]"),
        ("items", {"items": [{"vector": [1] * 8}, {"text": "red " * 20}]}, 400, "items[1]"),
        ("items", {"items": [{"text": "a", "image": "aaaa"}]}, 400, "one of them"),
        ("items", {"items": [{"image": "####"}]}, 400, "not base64"),
        ("items", {"items": [{"image": "aaaa"}]}, 400, "items[0]"),
        ("items", {"items": [{"text": "red", "colour": 1}]}, 400, "unknown field 'colour'"),
        ("items", {"items": [{"text": "red", "id": ""}]}, 400, "items[0].id"),
        ("items", {"items": [{"text": "red", "id": "a\x00"}]}, 400, "items[0].id"),
        ("items", {"items": [{"text": "red", "id": 7}]}, 400, "items[0].id"),
        ("items", {"items": [{"text": "red", "id": "a"}] * 2}, 400, "that of items[0]"),
        ("items", {"items": [{"text": "red", "metadata": {"a b": 1}}]}, 400, "'a b'"),
        ("items", {"items": [{"text": "red", "metadata": {"a": None}}]}, 400, "metadata.a"),
        ("items", {"items": [{"text": "red", "metadata": {"a": 2**60}}]}, 400, "2^53"),
        ("items", {"items": [{"text": "red", "metadata": {"a": "x" * 2000}}]}, 400, "1024"),
        ("items", {"items": [{"text": "red", "metadata": {"a": {"b": 1}}}]}, 400, "metadata.a"),
        ("items", {"items": [{"vector": []}]}, 400, "1 to 4000"),
        ("items", {"items": [{"vector": [1, True] * 4}]}, 400, "something else in the list"),
        ("items", {"items": [{"vector": [[1], 2]}]}, 400, "lists in the list"),
        ("items", {"items": [{"vector": [0] * 8}]}, 400, "all zeros"),
        ("items", {"items": [{"vector": [1e30] * 7}]}, 400, "7 numbers"),
        ("items", {"items": [{"vector": [1e300] * 8}]}, 400, "that are none"),
        ("items", {"items": [{"vector": [1] * 7}]}, 400, "7 numbers"),
        ("items", {"items": [{"vector": [1]}, {"vector": [1, 2]}]}, 400, "1 and 2"),
        ("items", {"items": ["red"], "model": "other"}, 409, "bound to the model 'colours'"),
        ("items", {"items": ["red"], "version": 9}, 404, "9"),
        ("items", {"items": ["red"], "spam": 1}, 400, "unknown field"),
        ("items", {"items": ["red"] * 3000}, 413, "3000 items"),
        (
            "items",
            {"items": [{"text": "red", "metadata": {str(i): i for i in range(99)}}]},
            400,
            "32",
        ),
        ("items", {"items": [{"text": "red", "metadata": [[]] * 999}]}, 413, "too many"),
        ("items", {"items": [{"text": "red", "vector": [1] * 9}]}, 400, "9 numbers"),
        ("query", {}, 400, "this one has none"),
        ("query", {"text": "red", "vector": [1] * 8}, 400, "text and vector"),
        ("query", {"text": ["red"]}, 400, "text is a text"),
        ("query", {"text": "red", "top_k": 0}, 400, "top_k"),
        ("query", {"text": "red", "top_k": 9**9}, 400, "top_k"),
        ("query", {"text": "red", "top_k": True}, 400, "top_k"),
        ("query", {"text": "red", "filter": []}, 400, "filter is an object"),
        ("query", {"text": "red", "filter": {"a": {}}}, 400, "filter.a"),
        ("query", {"text": "red", "filter": {"a": {"gte": "x"}}}, 400, "filter.a.gte is a number"),
        ("query", {"text": "red", "filter": {"a": {"in": []}}}, 400, "filter.a.in"),
        ("query", {"text": "red", "filter": {"a": {"like": 1}}}, 400, "filter.a"),
        ("query", {"text": "red", "filter": {"a": None}}, 400, "filter.a"),
        ("delete", {"ids": []}, 400, "ids"),
        ("delete", {"ids": [1]}, 400, "ids[0]"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(
    server: Server, route: str, body: dict[str, Any], status: int, said: str
) -> None:
    if "/v1/indexes/hostile" not in server.client.get("/v1/indexes/hostile").text:
        _add(server, "/v1/indexes/hostile", {"id": "first", "text": "red"})
    reply = server.client.post(f"/v1/indexes/hostile/{route}", json=body)
    assert reply.status_code == status, reply.text
    assert said in reply.json()["error"]["message"]
    assert server.client.get("/v1/indexes/hostile").json()["count"] == 1


@pytest.mark.parametrize("name", ["Upper", "-a", "a" * 65, "a b", "%C3%A9", ".lock"])
def test_a_name_that_is_none_is_refused(server: Server, name: str) -> None:
    reply = server.client.post(f"/v1/indexes/{name}/items", json={"items": ["red"]})
    assert reply.status_code in (400, 404, 405), reply.text
    assert "index" in reply.text


def test_texts_that_are_strange_are_kept_and_found(server: Server, index: str) -> None:
    texts = ["red \x00 nul", "אדום", "🟥" * 10, "red'; DROP TABLE x; --", '{"$ne": 1}']
    ids = [f"{text}"[:200].replace("\x00", "") for text in texts]
    _add(
        server,
        index,
        *({"id": id_, "text": text} for id_, text in zip(ids, texts, strict=True)),
    )
    for id_, text in zip(ids, texts, strict=True):
        reply = server.client.post(f"{index}/query", json={"text": text, "top_k": 5})
        assert id_ in [each["id"] for each in reply.json()["results"]]
        assert text in [each["text"] for each in reply.json()["results"]]
    assert server.client.post(f"{index}/delete", json={"ids": ids}).json() == {"deleted": 5}


def test_what_is_acknowledged_outlives_a_kill(colours_dir: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"MODELS_DIR": colours_dir, "INDEXES": tmp_path / "indexes"}
    acknowledged: list[str] = []
    with Server(**settings) as running:
        for size in (1, 400, 1, 7):
            vectors = np.random.default_rng(size).standard_normal((size, 8)).tolist()
            acknowledged += _add(
                running,
                "/v1/indexes/a",
                *({"vector": each, "metadata": {"n": 1}} for each in vectors),
                model="colours",
            )
        gone = acknowledged.pop()
        reply = running.client.delete(f"/v1/indexes/a/items/{gone}")
        assert reply.json() == {"deleted": 1}
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
    with Server(**settings) as running:
        assert running.client.get("/v1/indexes/a").json()["count"] == len(acknowledged) == 408
        found = _found(running, "/v1/indexes/a", vector=[1] * 8, top_k=1000, filter={"n": 1})
        assert sorted(found) == sorted(acknowledged)
        with Server(**settings) as second:
            message = _error(second.client.get("/v1/indexes"), 503, "not_ready")
            assert "in use by another process" in message and "INDEXES" in message
            assert any("in use by another process" in line for line in second.log)
        assert len(running.client.get("/v1/indexes").json()["data"]) == 1


def test_after_an_upgrade_an_index_says_so_until_it_is_embedded_anew(tmp_path: Path) -> None:
    models = tmp_path / "models"
    write_encoder(models / "colours" / "1")
    index = "/v1/indexes/a"
    with Server(MODELS_DIR=models, INDEXES=tmp_path / "indexes") as running:
        _add(
            running,
            index,
            {"id": "red", "text": "red", "metadata": {"n": 1}},
            {"id": "blue", "image": _base64("blue")},
        )
        write_encoder(models / "colours" / "2", turned=True)
        admin = running.client
        for _ in range(600):
            described = admin.get(index).json()
            if described["outdated"]:
                break
            time.sleep(0.05)
        assert "version 1 of 'colours'" in described["outdated"]
        for reply in (
            admin.post(f"{index}/query", json={"text": "red"}),
            admin.post(f"{index}/query", json={"vector": [1] * 8}),
            admin.post(f"{index}/items", json={"items": ["green"]}),
        ):
            message = _error(reply, 409, "index_outdated")
            assert f"POST {index}/embed" in message
        renewed = admin.post(f"{index}/embed", json={})
        assert renewed.status_code == 200, renewed.text
        assert (renewed.json()["version"], renewed.json()["outdated"]) == (2, None)
        found = admin.post(f"{index}/query", json={"text": "red"}).json()
        assert [each["id"] for each in found["results"]] == ["red", "blue"]
        assert found["results"][0]["score"] > 0.9
        assert found["version"] == 2
        assert _found(running, index, text="red", filter={"n": 1}) == ["red"]
        assert admin.get(f"{index}/items/blue").json()["image"] == _base64("blue")
        [folder] = (tmp_path / "indexes").glob("a")
        assert len([each for each in folder.iterdir() if each.is_dir()]) == 1
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
    with Server(MODELS_DIR=models, INDEXES=tmp_path / "indexes") as running:
        assert _found(running, index, text="blue", top_k=1) == ["blue"]


def test_servers_share_the_indexes_of_a_database(colours_dir: Path, tmp_path: Path) -> None:
    with postgres(tmp_path) as url, Server(MODELS_DIR=colours_dir, INDEXES=url) as first:
        with Server(MODELS_DIR=colours_dir, INDEXES=url) as second:
            _add(first, "/v1/indexes/a", {"id": "r", "text": "red", "metadata": {"n": 1}})
            _add(second, "/v1/indexes/a", {"id": "b", "image": _base64("blue")})
            second.process.send_signal(signal.SIGKILL)
            second.process.wait()
        assert _found(first, "/v1/indexes/a", text="blue") == ["b", "r"]
        assert _found(first, "/v1/indexes/a", text="blue", filter={"n": {"gte": 1}}) == ["r"]
        renewed = first.client.post("/v1/indexes/a/embed", json={})
        assert renewed.json()["count"] == 2
        assert _found(first, "/v1/indexes/a", text="red", top_k=1) == ["r"]
        refused = first.client.post("/v1/indexes/a/items", json={"items": [{"text": "a\x00"}]})
        assert "NUL" in _error(refused, 400, "invalid_input")


def test_a_service_may_keep_no_indexes(tmp_path: Path) -> None:
    async def ask() -> None:
        search = Search(Engine(Settings(models_dir=tmp_path)), "off")
        await search.start()
        with pytest.raises(Forbidden, match="INDEXES is off"):
            await search.all()
        await search.close()

    asyncio.run(ask())


def test_a_folder_is_not_for_several_workers(tmp_path: Path) -> None:
    async def ask() -> None:
        engine = Engine(Settings(models_dir=tmp_path, workers=2))
        search = Search(engine, str(tmp_path / "indexes"))
        with pytest.raises(Forbidden, match=r"WORKERS=2.*postgresql://"):
            await search.all()
        await search.close()

    asyncio.run(ask())


def test_half_a_character_is_refused(server: Server, index: str) -> None:
    headers = {"content-type": "application/json"}
    for body in (b'{"items": ["\\ud800"]}', b'{"items": ["red"', b"[]", b'{"items": [1e999]}'):
        reply = server.client.post(f"{index}/items", content=body, headers=headers)
        assert "JSON body" in _error(reply, 400, "invalid_input")
