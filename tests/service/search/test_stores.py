"""What every store of indexes does, asked of each kind alike."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from service.errors import Conflict, IndexNotFound, InvalidInput, NotReady
from service.search.stores import AnyOf, Between, Binding, Item, Value, VectorStore
from service.search.stores.embedded import EmbeddedStore
from service.search.stores.opening import open_store
from service.search.stores.postgres import PostgresStore
from tests.databases import postgres

V1 = Binding(4, "colours", 1)
V2 = Binding(3, "colours", 2)
Rows = NDArray[np.float32]


def _rows(count: int, width: int = 4, seed: int = 0) -> Rows:
    rows = np.random.default_rng(seed).standard_normal((count, width), np.float32)
    unit: Rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _items(count: int, width: int = 4) -> list[Item]:
    rows = _rows(count, width)
    return [Item(f"{n:04}", rows[n], {"n": n, "even": n % 2 == 0}, f"t{n}") for n in range(count)]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database."""
    with postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(params=["embedded", "postgres"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], VectorStore]]:
    """Closes the store, if it is open, and opens it."""
    is_server = request.param == "postgres"
    address = request.getfixturevalue("database") if is_server else str(tmp_path / "indexes")
    opened: list[VectorStore] = []

    def open_again() -> VectorStore:
        while opened:
            opened.pop().close()
        opened.append(open_store(address))
        return opened[0]

    yield open_again
    store = open_again()
    for info in store.all():
        store.drop(info.name)
    store.close()


@pytest.fixture
def store(reopen: Callable[[], VectorStore]) -> VectorStore:
    """A store of each kind, with nothing in it."""
    return reopen()


def test_what_is_added_is_there_after_a_reopening(reopen: Callable[[], VectorStore]) -> None:
    store = reopen()
    assert store.all() == []
    assert store.find("a") is None
    store.add("a", V1, [*_items(3), Item("p", _rows(1)[0], {"s": "x"}, None, b"\x00\xff")])
    store.add("b", Binding(2), [Item("1", _rows(1, 2)[0])])
    before = store.all()
    assert [(each.name, each.binding, each.count) for each in before] == [
        ("a", V1, 4),
        ("b", Binding(2), 1),
    ]
    store = reopen()
    assert store.all() == before
    assert store.find("a") == before[0]
    items = {item.id: item for item in store.get("a", ["0001", "p", "none"])}
    assert items.keys() == {"0001", "p"}
    assert items["0001"].text == "t1"
    assert items["0001"].metadata == {"n": 1, "even": False}
    np.testing.assert_allclose(items["0001"].vector, _rows(3)[1], atol=1e-3)
    assert (items["p"].text, items["p"].image) == (None, b"\x00\xff")


def test_items_are_replaced_and_deleted_by_id(store: VectorStore) -> None:
    store.add("a", V1, _items(5))
    store.add("a", V1, [Item("0002", -_rows(5)[2], {"n": "new"})])
    [item] = store.get("a", ["0002"])
    assert (item.metadata, item.text) == ({"n": "new"}, None)
    assert store.query("a", V1, _rows(5)[2], 5)[-1].id == "0002"
    assert store.delete("a", ["0001", "0002", "none"]) == 2
    assert store.delete("a", ["0001"]) == 0
    info = store.find("a")
    assert info is not None
    assert info.count == 3
    store.drop("a")
    assert store.all() == []


def test_the_nearest_are_found_exactly(store: VectorStore) -> None:
    rows = _rows(2000, 64)
    store.add("a", Binding(64), [Item(str(n), row) for n, row in enumerate(rows)])
    found = 0
    for query in _rows(20, 64, seed=1):
        best = np.argsort(-(rows @ query))[:10]
        hits = store.query("a", Binding(64), query, 10)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert hits[0].score == pytest.approx(rows[best[0]] @ query, abs=2e-3)
        found += len({hit.id for hit in hits} & set(map(str, best)))
    assert found >= 0.98 * 200


