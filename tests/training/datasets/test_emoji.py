"""The emoji are read from files, or made from archives laid out as the vendors' are."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.emoji_drawings import COUNT, keywords, write_emoji
from training.datasets import _emoji_sources, emoji
from training.datasets._captioned import CaptionedDataset, Concept
from training.errors import DatasetError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a tiny data set."""
    monkeypatch.setenv("DATASETS_DIR", str(tmp_path))
    return write_emoji(tmp_path)


def test_concepts_are_without_skin_tones_and_know_who_drew_them(home: Path) -> None:
    dataset = emoji.load()
    assert len(dataset.concepts) == COUNT
    assert dataset.image_shape == (64, 64, 3)
    assert dataset.test.tolist() == list(range(COUNT - 1))
    assert not dataset.drawn["noto"][-1]
    assert dataset.drawn["twemoji"].all()
    assert (dataset.images["noto"][-1] == 255).all()
    assert dataset.images["noto"][1, 6, 30].tolist() == [200, 30, 30]


def test_a_keyword_is_withheld_where_there_are_enough(home: Path) -> None:
    dataset = emoji.load()
    for index, concept in enumerate(dataset.concepts):
        assert concept.name == f"bar {index}"
        assert concept.kinds == ("bar plain",)
        assert concept.group == "bars"
        words = {*keywords(index), f"the bar {index}"}
        assert {*concept.keywords, concept.withheld} - {None} == words
        assert concept.withheld not in concept.terms
        # "bar" stands in the name, and "row 3" is of one concept alone
        assert concept.withheld in ({"low", "deep", "even", "odd"} if len(words) > 4 else {*words})
    assert emoji.load().concepts == dataset.concepts


def test_what_is_missing_or_broken_is_told(home: Path) -> None:
    (home / "captions.jsonl").write_text('{"name": "x"}\n', encoding="utf-8")
    with pytest.raises(DatasetError, match=r"captions\.jsonl cannot be read"):
        emoji.load()
    (home / "captions.jsonl").unlink()
    with pytest.raises(DatasetError, match=r"captions\.jsonl is not there: put the folder emoji"):
        emoji.load()


def test_a_set_that_tests_nothing_is_refused() -> None:
    concepts = (Concept("a", (), ()), Concept("b", (), ()))
    images = {name: np.zeros((2, 8, 8, 3), np.uint8) for name in "xy"}
    apart = {"x": np.array([True, False]), "y": np.array([False, True])}
    with pytest.raises(DatasetError, match="nothing to test"):
        CaptionedDataset(concepts, images, apart)
    with pytest.raises(DatasetError, match="a name of its own"):
        CaptionedDataset((concepts[0], concepts[0]), images, apart)


def _archive(path: Path, files: dict[str, tuple[int, int, int]]) -> str:
    """A repository of circles as GitHub packs it, and its URL."""
    with tarfile.open(path, "w:gz") as archive:
        for name, ink in files.items():
            image, content = Image.new("RGBA", (72, 72)), io.BytesIO()
            image.paste((*ink, 255), (16, 16, 56, 56))
            image.save(content, "png")
            member = tarfile.TarInfo(f"repository-abc/{name}")
            member.size = content.tell()
            content.seek(0)
            archive.addfile(member, content)
    return path.as_uri()


def test_it_is_made_from_its_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    red, blue = (200, 0, 0), (0, 0, 200)
    files = {
        "noto": {
            "png/128/emoji_u2764.png": red,
            "png/128/emoji_u0023_20e3.png": blue,
            "x.png": red,
        },
        "twemoji": {"assets/72x72/2764.png": blue, "assets/72x72/23-20e3.png": red},
        "fluent3d": {"assets/2764_3d.png": red, "assets/2764_flat.svg": blue},
    }
    archives = {
        vendor: (_archive(tmp_path / f"{vendor}.tar.gz", each), _emoji_sources.ARCHIVES[vendor][1])
        for vendor, each in files.items()
    }
    (tmp_path / "test.txt").write_text(
        "# group: Symbols\n# subgroup: heart\n"
        "2764 FE0F ; fully-qualified # ❤️ E0.6 red heart\n2764 ; unqualified # ❤ E0.6 red heart\n"
        "# subgroup: keycap\n0023 FE0F 20E3 ; fully-qualified     # #️⃣ E0.6 keycap: #\n",
        encoding="utf-8",
    )
    words = {"annotations": {"annotations": {"❤": {"default": ["love"], "tts": ["red heart"]}}}}
    (tmp_path / "words.json").write_text(json.dumps(words), encoding="utf-8")
    monkeypatch.setattr(_emoji_sources, "ARCHIVES", archives)
    monkeypatch.setattr(_emoji_sources, "EMOJI_TEST", (tmp_path / "test.txt").as_uri())
    annotations = (((tmp_path / "words.json").as_uri(), "annotations"),)
    monkeypatch.setattr(_emoji_sources, "ANNOTATIONS", annotations)
    monkeypatch.delenv("DATASETS_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)  # where no .env file names a folder

    dataset = emoji.load()
    assert [concept.name for concept in dataset.concepts] == ["red heart", "keycap: #"]
    assert dataset.concepts[0].keywords == ("love",)
    assert dataset.concepts[1].kinds == ("symbol", "key", "number")
    assert dataset.concepts[1].group == "symbols"
    assert dataset.drawn["fluent3d"].tolist() == [True, False]
    assert dataset.images["twemoji"][:, 32, 32].tolist() == [list(blue), list(red)]
    assert dataset.images["noto"][0, 2, 2].tolist() == [255] * 3

    monkeypatch.setattr(_emoji_sources, "EMOJI_TEST", (tmp_path / "gone.txt").as_uri())
    emoji.load()  # made once
    (tmp_path / ".keras/datasets/emoji/captions.jsonl").unlink()
    with pytest.raises(DatasetError, match="set DATASETS_DIR to a folder"):
        emoji.load()
