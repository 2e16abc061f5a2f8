"""CLIP's folders are read with the images they expect; what is done otherwise is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.manifest import ImageInput
from tests.hugging_face import byte_letters, write_clip
from training.errors import ExportError
from training.importers import Imported, Source, _images, clip
from training.importers._folder import ModelFolder


def _read(path: Path) -> Imported:
    return clip.read(Source(name="it", folder=ModelFolder(path, "it")))


def test_what_an_import_says(tmp_path: Path) -> None:
    imported = _read(write_clip(tmp_path / "it"))
    assert imported.description == "Images and texts as vectors of one space, 20 dimensions: it."
    serving = imported.serving
    assert serving.image == ImageInput(
        height=32, width=32, channels=3, fit="resize-crop", resample="bicubic"
    )
    assert serving.text is not None
    assert (serving.text.max_length, serving.text.padding) == (20, 513)
    assert serving.embeddings is not None
    assert serving.embeddings.temperature == pytest.approx(0.05)
    assert serving.embeddings.prompt_template == "a photo of a {}."
    tokens = serving.signatures["embed_text"].inputs["tokens"]
    assert tokens.shape == (4, 20)
    assert (tokens[:, 0] == 512).all() and (tokens[:, -1] == 513).all()
    images = serving.signatures["embed_image"].inputs["images"]
    assert images.shape == (4, 32, 32, 3)
    assert images.dtype == np.uint8


@pytest.mark.parametrize("key", ["size", "crop_size"])
@pytest.mark.parametrize("form", [32, {"shortest_edge": 32}, {"height": 32, "width": 32}])
def test_sides_are_read_in_every_form(tmp_path: Path, key: str, form: Any) -> None:
    folder = ModelFolder(write_clip(tmp_path / "it", preprocessor={key: form}), "it")
    seen = _images.preprocessing(folder, clip._part(folder, "vision", clip.IMAGES))
    assert (seen.image.height, seen.image.width) == (32, 32)
    assert seen.std == pytest.approx((0.26862954, 0.26130258, 0.27577711))


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"size": 36}, r"makes images of \[32, 36\] pixels, and the model takes 32×32×3"),
        ({"do_center_crop": False}, "says do_center_crop otherwise than CLIP"),
        ({"rescale_factor": 1.0}, "says rescale_factor otherwise than CLIP"),
        ({"image_mean": [0.5]}, r"says image_mean \(0.5,\); expected 3 numbers"),
    ],
)
def test_other_preprocessing_is_refused(tmp_path: Path, said: dict[str, Any], says: str) -> None:
    with pytest.raises(ExportError, match=says):
        _read(write_clip(tmp_path / "it", preprocessor=said))


def test_parts_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="hidden_act 'gelu' of texts and 'quick_gelu' of imag"):
        _read(write_clip(tmp_path / "one", text={"hidden_act": "gelu"}))
    other = write_clip(tmp_path / "two")
    tokenizer = byte_letters()
    tokenizer.post_processor = None
    tokenizer.save(str(other / "tokenizer.json"))
    with pytest.raises(ExportError, match=r"ends a text with the token .*, and the model reads it"):
        _read(other)


def test_older_files_say_the_sizes_twice(tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "it")
    said = json.loads((folder / "config.json").read_text("utf-8"))
    for part in ("text", "vision"):
        said[f"{part}_config_dict"] = said.pop(f"{part}_config")
        said[f"{part}_config"] = {"hidden_size": 7}
    (folder / "config.json").write_text(json.dumps(said), encoding="utf-8")
    assert _read(folder).model.count_params() > 10_000
