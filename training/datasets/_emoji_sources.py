"""The emoji data set from its sources: three vendors' repositories and Unicode's files.

Each repository is read as one archive while it downloads; nothing of it is kept but drawings at
64×64 on white. They are large (Noto's is more than a gigabyte), so it is done once.
"""

from __future__ import annotations

import json
import re
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.errors import DatasetError

SIZE: Final = 64
"""Pixels of a side."""

ARCHIVES: Final[Mapping[str, tuple[str, str]]] = {
    "noto": (
        "https://github.com/googlefonts/noto-emoji/archive/b3e3051a.tar.gz",
        r"/png/128/emoji_u([0-9a-f_]+)\.png$",
    ),
    "twemoji": (
        "https://github.com/jdecked/twemoji/archive/refs/heads/main.tar.gz",
        r"/assets/72x72/([0-9a-f-]+)\.png$",
    ),
    "fluent3d": (
        "https://github.com/shuding/fluentui-emoji-unicode/archive/7a40f1a2.tar.gz",
        r"/assets/([0-9a-f-]+)_3d\.png$",
    ),
}
"""By vendor: the repository, and where in it the drawings are, with their code points."""

EMOJI_TEST: Final = "https://unicode.org/Public/emoji/17.0/emoji-test.txt"
CLDR: Final = "https://raw.githubusercontent.com/unicode-org/cldr-json/47.0.0/cldr-json"
ANNOTATIONS: Final = (
    (f"{CLDR}/cldr-annotations-full/annotations/en/annotations.json", "annotations"),
    (
        f"{CLDR}/cldr-annotations-derived-full/annotationsDerived/en/annotations.json",
        "annotationsDerived",
    ),
)

_LINE: Final = re.compile(r"([0-9A-F ]+?) *; *(fully-qualified|component) *# \S+ E[\d.]+ (.+)")
_SKIN_TONES: Final = {f"{0x1F3FB + tone:x}" for tone in range(5)}


def make(home: Path) -> None:
    """Write the data set's four files into the folder `home`.

    Raises:
        DatasetError: a source cannot be had or read.
    """
    try:
        captions = list(_captions())
        keys = {_plain(caption["codepoints"]): caption["codepoints"] for caption in captions}
        home.mkdir(parents=True, exist_ok=True)
        for vendor, (url, pattern) in ARCHIVES.items():
            drawings = {keys[key]: image for key, image in _drawings(url, pattern) if key in keys}
            order = [key for key in keys.values() if key in drawings]
            images = np.stack([drawings[key] for key in order])
            np.savez_compressed(home / f"{vendor}.npz", images=images, codepoints=np.array(order))
        lines = (json.dumps(caption, ensure_ascii=False) + "\n" for caption in captions)
        (home / "captions.jsonl").write_text("".join(lines), encoding="utf-8")  # last: all is there
    except (OSError, ValueError, KeyError, tarfile.TarError) as error:
        raise DatasetError(
            f"the emoji could not be made from their sources ({error}): set DATASETS_DIR to a "
            "folder that holds the folder emoji"
        ) from error


def _drawings(url: str, pattern: str) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Code points without variation selectors, and the drawing, of each image in an archive."""
    place = re.compile(pattern)
    with urllib.request.urlopen(url) as reply, tarfile.open(fileobj=reply, mode="r|gz") as archive:  # noqa: S310 — the URLs above
        for member in archive:
            found = place.search(member.name)
            file = archive.extractfile(member) if found else None
            if found and file is not None:
                yield _plain(found[1].replace("_", "-")), _on_white(file.read())


def _on_white(png: bytes) -> NDArray[np.uint8]:
    with tempfile.SpooledTemporaryFile() as file:
        file.write(png)
        file.seek(0)
        image = Image.open(file).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    flat = Image.alpha_composite(white, image).convert("RGB")
    return np.asarray(flat.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def _plain(codepoints: str) -> str:
    """Without variation selectors and leading zeros, of which every vendor thinks differently."""
    parts = (part.lstrip("0") for part in codepoints.lower().split("-"))
    return "-".join(part for part in parts if part not in {"fe0f", ""})


def _captions() -> Iterator[dict[str, Any]]:
    """Unicode's emoji in its order, with CLDR's words."""
    words: dict[str, Any] = {}
    for url, key in ANNOTATIONS:
        words |= json.loads(_text(url))[key]["annotations"]
    group = subgroup = ""
    for line in _text(EMOJI_TEST).splitlines():
        group = line.removeprefix("# group: ") if line.startswith("# group: ") else group
        if line.startswith("# subgroup: "):
            subgroup = line.removeprefix("# subgroup: ")
        if not (found := _LINE.match(line)):
            continue
        points = found[1].lower().split()
        emoji = "".join(chr(int(point, 16)) for point in points)
        about = words.get(emoji) or words.get(emoji.replace("\ufe0f", "")) or {}
        yield {
            "codepoints": "-".join(points),
            "emoji": emoji,
            "name": found[3],
            "tts": about.get("tts", [None])[0],
            "keywords": about.get("default", []),
            "group": group,
            "subgroup": subgroup,
            "has_skin_tone": bool(_SKIN_TONES & set(points)),
        }


def _text(url: str) -> str:
    with urllib.request.urlopen(url) as reply:  # noqa: S310 — the URLs above
        text: str = reply.read().decode("utf-8")
        return text
