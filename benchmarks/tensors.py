"""What a tensor's way over HTTP costs: a ResNet-50 asked there and in process, and JSON's numbers.

python -m benchmarks.tensors [--calls 200] [--export models/resnet/1]

Without an export a ResNet-50 of random weights is made for the purpose, which takes a minute. The
two ways are asked in turns, so that a noisy machine is noisy for both; medians are compared.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

import numpy as np

from benchmarks.running import lutrin
from service.codecs.json_tensors import flat
from service.codecs.json_text import parse
from service.exports import folder as export_folder
from service.loading import goldens
from service.settings import RunOptions

_WARM: Final = 20
"""Calls that are not counted."""
_JSON_ROUNDS: Final = 20


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.tensors", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--calls", type=int, default=200, help="calls of each way (default 200)")
    parser.add_argument("--export", type=Path, help="a version's folder instead of a new ResNet-50")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        export = given.export or write_resnet(Path(folder))
        there, here = ask_in_turns(export, given.calls)
    print("| one row, binary uint8 tensor | ms |\n| --- | --- |")
    print(f"| over HTTP, p50 | {there * 1e3:.2f} |")
    print(f"| in process, p50 | {here * 1e3:.2f} |")
    print(f"| ratio | {there / here:.3f} |\n")
    print("| JSON numbers | MB/s |\n| --- | --- |")
    for title, text in _texts().items():
        print(f"| {title} | {_megabytes_per_s(text):.0f} |")


def write_resnet(folder: Path) -> Path:
    """Export Keras' ResNet-50 with random weights; gives the folder of its version."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # noqa: PLC0415 — takes seconds, and an export that is there needs it not

    from training.exporting.from_keras import export_keras_file  # noqa: PLC0415

    labels = folder / "labels.txt"
    labels.write_text("".join(f"class {index}\n" for index in range(1000)))
    keras.applications.ResNet50(weights=None).save(folder / "resnet.keras")
    return export_keras_file(
        folder / "resnet.keras",
        name="resnet",
        labels_file=labels,
        models_dir=folder / "models",
        scaling="caffe",
    )


def ask_in_turns(export: Path, calls: int) -> tuple[float, float]:
    """The median seconds of one call over HTTP and of one in this process."""
    found = export_folder.find(export)
    loaded = goldens.load(found, RunOptions())
    image = loaded.manifest.image
    if image is None:
        raise SystemExit(f"{export} classifies no images: choose an export that does")
    shape = (1, image.height, image.width, image.channels)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    classify = loaded.programs[0][loaded.manifest.signature_for("classify") or ""]
    models = str(found.path.parent.parent)
    with lutrin(MODELS_DIR=models) as server:
        there = _caller(server.url, found.name, images)
        seconds = [
            (_seconds(there), _seconds(lambda: classify({"images": images})))
            for _ in range(calls + _WARM)
        ][_WARM:]
    return median(pair[0] for pair in seconds), median(pair[1] for pair in seconds)


def _caller(url: str, name: str, images: np.ndarray) -> Callable[[], object]:
    """Asks for the probabilities of `images` over one connection, and reads them."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    tensor = {
        "name": "images",
        "datatype": "UINT8",
        "shape": images.shape,
        "parameters": {"binary_data_size": images.nbytes},
    }
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}

    def ask() -> np.ndarray:
        body = head + images.tobytes()
        connection.request("POST", f"/v2/models/{name}/infer", body, headers)
        reply = connection.getresponse()
        content = reply.read()
        if reply.status != 200:
            raise SystemExit(f"the server answered {reply.status}: {content[:500]!r}")
        start = int(reply.headers["Inference-Header-Content-Length"])
        return np.frombuffer(content[start:], np.float32)

    return ask


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _texts() -> dict[str, bytes]:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, 224 * 224 * 3)
    return {
        "pixels 0–255 of 224×224×3, flat": json.dumps(pixels.tolist()).encode(),
        "the same, nested": json.dumps(pixels.reshape(224, 224, 3).tolist()).encode(),
        "float32 0–1 of 224×224×3, flat": json.dumps((pixels / 255).round(8).tolist()).encode(),
        "64-bit decimals, flat": json.dumps(random.random(100_000).tolist()).encode(),
    }


def _megabytes_per_s(text: bytes) -> float:
    """How fast an inference's JSON becomes the tensor in it."""
    body = b'{"inputs": [{"name": "x", "data": ' + text + b"}]}"

    def read() -> object:
        return flat(parse(body)["inputs"][0]["data"], "float32")

    return len(body) / median(_seconds(read) for _ in range(_JSON_ROUNDS)) / 1e6


if __name__ == "__main__":
    main()
