"""How well digits are read behind the fit `mnist`, on images as people make them.

    python -m benchmarks.digits [--export models/mnist-lenet5/1] [--count 3000] [--seed 0]

Digits set in fonts of five families, drawn freehand (`benchmarks.freehand`) and MNIST's test digits
enlarged, dark on light and light on dark, on canvases of 20–1000 pixels, anywhere on them, by thin
and thick pens, are written as PNG and JPEG files and read as the service reads them. Distortions:
a light that falls off by 30 % across the paper, Gaussian noise of σ = 15 of 255, 1 % salt and
pepper, JPEG of quality 40, and all of them together. The same weights read the same files resized
plainly to 28×28 for comparison. MNIST's enlarged digits need the folder DATASETS_DIR.
"""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks import freehand
from service.manifest import ImageInput, openvino_path
from service.preprocessing.image import EncodedImage, fit

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Classifier = Callable[[Pixels], NDArray[np.int64]]
"""uint8 (B, 28, 28, 1) → the digits, (B,)."""

FONTS: Final = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmr10", "cmb10", "cmss10", "cmtt10", "cmti10"),
)
"""Five families, as Matplotlib carries them: DejaVu Sans, Serif and Mono, STIX, Computer Modern."""

SOURCES: Final = ("fonts", "freehand", "mnist")
DISTORTIONS: Final = ("clean", "gradient", "noise", "specks", "jpeg", "mixture")

FITTED: Final = ImageInput(height=28, width=28, channels=1, fit="mnist")
PLAIN: Final = ImageInput(height=28, width=28, channels=1, fit="stretch")


@dataclass(frozen=True)
class Sample:
    """One image file of a digit."""

    digit: int
    source: str
    distortion: str
    file: bytes


