"""Image files: bytes → an upright image → the model's pixels.

A file is judged by its header before anything of its size is allocated
(`service.preprocessing.formats`).
Formats outside `FORMATS` are refused: some of Pillow's readers start programs (EPS) or read other
files, and each one is a surface to attack.

Each image belongs to one thread; different images decode at once, and Pillow lets the
interpreter go while it decodes and resizes.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from service.errors import InputTooLarge, InvalidImage, ServiceError
from service.manifest import ImageInput
from service.preprocessing import fits, formats, png

# Pillow warns about odd metadata and logs odd tags; the file is judged here, and answered with an
# error or with pixels. Once, at import: warning filters belong to the process, not to a thread.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)

_TRANSPOSES: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image of an EXIF orientation (tag 0x0112) upright."""

_ORIENTATION_SOURCES: Final = frozenset(
    ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")
)

FORMATS: Final[dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,  # also MPO, whose first image is a plain JPEG
    "GIF": GifImagePlugin.GifImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "ICO": IcoImagePlugin.IcoImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
"""The formats we read, and Pillow's reader of each; the class opens the header without decoding."""


class EncodedImage:
    """An image file whose header has been read; its pixels are decoded when they are asked for."""

    __slots__ = ("_data", "_format", "_image", "height", "width")

    def __init__(self, data: bytes, kind: str, image: Image.Image) -> None:
        self._data = data
        self._format = kind
        self._image: Image.Image | None = image
        self.width, self.height = image.size  # pixels, as stored

    @classmethod
    def open(cls, data: bytes, *, max_pixels: int) -> EncodedImage:
        """Read the header of the file `data` and judge it.

        Raises:
            UnsupportedType: it is an image of a format outside `FORMATS`.
            InputTooLarge: its header declares more than `max_pixels` pixels.
            InvalidImage: it is no image, or its header is broken.
        """
        kind = formats.format_of(data)
        try:
            if kind == "ICO":
                kind, data = formats.largest_icon(data)
            formats.judge_unopened(kind, data, max_pixels)
            small = png.decode(data) if kind == "PNG" else None
            image = FORMATS[kind](io.BytesIO(data)) if small is None else small
            formats.judge(kind, image.size, max_pixels)
            if isinstance(image, ImageFile.ImageFile):
                formats.judge_effort(kind, image, data, max_pixels)
        except ServiceError:
            raise
        except Image.DecompressionBombError as error:
            raise InputTooLarge(f"the {kind} file declares too large an image: {error}") from error
        except Exception as error:
            raise InvalidImage(f"the {kind} file's header is broken: {_reason(error)}") from error
        return cls(data, kind, image)

    @property
    def pixels(self) -> int:
        """Width × height."""
        return self.width * self.height

    def decode(self, spec: ImageInput) -> NDArray[np.uint8]:
        """The upright image as the model takes it: uint8 (H, W, C), 0–255, C-contiguous.

        The first frame of an animation; transparency on white; greyscale by ITU-R 601 luma.

        Raises:
            InvalidImage: the pixels are broken or end too early.
        """
        image, self._image = self._image, None
        try:
            if image is None:
                image = FORMATS[self._format](io.BytesIO(self._data))
            upright, box = self._upright(image, spec)
            fitted = fits.FITS[spec.fit](upright, spec, box)
        except Exception as error:
            raise InvalidImage(
                f"the {self._format} image of {self.width}×{self.height} pixels cannot be "
                f"decoded: {_reason(error)}; send a complete file"
            ) from error
        return np.ascontiguousarray(fitted)

    def _upright(self, image: Image.Image, spec: ImageInput) -> tuple[Image.Image, fits.Box]:
        """The image as it is looked at, and the box of it that counts.

        Mode L where the model takes one channel, else RGB.
        """
        mode = "L" if spec.channels == 1 else "RGB"
        orientation = 1
        width, height = float(self.width), float(self.height)
        if self._format == "JPEG":
            orientation = _orientation(image)
            width, height = _draft(image, mode, orientation, spec)
        image.load()
        if self._format not in {"JPEG", "TIFF"}:  # Pillow turns a TIFF itself as it loads
            orientation = _orientation(image)
        if self._format == "PNG" and image.mode in {"L", "RGB"} and "transparency" in image.info:
            key = image.info["transparency"]
            image.info["transparency"] = _key_of_8_bits(key, self._data[24])
        image = _to_mode(image, mode)
        if (transpose := _TRANSPOSES.get(orientation)) is None:
            return image, (0, 0, width, height)
        image = image.transpose(transpose)
        if orientation >= 5:
            width, height = height, width
        left = image.width - width if orientation in {2, 3, 6, 7} else 0
        top = image.height - height if orientation in {3, 4, 7, 8} else 0
        return image, (left, top, left + width, top + height)


def fit(pixels: NDArray[np.uint8], spec: ImageInput) -> NDArray[np.uint8]:
    """Fit pixels that are already decoded, as a data set has them: uint8 (H, W, C) → the same."""
    image = Image.fromarray(pixels[:, :, 0] if spec.channels == 1 else pixels)
    return np.ascontiguousarray(fits.fit(image, spec))


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1–8; broken metadata must not lose the pixels, so it counts as 1."""
    if _ORIENTATION_SOURCES.isdisjoint(image.info):
        return 1
    try:
        orientation = image.getexif().get(0x0112, 1)
    except Exception:  # Pillow's EXIF reader raises a dozen kinds
        return 1
    return orientation if orientation in _TRANSPOSES else 1


def _draft(
    image: Image.Image, mode: str, orientation: int, spec: ImageInput
) -> tuple[float, float]:
    """Let libjpeg decode at 1/2, 1/4 or 1/8 where the fit needs no more, and luma alone for L.

    Returns:
        The width and height that the image then has, with the part of a pixel that libjpeg
        rounds up left out.
    """
    width, height = image.size
    turned = orientation >= 5
    needed = fits.size_needed((height, width) if turned else (width, height), spec)
    drafted = image.draft(mode, needed[::-1] if turned and needed else needed)
    if drafted is None:
        return width, height
    _, (_, _, right, bottom) = drafted
    return right, bottom


def _to_mode(image: Image.Image, mode: str) -> Image.Image:
    """Any mode of Pillow's → L or RGB of 8 bits, transparency on white."""
    if image.mode == mode and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return _to_8_bits(image).convert(mode)
    if image.mode == "LAB":
        return _from_lab(image).convert(mode)
    if not image.has_transparency_data:
        return image.convert(mode)
    opaque = image.convert("RGBA") if image.mode != "RGBA" else image
    white = Image.new("RGB", image.size, "white")
    white.paste(opaque, mask=opaque)
    return white.convert(mode)


def _to_8_bits(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and floating-point greyscale → mode L.

    16-bit values keep their top byte. 32-bit and floating-point ones have no agreed white: up to
    1 (floating point), 255 or 65535, whichever first holds them all, else stretched from the least
    to the greatest. What is no number counts as 0.
    """
    values = np.asarray(image)
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    if values.dtype.itemsize == 2:
        bits = tags.get(258, (16,))[0]
        grey = (values >> (bits - 8)).astype(np.uint8)
    else:
        values = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)
        least, most = float(values.min()), float(values.max())
        if least < 0 or most > 65535:
            values = (values - least) * (255 / max(most - least, 1e-30))
        elif most > 255:
            values = values / 257
        elif most <= 1 and image.mode == "F":
            values = values * 255
        grey = np.rint(values).astype(np.uint8)
    if tags.get(262) == 0:  # photometric interpretation: white is zero
        grey = 255 - grey
    if (key := image.info.get("transparency")) is not None:
        grey = np.where(np.asarray(image) == key, 255, grey)
    return Image.fromarray(grey)


def _from_lab(image: Image.Image) -> Image.Image:
    """CIE L*a*b* → sRGB. Imported here: colour management costs memory and is seldom asked for."""
    from PIL import ImageCms  # noqa: PLC0415

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert converted is not None  # noqa: S101 (in place only on request)
    return converted


def _key_of_8_bits(key: int | tuple[int, ...], depth: int) -> int | tuple[int, ...]:
    """A PNG's transparent colour in `depth` bits → in the 8 bits of Pillow's pixels."""
    if isinstance(key, tuple):
        return tuple(value >> 8 if depth == 16 else value for value in key)
    return key >> 8 if depth == 16 else key * 255 // ((1 << depth) - 1)
