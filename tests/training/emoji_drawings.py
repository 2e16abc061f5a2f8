"""A tiny emoji data set: bars for drawings, which three vendors paint in colours of their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

INKS = {"noto": (200, 30, 30), "twemoji": (30, 160, 30), "fluent3d": (30, 30, 200)}
COUNT = 12
NOTHING_BUT_TWEMOJI = "1f011"
"""The last concept, drawn by one vendor alone."""


def keywords(index: int) -> list[str]:
    """Words of the concept `index`: half of all are "even", "low" ones share that word."""
    words = ["bar", f"row {index}", "even" if index % 2 == 0 else "odd"]
    return [*words, "low", "deep"] if index >= COUNT // 2 else words


def write_emoji(folder: Path) -> Path:
    """Write `folder`/emoji: concept k is a bar at height 5k, and one is there in a tone as well."""
    home = folder / "emoji"
    home.mkdir(parents=True)
    keys = [f"1f0{index:02d}" for index in range(COUNT)]
    lines = []
    for index, key in enumerate(keys):
        about = {"name": f"Bar {index}", "tts": f"the bar {index}", "keywords": keywords(index)}
        kind = {"group": "Bars", "subgroup": "bar-plain", "has_skin_tone": False}
        lines.append({"codepoints": key, **about, **kind})
    toned = {**lines[0], "codepoints": f"{keys[0]}-1f3fd", "has_skin_tone": True}
    text = "".join(json.dumps(line) + "\n" for line in [*lines, toned])
    (home / "captions.jsonl").write_text(text, encoding="utf-8")
    for vendor, ink in INKS.items():
        drawn = [key for key in keys if vendor == "twemoji" or key != NOTHING_BUT_TWEMOJI]
        images = np.full((len(drawn), 64, 64, 3), 255, np.uint8)
        for index in range(len(drawn)):
            images[index, 5 * index : 5 * index + 4, 8:56] = ink
        np.savez(home / f"{vendor}.npz", images=images, codepoints=np.array(drawn))
    return home
