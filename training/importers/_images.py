"""How images become what CLIP sees, as `preprocessor_config.json` says it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

from PIL import Image

from service.manifest import ImageInput, Resample
from training.architectures import openai_clip
from training.errors import ExportError
from training.importers._folder import ModelFolder


class Preprocessing(NamedTuple):
    """How files become what the encoder of images sees."""

    image: ImageInput
    """How they become pixels."""
    mean: tuple[float, ...]
    """Of each channel, 0–1."""
    std: tuple[float, ...]
    """Of each channel, 0–1."""


def preprocessing(folder: ModelFolder, images: Mapping[str, Any]) -> Preprocessing:
    """What `preprocessor_config.json` says.

    Raises:
        ExportError: it is done in a way that is not known here.
    """
    said = folder.json("preprocessor_config.json")
    side = int(images["image_size"])
    shortest, crop = _sides(said.get("size", side)), _sides(said.get("crop_size", side))
    if images["num_channels"] != 3 or shortest != {side} or crop != {side}:
        raise ExportError(
            f"preprocessor_config.json makes images of {sorted(shortest | crop)} pixels, and the "
            f"model takes {side}×{side}×{images['num_channels']}; expected the same, of 3 colours"
        )
    steps = ("do_resize", "do_center_crop", "do_rescale", "do_normalize")
    skipped = [step for step in steps if said.get(step) is False]
    if skipped or not math.isclose(said.get("rescale_factor", 1 / 255), 1 / 255, rel_tol=1e-3):
        raise ExportError(
            f"preprocessor_config.json says {', '.join(skipped) or 'rescale_factor'} otherwise "
            "than CLIP: images are resized, cut, scaled by 1/255 and normalized"
        )
    resample = _resample(said.get("resample", Image.Resampling.BICUBIC))
    image = ImageInput(height=side, width=side, channels=3, fit="resize-crop", resample=resample)
    mean = _channels(said, "image_mean", openai_clip.MEAN)
    return Preprocessing(image, mean, _channels(said, "image_std", openai_clip.STD))


def _sides(size: Any) -> set[int]:
    """224, {"shortest_edge": 224} and {"height": 224, "width": 224} all say one side."""
    return {int(each) for each in (size.values() if isinstance(size, Mapping) else [size])}


def _resample(number: int) -> Resample:
    name = Image.Resampling(number).name.lower()
    found = next((each for each in get_args(Resample) if each == name), None)
    if found is None:
        raise ExportError(f"preprocessor_config.json resizes by the filter {name!r}")
    return found  # type: ignore[no-any-return] # one of the names


def _channels(said: Mapping[str, Any], key: str, default: Sequence[float]) -> tuple[float, ...]:
    values = tuple(float(each) for each in said.get(key, default))
    if len(values) != 3:
        raise ExportError(f"preprocessor_config.json says {key} {values}; expected 3 numbers")
    return values
