"""Emoji: 1,923 things as three vendors draw them, 64×64×3 on white, with Unicode's words for them.

Noto (Google; SIL OFL 1.1 and Apache-2.0), Twemoji (Twitter, Inc and other contributors; CC BY 4.0),
Fluent 3D (Microsoft Corporation; MIT); names and keywords of Unicode's emoji-test and CLDR (Unicode
License V3), and words of ours for the kinds of things that its subgroups hold. 1,545 of the things
are drawn by all three. Variants by skin tone are left out: they differ from their emoji in a few
pixels, and would stand on both sides of every split.

A keyword of most concepts is withheld, the same every time: one that is true of other concepts too,
and that the name does not tell. Texts are tested with these; drawings are tested by leaving out a
vendor, which is the task's to do.

The folder `emoji` in the setting DATASETS_DIR holds `noto.npz`, `twemoji.npz`, `fluent3d.npz`
(`images` uint8 (N, 64, 64, 3), `codepoints` (N,) strings such as "1f468-200d-1f33e") and
`captions.jsonl`. Where the setting is left out, they are made once in ~/.keras/datasets/emoji from
the vendors' public repositories.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.datasets import _emoji_sources, _keras_files
from training.datasets._captioned import CaptionedDataset, Concept
from training.datasets._emoji_kinds import kinds_of
from training.errors import DatasetError
from training.settings import Settings

VENDORS: Final = ("noto", "twemoji", "fluent3d")
CAPTIONS: Final = "captions.jsonl"
SEED: Final = 1310
"""Of the withheld keywords."""
_ENOUGH: Final = 4
"""Keywords of a concept from which one can be spared."""


def load() -> CaptionedDataset:
    """Read the emoji from the setting DATASETS_DIR, else make the folder from its sources once.

    Raises:
        DatasetError: a file is missing or broken, or the sources cannot be had.
    """
    folder = Settings().datasets_dir
    home = folder / "emoji" if folder is not None else Path.home() / ".keras/datasets/emoji"
    if folder is None and not (home / CAPTIONS).exists():
        _emoji_sources.make(home)
    lines = _read_captions(home / CAPTIONS)
    drawings = {vendor: _read_drawings(home / f"{vendor}.npz") for vendor in VENDORS}
    known = set().union(*drawings.values())
    chosen = [line for line in lines if not line["has_skin_tone"] and line["codepoints"] in known]
    keys = [line["codepoints"] for line in chosen]
    return CaptionedDataset(
        concepts=_concepts(chosen),
        images={vendor: _in_order(drawings[vendor], keys) for vendor in VENDORS},
        drawn={vendor: np.array([key in drawings[vendor] for key in keys]) for vendor in VENDORS},
    )


def _read_captions(path: Path) -> list[Mapping[str, Any]]:
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for line in lines:
            {line[key] for key in ("codepoints", "name", "group", "subgroup", "has_skin_tone")}
    except FileNotFoundError:
        raise DatasetError(
            f"{path} is not there: put the folder emoji into the one that DATASETS_DIR names, or "
            "leave DATASETS_DIR out to make it from the vendors' repositories"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path} cannot be read: {error!r}; make it again") from error
    return lines


def _read_drawings(path: Path) -> dict[str, NDArray[np.uint8]]:
    images, keys = _keras_files.read(path, ("images", "codepoints"))
    return dict(zip(keys.tolist(), images, strict=True))


def _in_order(drawings: Mapping[str, NDArray[np.uint8]], keys: list[str]) -> NDArray[np.uint8]:
    white = np.full_like(next(iter(drawings.values())), 255)
    return np.stack([drawings.get(key, white) for key in keys])


def _concepts(lines: list[Mapping[str, Any]]) -> tuple[Concept, ...]:
    words = [_keywords(line) for line in lines]
    shared = Counter(word for each in words for word in each)
    source = random.Random(SEED)
    concepts = []
    for line, keywords in zip(lines, words, strict=True):
        name = line["name"].lower()
        kinds = kinds_of(name, line["subgroup"])
        spare = [word for word in keywords if shared[word] > 1 and word not in name]
        spare = [word for word in spare if word not in kinds]
        withheld = source.choice(spare) if len(keywords) >= _ENOUGH and spare else None
        left = tuple(word for word in keywords if word != withheld)
        concepts.append(Concept(name, left, kinds, withheld, line["group"].lower()))
    return tuple(concepts)


def _keywords(line: Mapping[str, Any]) -> tuple[str, ...]:
    """The keywords in small letters, each once, the name left out, CLDR's other name first."""
    words = (line.get("tts") or "", *(line.get("keywords") or ()))
    name = line["name"].lower()
    return tuple(word for word in dict.fromkeys(map(str.lower, words)) if word not in {"", name})