def samples(count: int, seed: int, digits: tuple[Pixels, Pixels] | None) -> Iterator[Sample]:
    """`count` images, the sources and distortions in turn.

    Args:
        count: how many.
        seed: the same seed gives the same images.
        digits: MNIST's test images (N, 28, 28) and labels (N,); None leaves their source out.
    """
    rng = np.random.default_rng(seed)
    sources = SOURCES if digits is not None else SOURCES[:-1]
    for index in range(count):
        source = sources[index % len(sources)]
        distortion = DISTORTIONS[index // len(sources) % len(DISTORTIONS)]
        digit, image = _image(source, digits, rng)
        yield Sample(digit, source, distortion, _file(image, distortion, rng))


def _image(
    source: str, digits: tuple[Pixels, Pixels] | None, rng: np.random.Generator
) -> tuple[int, Floats]:
    """A digit somewhere on a canvas: its value, and ink (H, W), 0–1."""
    height = round(20 * 50 ** rng.uniform())  # pixels, 20–1000, evenly on a logarithmic scale
    width = round(min(1000, max(20, height * rng.choice([1, 1, 4 / 3, 3 / 4]))))
    tall = max(13, round(min(height, width) * rng.uniform(0.35, 0.85)))
    digit = int(rng.integers(10))
    if source == "mnist" and digits is not None:
        chosen = int(rng.integers(len(digits[1])))
        digit, ink = int(digits[1][chosen]), _enlarged(digits[0][chosen], tall)
    elif source == "fonts":
        ink = _typed(digit, tall, rng)
    else:
        pen = max(1.0, tall * 0.012 * 12 ** rng.uniform())  # hairline to marker: 1.2–14 % of height
        ink = freehand.draw(digit, tall, pen, rng)
    canvas = np.zeros((max(height, ink.shape[0]), max(width, ink.shape[1])), np.float32)
    top, left = (int(rng.integers(a - b + 1)) for a, b in zip(canvas.shape, ink.shape, strict=True))
    canvas[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return digit, canvas


def _typed(digit: int, tall: int, rng: np.random.Generator) -> Floats:
    """A digit in a random font: ink, cropped."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(folder / f"{rng.choice(FONTS)}.ttf", round(tall * 1.37))
    left, top, right, bottom = font.getbbox(str(digit))
    canvas = Image.new("L", (round(right - left) + 2, round(bottom - top) + 2))
    ImageDraw.Draw(canvas).text((1 - left, 1 - top), str(digit), fill=255, font=font)
    return np.asarray(canvas, np.float32) / np.float32(255)


def _enlarged(image: Pixels, tall: int) -> Floats:
    """An MNIST digit whose box is `tall` pixels, smooth: ink, cropped."""
    rows, columns = np.nonzero(image.any(1))[0], np.nonzero(image.any(0))[0]
    box = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = tall / max(box.shape)
    size = (max(1, round(box.shape[1] * scale)), max(1, round(box.shape[0] * scale)))
    enlarged = Image.fromarray(np.pad(box, 1)).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(enlarged, np.float32) / np.float32(255)


def _file(ink: Floats, distortion: str, rng: np.random.Generator) -> bytes:
    """The image on its paper, distorted, as a file."""
    if rng.uniform() < 0.5:
        paper, pen = rng.uniform(200, 255), rng.uniform(0, 80)
    else:
        paper, pen = rng.uniform(0, 50), rng.uniform(180, 255)
    image = paper + (pen - paper) * ink
    if distortion in {"gradient", "mixture"}:
        image = _uneven(image, light=paper > pen, rng=rng)
    if distortion in {"noise", "mixture"}:
        image = image + rng.normal(0, 15, image.shape)
    if distortion in {"specks", "mixture"}:
        draw = rng.uniform(size=image.shape)
        image = np.where(draw < 0.005, 0, np.where(draw > 0.995, 255, image))
    pixels = Image.fromarray(np.clip(np.rint(image), 0, 255).astype(np.uint8))
    file = io.BytesIO()
    if distortion in {"jpeg", "mixture"}:
        pixels.save(file, "JPEG", quality=40)
    else:
        pixels.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _uneven(image: Floats, *, light: bool, rng: np.random.Generator) -> Floats:
    """A light that falls off by 30 % across the paper in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = (np.linspace(-1, 1, size) for size in image.shape)
    ramp = np.sin(angle) * rows[:, None] + np.cos(angle) * columns
    ramp = (ramp - ramp.min()) / (ramp.max() - ramp.min())
    lit: Floats = image * (1 - 0.3 * ramp) if light else image + 0.3 * ramp * (255 - image)
    return lit


def classifier(export: Path) -> Classifier:
    """The export's converted signature `classify`, run by OpenVINO in float32."""
    import openvino  # noqa: PLC0415 (only this needs it)

    core = openvino.Core()
    model = core.compile_model(
        openvino_path(export, "classify"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    return lambda images: np.asarray(model({"images": images})["probabilities"]).argmax(1)


def mnist_test(folder: Path) -> tuple[Pixels, Pixels] | None:
    """MNIST's test images (10000, 28, 28) and labels; None where the folder does not have them."""
    path = folder / "mnist.npz"
    if not path.exists():
        return None
    with np.load(path) as arrays:
        return arrays["x_test"], arrays["y_test"]


def noisy(images: Pixels, distortion: str, seed: int) -> Pixels:
    """MNIST images (N, 28, 28) under `noise` or `specks`, as `samples` has them."""
    rng = np.random.default_rng(seed)
    if distortion == "noise":
        grain = images + rng.normal(0, 15, images.shape)
        return np.clip(np.rint(grain), 0, 255).astype(np.uint8)
    draw = rng.uniform(size=images.shape)
    return np.where(draw < 0.005, 0, np.where(draw > 0.995, 255, images)).astype(np.uint8)


@dataclass(frozen=True)
class Accuracy:
    """Shares of right answers (0–1) by source and distortion: behind the fit, plainly resized."""

    fitted: dict[tuple[str, str], float]
    plain: dict[tuple[str, str], float]

    def total(self, shares: dict[tuple[str, str], float]) -> float:
        """The mean over sources and distortions."""
        return float(np.mean(list(shares.values())))


def measure(classify: Classifier, samples: Iterable[Sample]) -> Accuracy:
    """Read the files as the service does, and classify them both ways."""
    samples = list(samples)
    right: dict[str, dict[tuple[str, str], list[bool]]] = {"mnist": {}, "stretch": {}}
    for spec in (FITTED, PLAIN):
        images = np.stack(
            [EncodedImage.open(s.file, max_pixels=2_000_000).decode(spec) for s in samples]
        )
        for sample, answer in zip(samples, classify(images), strict=True):
            cell = right[spec.fit].setdefault((sample.source, sample.distortion), [])
            cell.append(sample.digit == answer)
    fitted, plain = (
        {cell: float(np.mean(answers)) for cell, answers in right[fit].items()}
        for fit in ("mnist", "stretch")
    )
    return Accuracy(fitted, plain)


def measure_noise(
    classify: Classifier, digits: tuple[Pixels, Pixels], seed: int
) -> dict[str, tuple[float, float]]:
    """By distortion, the accuracy on noisy 28×28 MNIST test images: behind the fit, unfitted."""
    images, labels = digits
    results = {}
    for distortion in ("noise", "specks"):
        unfitted = noisy(images, distortion, seed)[..., None]
        fitted = np.stack([fit(image, FITTED) for image in unfitted])
        shares = [float(np.mean(classify(each) == labels)) for each in (fitted, unfitted)]
        results[distortion] = (shares[0], shares[1])
    return results


def table(accuracy: Accuracy) -> str:
    """Per cent right: rows by source, columns by distortion; the last row plainly resized."""
    sources = list(dict.fromkeys(source for source, _ in accuracy.fitted))
    lines = ["".join(f"{name:>10}" for name in ("% right", *DISTORTIONS, "all"))]
    for source in sources:
        shares = [accuracy.fitted[source, distortion] for distortion in DISTORTIONS]
        lines.append(_row(source, [*shares, float(np.mean(shares))]))
    for name, shares_of in (("all", accuracy.fitted), ("plain", accuracy.plain)):
        shares = [
            float(np.mean([shares_of[source, distortion] for source in sources]))
            for distortion in DISTORTIONS
        ]
        lines.append(_row(name, [*shares, accuracy.total(shares_of)]))
    return "\n".join(lines)


def _row(name: str, shares: list[float]) -> str:
    return f"{name:>10}" + "".join(f"{100 * share:10.2f}" for share in shares)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.digits", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--export", type=Path, default=Path("models/mnist-lenet5/1"))
    parser.add_argument("--count", type=int, default=3600, help="images")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    digits = mnist_test(Path(os.environ.get("DATASETS_DIR") or "../shared/data"))
    if digits is None:
        print("MNIST's enlarged digits are left out: set DATASETS_DIR to the folder of mnist.npz")
    classify = classifier(arguments.export)
    print(table(measure(classify, samples(arguments.count, arguments.seed, digits))))
    if digits is not None:
        for name, shares in measure_noise(classify, digits, arguments.seed).items():
            print(f"28×28 with {name}: {shares[0]:.2%} behind the fit, {shares[1]:.2%} without")


if __name__ == "__main__":
    main()
