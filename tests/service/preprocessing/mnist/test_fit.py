"""The fit `mnist`: MNIST untouched, and everything else made as MNIST is."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from service.preprocessing.mnist import fit
from tests import ROOT

DATASETS = Path(os.environ.get("DATASETS_DIR") or ROOT.parent / "shared" / "data")

Pixels = NDArray[np.uint8]


def seven(height: int, width: int, *, pen: int, box: tuple[int, int, int, int]) -> Pixels:
    """A 7 drawn with straight strokes in a box (top, bottom, left, right): 255 on 0."""
    image = np.zeros((height, width), np.uint8)
    top, bottom, left, right = box
    image[top : top + pen, left:right] = 255
    for row in range(top, bottom):
        along = (row - top) / (bottom - top)
        column = round(right - pen - along * (right - left) * 0.6)
        image[row, column : column + pen] = 255
    return image


def similarity(one: Pixels, other: Pixels) -> float:
    """The correlation of two digits' pixels."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


SEVEN = seven(300, 400, pen=16, box=(60, 220, 200, 300))
EXPECTED = fit.fit(SEVEN)


def test_a_digit_comes_out_as_mnist_has_them() -> None:
    rows, columns = np.nonzero(EXPECTED.any(1))[0], np.nonzero(EXPECTED.any(0))[0]
    mass = EXPECTED.sum(dtype=float)

    assert EXPECTED.shape == (28, 28)
    assert EXPECTED.dtype == np.uint8
    assert rows[-1] - rows[0] + 1 == 20
    assert columns[-1] - columns[0] + 1 in {12, 13}  # the aspect 160:100 is kept
    assert abs(EXPECTED.sum(1) @ np.arange(28) / mass - 14) <= 0.5
    assert abs(EXPECTED.sum(0) @ np.arange(28) / mass - 14) <= 0.5
    assert EXPECTED.max() == 255


def test_polarity_size_and_place_do_not_matter() -> None:
    assert np.array_equal(fit.fit(255 - SEVEN), EXPECTED)
    for scale, place in ((0.25, (5, 60)), (0.5, (60, 10)), (2.0, (10, 10))):
        top, left = place
        moved = seven(
            round(400 * max(scale, 0.5)),
            round(500 * max(scale, 0.5)),
            pen=round(16 * scale),
            box=(top, top + round(160 * scale), left, left + round(100 * scale)),
        )
        assert similarity(fit.fit(moved), EXPECTED) > 0.9, scale


@pytest.mark.parametrize(("background", "stroke"), [(255, 0), (230, 20), (40, 200), (0, 255)])
def test_blank_paper_is_read_as_paper_with_a_trace_on_it(background: int, stroke: int) -> None:
    blank = np.where(SEVEN, stroke, background).astype(np.uint8)
    traced = blank.copy()
    traced[::25][SEVEN[::25] == 0] = abs(background - 2)  # its shade has to be fitted
    assert similarity(fit.fit(blank), fit.fit(traced)) > 0.9999
    assert similarity(fit.fit(blank), EXPECTED) > 0.9999


@pytest.mark.parametrize("polarity", ["light", "dark"])
@pytest.mark.parametrize("distortion", ["gradient", "noise", "specks", "all"])
def test_distortions_do_not_matter(polarity: str, distortion: str) -> None:
    rng = np.random.default_rng(0)
    image = (SEVEN if polarity == "light" else 255 - SEVEN) * 0.8 + 20
    if distortion in {"gradient", "all"}:
        image = image * np.linspace(0.7, 1, 400)
    if distortion in {"noise", "all"}:
        image = image + rng.normal(0, 15, image.shape)
    if distortion in {"specks", "all"}:
        draw = rng.uniform(size=image.shape)
        image = np.where(draw < 0.005, 0, np.where(draw > 0.995, 255, image))

    assert similarity(fit.fit(np.clip(image, 0, 255).astype(np.uint8)), EXPECTED) > 0.97


def test_a_hairline_survives_a_thousand_pixels() -> None:
    hairline = fit.fit(seven(1000, 1000, pen=1, box=(200, 840, 300, 700)))
    rows = np.nonzero((hairline > 100).any(1))[0]

    assert rows.size == 20  # no row of the stroke is lost


def test_a_marker_survives_twenty_pixels() -> None:
    marker = fit.fit(255 - seven(20, 20, pen=4, box=(3, 17, 5, 15)))

    assert similarity(marker, fit.fit(seven(200, 200, pen=40, box=(30, 170, 50, 150)))) > 0.85


@pytest.mark.parametrize("table", ["strip", "corner", "around"])
def test_what_lies_beside_the_page_is_no_ink(table: str) -> None:
    image = np.where(SEVEN > 0, 40, 220).astype(np.uint8)
    if table == "strip":
        image[:, :30] = 70
    elif table == "corner":
        rows, columns = np.mgrid[:300, :400]
        image[rows + columns < 60] = 70
    else:
        image[:24] = image[-24:] = 70
        image[:, :30] = image[:, -30:] = 70

    assert similarity(fit.fit(image), EXPECTED) > 0.9


def test_a_hard_shadow_is_no_ink() -> None:
    image = np.where(SEVEN > 0, 40, 220).astype(np.float32)
    image[:, :260] *= 0.55  # its edge crosses the digit

    assert similarity(fit.fit(image.astype(np.uint8)), EXPECTED) > 0.85


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 1000), (1000, 1), (2, 2), (3, 5), (28, 28), (480, 640)], ids=str
)
def test_images_without_ink_give_zeros(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for grey in (0, 128, 255):
        assert not fit.fit(np.full(shape, grey, np.uint8)).any()
    if min(shape) > 20:
        grain = np.clip(rng.normal(200, 15, shape), 0, 255).astype(np.uint8)
        assert not fit.fit(grain).any()
        ramp = np.tile(np.linspace(150, 250, shape[1]), (shape[0], 1)).astype(np.uint8)
        assert not fit.fit(ramp).any()


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (1, 50), (28, 28), (300, 7), (90, 1000)])
def test_pure_noise_is_survived(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)

    assert fit.fit(noise).shape == (28, 28)


def test_a_digit_already_as_mnists_passes_unchanged() -> None:
    again = fit.fit(EXPECTED)

    assert np.array_equal(again, EXPECTED)


@pytest.mark.parametrize("change", ["dark on light", "off centre", "small"])
def test_28_pixels_alone_are_not_mnist(change: str) -> None:
    if change == "dark on light":
        image = 255 - EXPECTED
    elif change == "off centre":
        image = np.roll(EXPECTED, 3, axis=1)
    else:
        image = np.zeros((28, 28), np.uint8)
        image[2:14, 2:14] = EXPECTED[4:28:2, 4:28:2]

    fitted = fit.fit(image)

    assert not np.array_equal(fitted, image)
    assert similarity(fitted, EXPECTED) > (0.98 if change != "small" else 0.6)


def test_all_of_mnist_passes_unchanged() -> None:
    path = DATASETS / "mnist.npz"
    if not path.exists():
        pytest.skip(f"{path} is absent: set DATASETS_DIR to the folder that holds it")
    with np.load(path) as arrays:
        images = np.concatenate([arrays["x_train"], arrays["x_test"]])

    assert len(images) == 70_000
    assert all(fit.fit(image) is image for image in images)
