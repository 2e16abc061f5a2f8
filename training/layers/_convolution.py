"""The convolution product of images and what it is made of: windows cut out, windows added up.

For images I (H, W, C) and a kernel K (h, w, C, F), at stride s and dilation d,

    (I ∗ K)[y, x, f] = Σ_{m<h} Σ_{n<w} Σ_c I[y·s + m·d, x·s + n·d, c] · K[m, n, c, f].

Deep learning calls this the convolution product; in mathematics it is the cross-correlation. The
convolution of mathematics reads the image backwards, I[y - m, x - n], so that it commutes: it is
this product with the kernel turned by 180°, `kernel[::-1, ::-1]`. A kernel that is learnt is
learnt turned, and nothing else changes.

Padding: `valid` takes only windows inside the image, of which there are ⌊(H - r) / s⌋ + 1 in a
column with the reach r = (h - 1)·d + 1. `same` surrounds the image so that there are ⌈H / s⌉; an
odd row of padding goes below, as TensorFlow does it.

Everything is made of two operations, each the other's adjoint: `windows` (im2col; Chellapilla, Puri
and Simard, 2006, "High Performance Convolutional Neural Networks for Document Processing", §3.1)
and `overlap_add` (col2im). A convolution is windows times a matrix; pooling a maximum or a mean of
windows; transposed convolution and unpooling add windows up.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Final, Literal, get_args

from keras import ops

Padding = Literal["valid", "same"]
Pair = tuple[int, int]
"""Rows and columns, pixels."""

ZERO: Final = (0, 0)


def convolve(
    images: Any,
    kernel: Any,
    *,
    strides: int | Pair = 1,
    padding: Padding = "valid",
    dilation_rate: int | Pair = 1,
) -> Any:
    """Deep learning's convolution product: every window, flattened, times the kernel as a matrix.

    Args:
        images: float (B, H, W, C).
        kernel: of the same dtype, (h, w, C, F).
        strides: s, pixels between two windows.
        padding: which windows there are.
        dilation_rate: d, pixels between two pixels of a window.

    Returns:
        float (B, H', W', F).

    Raises:
        ValueError: the channels differ, or an argument is none of those that can be.
    """
    *size, channels, filters = kernel.shape
    if images.shape[-1] != channels:
        raise ValueError(
            f"the kernel is for images of {channels} channels; received {images.shape[-1]}"
        )
    found = windows(images, (size[0], size[1]), strides, padding, dilation_rate=dilation_rate)
    rows, columns = ops.shape(found)[1:3]
    flat = ops.reshape(found, (-1, size[0] * size[1] * channels))  # (B·H'·W', h·w·C)
    outputs = ops.matmul(flat, ops.reshape(kernel, (-1, filters)))
    return ops.reshape(outputs, (-1, rows, columns, filters))


def windows(
    images: Any,
    size: int | Pair,
    strides: int | Pair = 1,
    padding: Padding = "valid",
    *,
    dilation_rate: int | Pair = 1,
    fill: float = 0.0,
) -> Any:
    """Every window of some images: (B, H, W, C) → (B, H', W', h·w, C), rows first.

    Each of the h·w slices is the image as one pixel of the windows sees it: moved by that pixel's
    offset and read at every stride.

    Args:
        fill: what surrounds the image under the padding `same`.

    Raises:
        ValueError: the image is smaller than a window, or an argument is none of those that can be.
    """
    (high, wide), (down, right) = pair(size, "size"), pair(strides, "strides")
    row_gap, column_gap = pair(dilation_rate, "dilation_rate")
    height, width = images.shape[1:3]
    output_length(height, high, down, padding, row_gap)  # refuses what is too small
    output_length(width, wide, right, padding, column_gap)
    top, bottom = margins(height, high, down, padding, row_gap)
    left, side = margins(width, wide, right, padding, column_gap)
    height, width = ops.shape(images)[1:3]
    rows = (top + height + bottom - (high - 1) * row_gap - 1) // down + 1
    columns = (left + width + side - (wide - 1) * column_gap - 1) // right + 1
    # whole strides everywhere: what is added behind the last window's stride is in no window
    around = (top, bottom + down - 1), (left, side + right - 1)
    if around != (ZERO, ZERO):
        images = ops.pad(images, (ZERO, *around, ZERO), constant_values=fill)
    slices = [
        _subsample(_part(images, corner, (rows * down, columns * right)), (down, right))
        for corner in product(
            range(0, high * row_gap, row_gap), range(0, wide * column_gap, column_gap)
        )
    ]
    return ops.stack(slices, axis=-2)


def _part(images: Any, corner: Pair, size: tuple[Any, Any]) -> Any:
    """A rectangle of each image; TensorFlow pulls gradients through `slice` 20 times as fast as
    through an index."""
    batch, _, _, channels = ops.shape(images)
    return ops.slice(images, (0, *corner, 0), (batch, *size, channels))


def _subsample(images: Any, strides: Pair) -> Any:
    """The first pixel of every stride, of images of whole strides."""
    if strides == (1, 1):
        return images
    batch, height, width, channels = ops.shape(images)
    rows, columns = height // strides[0], width // strides[1]
    x = ops.reshape(images, (-1, rows, strides[0], columns, strides[1], channels))
    x = ops.slice(x, (0,) * 6, (batch, rows, 1, columns, 1, channels))
    return ops.reshape(x, (-1, rows, columns, channels))


def overlap_add(
    parts: Any, size: int | Pair, strides: int | Pair, padding: Padding, output_size: Pair
) -> Any:
    """Add windows up where they lie: (B, H', W', h·w, C) → (B, *output_size, C).

    The adjoint of `windows` without dilation: ⟨windows(I), P⟩ = ⟨I, overlap_add(P)⟩. A window is
    parted into blocks of one stride; blocks of one kind do not overlap, so they make an image by
    being put in order, and the images of all kinds, moved to their places, are added.

    Args:
        parts: the windows of images of `output_size`, which must have as many.
    """
    (high, wide), (down, right) = pair(size, "size"), pair(strides, "strides")
    batch, rows, columns, _, channels = ops.shape(parts)
    tall, broad = -(-high // down), -(-wide // right)  # blocks in a window
    x = ops.reshape(parts, (-1, rows, columns, high, wide, channels))
    spare = (0, tall * down - high), (0, broad * right - wide)
    if spare != (ZERO, ZERO):
        x = ops.pad(x, (ZERO, ZERO, ZERO, *spare, ZERO))
    whole: Any = 0
    for i, j in product(range(tall), range(broad)):
        block = ops.slice(
            x, (0, 0, 0, i * down, j * right, 0), (batch, rows, columns, down, right, channels)
        )
        block = ops.transpose(block, (0, 1, 3, 2, 4, 5))  # (B, H', s, W', s, C)
        image = ops.reshape(block, (-1, rows * down, columns * right, channels))
        if tall * broad > 1:
            place = (i * down, (tall - 1 - i) * down), (j * right, (broad - 1 - j) * right)
            image = ops.pad(image, (ZERO, *place, ZERO))
        whole = whole + image
    top, _ = margins(output_size[0], high, down, padding)
    left, _ = margins(output_size[1], wide, right, padding)
    return _cut(whole, (top, left), output_size)


def _cut(images: Any, corner: Pair, size: Pair) -> Any:
    """The pixels from `corner` on, with zeros where the image ends before `size` is reached."""
    there = [
        min(side, length - start)
        for side, length, start in zip(size, images.shape[1:3], corner, strict=True)
    ]
    images = _part(images, corner, (there[0], there[1]))
    missing = size[0] - there[0], size[1] - there[1]
    if missing == ZERO:
        return images
    return ops.pad(images, (ZERO, (0, missing[0]), (0, missing[1]), ZERO))


def margins(
    length: int | None, size: int, stride: int, padding: Padding, dilation: int = 1
) -> Pair:
    """The pixels that `padding` adds before and behind an axis of `length`.

    Raises:
        ValueError: the padding is `same`, and how much that is depends on an unknown length.
    """
    if padding == "valid":
        return ZERO
    reach = (size - 1) * dilation + 1
    if stride == 1:
        total = reach - 1
    elif length is None:
        raise ValueError(
            "padding 'same' with strides needs the images' height and width; received None"
        )
    else:
        total = max((-(-length // stride) - 1) * stride + reach - length, 0)
    return total // 2, total - total // 2


def output_length(
    length: int | None, size: int, stride: int, padding: Padding, dilation: int = 1
) -> int | None:
    """How many windows there are along an axis of `length`; None where that is None.

    Raises:
        ValueError: not even one.
    """
    if length is None:
        return None
    if padding == "same":
        return -(-length // stride)
    reach = (size - 1) * dilation + 1
    if length < reach:
        raise ValueError(
            f"a window that reaches over {reach} pixels fits into no image of {length}: take "
            "larger images, or padding='same'"
        )
    return (length - reach) // stride + 1


def pair(value: int | Pair, name: str) -> Pair:
    """Rows and columns, from both or from one number for both.

    Raises:
        ValueError: they are no positive integers; names the argument `name`.
    """
    numbers = tuple(value) if isinstance(value, tuple | list) else (value, value)
    counted = all(isinstance(each, int) and not isinstance(each, bool) for each in numbers)
    if len(numbers) != 2 or not counted or min(numbers) < 1:
        raise ValueError(f"{name} must be one positive integer or two; received {value!r}")
    return numbers


def check_padding(padding: str) -> Padding:
    """The padding, if it is one.

    Raises:
        ValueError: it is not.
    """
    if padding not in get_args(Padding):
        raise ValueError(f"padding must be 'valid' or 'same'; received {padding!r}")
    return padding  # type: ignore[return-value]  # the line above is the check