def test_filters_look_at_types_and_bounds(store: VectorStore) -> None:
    values: dict[str, Value] = {
        "int": 3,
        "float": 3.5,
        "text": "3",
        "quote": "it's",
        "true": True,
        "word": "true",
    }
    row = _rows(1)[0]
    store.add("a", V1, [Item(name, row, {"f": value}) for name, value in values.items()])
    store.add("a", V1, [Item("none", row), Item("other", row, {"g": 3})])

    def found(*where: AnyOf | Between) -> set[str]:
        return {hit.id for hit in store.query("a", V1, row, 100, where)}

    assert found() == {*values, "none", "other"}
    assert found(AnyOf("f", [3])) == found(AnyOf("f", [3.0])) == {"int"}
    assert found(AnyOf("f", ["3"])) == {"text"}
    assert found(AnyOf("f", [True])) == {"true"}
    assert found(AnyOf("f", ["true", 3.5, "it's"])) == {"word", "float", "quote"}
    assert found(Between("f", gte=3)) == {"int", "float"}
    assert found(Between("f", gt=3, lte=3.5)) == {"float"}
    assert found(Between("f", lt=3)) == set()
    assert found(AnyOf("f", [3]), AnyOf("g", [3])) == set()


def test_a_filter_finds_what_is_far_and_rare(store: VectorStore) -> None:
    rows = _rows(1500, 16)
    store.add("a", Binding(16), [Item(str(n), row, {"n": n % 100}) for n, row in enumerate(rows)])
    query = _rows(1, 16, seed=3)[0]
    rare = [n for n in np.argsort(-(rows @ query)) if n % 100 == 7]
    assert [hit.id for hit in store.query("a", Binding(16), query, 5, [AnyOf("n", [7])])] == [
        str(n) for n in rare[:5]
    ]


def test_an_index_is_bound_to_what_filled_it(store: VectorStore) -> None:
    store.add("a", V1, _items(1))
    with pytest.raises(Conflict, match="bound to something else"):
        store.add("a", Binding(4, "colours", 2), _items(1))
    with pytest.raises(Conflict, match="bound to something else"):
        store.query("a", Binding(4, "colours", 2), _rows(1)[0], 1)
    assert (store.binding("a"), store.binding("none")) == (V1, None)


def test_a_draft_takes_the_place_of_an_index_at_once(reopen: Callable[[], VectorStore]) -> None:
    store = reopen()
    store.add("a", V1, _items(5))
    draft = store.draft("a", V2)
    draft.add(_items(3, 3))
    assert len(store.query("a", V1, _rows(1)[0], 10)) == 5
    for change in (
        lambda: store.add("a", V1, _items(1)),
        lambda: store.delete("a", ["0001"]),
        lambda: store.draft("a", V2),
    ):
        with pytest.raises(Conflict, match="embedded anew"):
            change()
    draft.publish()
    draft.discard()
    for _ in range(2):
        info = store.find("a")
        assert info is not None
        assert (info.binding, info.count) == (V2, 3)
        assert len(store.query("a", V2, _rows(1, 3)[0], 10)) == 3
        store.add("a", V2, _items(4, 3)[3:])
        store.delete("a", ["0003"])
        store = reopen()


def test_a_draft_that_is_given_up_leaves_the_index(reopen: Callable[[], VectorStore]) -> None:
    store = reopen()
    store.add("a", V1, _items(2))
    draft = store.draft("a", V2)
    draft.add(_items(3, 3))
    draft.discard()
    store.add("a", V1, _items(4))
    assert len(store.query("a", V1, _rows(1)[0], 10)) == 4


def test_items_are_scanned_once_each(store: VectorStore) -> None:
    store.add("a", V1, _items(10))
    seen, after = [], None
    while True:
        items, after = store.scan("a", after, 3)
        seen += [item.id for item in items]
        if after is None:
            break
    assert sorted(seen) == [f"{n:04}" for n in range(10)]


def test_an_index_that_is_not_there_is_an_error(store: VectorStore) -> None:
    for call in (
        lambda: store.query("none", V1, _rows(1)[0], 1),
        lambda: store.get("none", ["a"]),
        lambda: store.scan("none", None, 1),
        lambda: store.delete("none", ["a"]),
        lambda: store.drop("none"),
        lambda: store.draft("none", V1),
    ):
        with pytest.raises(IndexNotFound, match="'none'"):
            call()


def test_many_threads_add_and_ask_at_once(store: VectorStore) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for n in range(5):
                store.add("a", V1, [Item(f"{number}-{n}", _rows(1)[0], {"t": number}), *_items(2)])
                assert store.query("a", V1, _rows(1)[0], 3)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    info = store.find("a")
    assert info is not None
    assert info.count == 6 * 5 + 2


def test_a_folder_is_for_one_store_and_has_no_half_made_index(tmp_path: Path) -> None:
    folder = tmp_path / "indexes"
    first = EmbeddedStore(folder)
    assert not folder.exists()
    first.add("a", V1, _items(2))
    with pytest.raises(NotReady, match="in use by another process"):
        EmbeddedStore(folder)
    first.close()
    (folder / ".half").mkdir()
    (folder / "a" / "half").mkdir()
    second = EmbeddedStore(folder)
    assert [each.name for each in second.all()] == ["a"]
    second.close()
    assert sorted(each.name for each in folder.iterdir()) == [".lock", "a"]
    assert len([each for each in (folder / "a").iterdir() if each.is_dir()]) == 1


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = EmbeddedStore(tmp_path / "file" / "indexes")
    with pytest.raises(NotReady, match=r"cannot be kept in .*INDEXES"):
        store.add("a", V1, _items(1))
    assert store.all() == []


def test_an_index_has_so_many_fields_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.search.stores.shards.MAX_FIELDS", 3)
    store = EmbeddedStore(tmp_path)
    row = _rows(1)[0]
    store.add("a", V1, [Item(str(n), row, {f"f{n}": 1}) for n in range(3)])
    with pytest.raises(InvalidInput, match="3 fields"):
        store.add("a", V1, [Item("x", row, {"f0": "a text"})])
    store.close()


def test_a_database_that_is_not_there_is_said_without_its_password() -> None:
    with pytest.raises(NotReady) as caught:
        PostgresStore("postgresql://me:secret@127.0.0.1:1/none")
    assert "127.0.0.1" in caught.value.message
    assert "secret" not in caught.value.message


def test_two_stores_share_a_database_and_a_dead_draft_is_buried(database: str) -> None:
    first, second = PostgresStore(database), PostgresStore(database)
    first.add("shared", V1, _items(2))
    second.add("shared", V1, _items(3))
    info = first.find("shared")
    assert info is not None
    assert info.count == 3
    draft = first.draft("shared", V2)
    with pytest.raises(Conflict, match="embedded anew"):
        second.add("shared", V1, _items(1))
    draft._alive.close()  # type: ignore[attr-defined]  # as when its process is killed
    second.add("shared", V1, _items(4))
    with pytest.raises(InvalidInput, match="NUL"):
        second.add("shared", V1, [Item("nul", _rows(1)[0], {}, "a\x00b")])
    second.drop("shared")
    assert first.find("shared") is None
    first.close()
    second.close()


def _wait_packed(folder: Path) -> int:
    for _ in range(400):
        packed: int = json.loads((folder / "a" / "index.json").read_text())["packed"]
        if packed and len([each for each in (folder / "a").iterdir() if each.is_dir()]) == 1:
            return packed
        time.sleep(0.025)
    raise AssertionError("not packed within 10 s")


def test_many_vectors_are_packed_and_what_changes_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.search.stores.packing._FEW", 3000)
    folder = tmp_path / "indexes"
    store = EmbeddedStore(folder)
    rows = _rows(4000, 256)
    bound = Binding(256)
    items = [Item(str(n), row, {"n": n % 10}, f"t{n}") for n, row in enumerate(rows)]
    store.add("a", bound, items)
    store.delete("a", ["0", "1"])
    store.add("a", bound, [Item("2", rows[2], {"n": "new"}), Item("new", rows[0])])
    assert 3990 <= _wait_packed(folder) <= 4000
    for _ in range(2):
        info = store.find("a")
        assert info is not None
        assert info.count == 3999
        assert store.get("a", ["0", "1"]) == []
        assert store.get("a", ["2"])[0].metadata == {"n": "new"}
        right = 0
        for query in _rows(20, 256, seed=5):
            best = np.argsort(-(rows[2:] @ query))[:10] + 2
            hits = {hit.id for hit in store.query("a", bound, query, 10)}
            right += len(hits & set(map(str, best)))
        assert right >= 0.98 * 200
        assert store.query("a", bound, rows[0], 1)[0].id == "new"
        assert {hit.id[-1] for hit in store.query("a", bound, rows[0], 50, [AnyOf("n", [7])])} == {
            "7"
        }
        store.close()
        store = EmbeddedStore(folder)
    store.close()
