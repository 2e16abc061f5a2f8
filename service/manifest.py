"""The contract between training and serving: what an export promises, and where its files stand.

An export is a folder ``models/<name>/<version>/``. The folder's path says the model's name and
version; everything else needed to serve it is in this manifest and the files beside it::

    saved_model.pb  variables/  assets/  fingerprint.pb    the SavedModel
    assets.extra/manifest.json                             this
    assets.extra/golden.npz                                inputs and the trained model's outputs
    assets.extra/openvino/<signature>.xml|.bin             the signature converted for CPUs
    assets.extra/openvino/<signature>.int8.xml|.bin        the same in 8-bit integers, maybe
    assets.extra/tokenizer.json                            how texts become tokens
    assets.extra/keras/model.keras                         the Keras model, to train further
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

Task = Literal["classify", "embed", "infer"]
"""What a signature does: `classify` makes probabilities of images, `embed` vectors of images or of
texts, `infer` tensors of tensors.
"""

Modality = Literal["text", "image"]
"""What a vector was made of."""

Fit = Literal["stretch", "pad", "center-crop", "resize-crop", "mnist"]
"""How an image of any size becomes the model's size.

- `stretch`: resized to exactly the size, its aspect given up.
- `pad`: resized to fit inside, centred, the rest filled with `ImageInput.padding`.
- `center-crop`: resized to cover, centred, the overhang cut off.
- `resize-crop`: the same, but resized to whole pixels and cut between whole pixels, as
  `transformers` prepares images for CLIP: up to a pixel beside the middle.
- `mnist`: the ink is found, made light on dark, scaled into 20×20 keeping its aspect and centred
  by mass in 28×28, as LeCun et al. made the set.
"""

Resample = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
"""Pillow's resampling filters."""

DType = Literal[
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "string",
]

MODEL_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""A model's name: the folder that holds its versions, and a part of URLs."""


SignatureName = Annotated[str, Field(min_length=1)]
"""TensorFlow 1 has names like paths, such as `tensorflow/serving/regress`."""


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


class TensorSpec(_Frozen):
    """The type and shape of one input or output."""

    dtype: DType
    shape: tuple[int | None, ...] | None
    """Sizes by axis, the batch first; None where any size will do; None for an unknown rank."""


class Signature(_Frozen):
    """One function of the SavedModel."""

    task: Task
    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    checks_shapes: bool = True
    """Whether inputs of other shapes are refused before the model runs; where a SavedModel has no
    manifest, its graph decides what it takes.
    """

    @property
    def width(self) -> int | None:
        """Dimensions of the vectors that it gives; None where it gives none."""
        spec = self.outputs.get("embeddings")
        return spec.shape[-1] if spec is not None and spec.shape else None


class ImageInput(_Frozen):
    """How a file becomes the model's pixels: uint8 (height, width, channels), 0–255."""

    height: PositiveInt
    """Pixels."""
    width: PositiveInt
    """Pixels."""
    channels: Literal[1, 3]
    """1 for greyscale (ITU-R 601 luma), 3 for RGB."""
    fit: Fit = "stretch"
    resample: Resample = "bilinear"
    """The filter used to resize, the same in training."""
    padding: Annotated[int, Field(ge=0, le=255)] = 0
    """The value that fills the rest of the image under the fit `pad`, in every channel."""

    @property
    def tensors(self) -> dict[str, TensorSpec]:
        """What a signature of images takes."""
        size = (None, self.height, self.width, self.channels)
        return {"images": TensorSpec(dtype="uint8", shape=size)}

    @model_validator(mode="after")
    def _mnist_is_one_size(self) -> Self:
        if self.fit == "mnist" and (self.height, self.width, self.channels) != (28, 28, 1):
            raise ValueError(
                f"the fit 'mnist' makes 28×28×1 pixels; this input is "
                f"{self.height}×{self.width}×{self.channels}: choose another fit"
            )
        return self


class TextInput(_Frozen):
    """How texts become the model's tokens: int32 (B, T), by the export's `tokenizer.json`.

    `tokenizer.json` is the format of Hugging Face's `tokenizers`; it puts in special tokens itself,
    and neither cuts nor pads.
    """

    max_length: PositiveInt
    """Tokens of the longest text, special ones included."""
    padding: Annotated[int, Field(ge=0)] = 0
    """The token that fills the shorter texts of a batch, behind."""
    prompts: dict[str, str] = {}
    """What is put before a text, by what the text is for: `query` and `document` where a search
    tells them apart, as E5 and BGE do.
    """

    @property
    def tensors(self) -> dict[str, TensorSpec]:
        """What a signature of texts takes; beside it may stand `mask`, 1 at tokens, 0 at padding.

        Without the mask the model tells padding by itself.
        """
        return {"tokens": TensorSpec(dtype="int32", shape=(None, None))}


class Embeddings(_Frozen):
    """What holds of the model's vectors."""

    normalized: bool = True
    """Whether each has length 1, so that their products are cosines."""
    min_dimensions: PositiveInt | None = None
    """A vector may be cut to its first dimensions, as many as this or more, and stays useful
    (Kusupati et al., 2022, arXiv:2205.13147); None where only the whole is.
    """
    temperature: PositiveFloat | None = None
    """τ of a dual encoder: the softmax of cosine / τ tells which text belongs to an image."""
    prompt_template: Annotated[str, Field(pattern=r"^[^{}]*\{\}[^{}]*$")] = "{}"
    """What is said of an image by a label in place of `{}`, such as `a photo of a {}.`"""


class Tolerance(_Frozen):
    """The largest absolute difference from the goldens that a precision may show."""

    float32: PositiveFloat = 1e-4
    bfloat16: PositiveFloat = 2e-2
    int8: PositiveFloat | None = None
    """None where the export has no conversion in int8."""


class Manifest(_Frozen):
    """What an export promises."""

    format: Literal[1] = 1
    """The version of this file's layout."""
    description: str = ""
    """One sentence for people who choose a model."""
    signatures: Annotated[dict[SignatureName, Signature], Field(min_length=1)]
    """By name, the most used first."""
    image: ImageInput | None = None
    """How images become the input of `classify` and `embed`; None where none go in."""
    text: TextInput | None = None
    """How texts become the input of `embed`; None where none go in."""
    embeddings: Embeddings | None = None
    """What holds of the vectors that `embed` gives."""
    labels: tuple[str, ...] | None = None
    """The class names, in the order of the probabilities."""
    tolerance: Tolerance = Tolerance()
    metrics: dict[str, float] = {}
    """What was measured when it was trained, such as `test_accuracy` (0–1)."""
    provenance: dict[str, str | int | float | bool | None] = {}
    """How it was made: recipe, seed, knobs, versions, time."""
    license: str | None = None
    """An SPDX identifier, or a sentence."""

    @model_validator(mode="after")
    def _does_its_tasks(self) -> Self:
        for name, signature in self.signatures.items():
            if signature.task == "classify":
                self._check_classifier(name, signature)
            elif signature.task == "embed":
                self._check_encoder(name, signature)
        widths = {self.signatures[name].width for name in self.encoders.values()}
        if len(widths) > 1:
            raise ValueError(f"its vectors share a space, so all are as wide; got {widths}")
        return self

    def _check_classifier(self, name: str, signature: Signature) -> None:
        if self.image is None:
            raise ValueError(f"signature {name!r} classifies images, but 'image' is missing")
        if self.labels is None:
            raise ValueError(f"signature {name!r} classifies, but 'labels' is missing")
        if signature.inputs != self.image.tensors:
            size = self.image.tensors["images"].shape
            raise ValueError(
                f"signature {name!r} classifies, so its one input is 'images' uint8 {size}; "
                f"got {signature.inputs}"
            )
        scores = TensorSpec(dtype="float32", shape=(None, len(self.labels)))
        if signature.outputs != {"probabilities": scores}:
            raise ValueError(
                f"signature {name!r} has {len(self.labels)} labels, so its one output is "
                f"'probabilities' float32 {scores.shape}; got {signature.outputs}"
            )

    def _check_encoder(self, name: str, signature: Signature) -> None:
        if self.embeddings is None:
            raise ValueError(f"signature {name!r} embeds, but 'embeddings' is missing")
        takes = [each.tensors for each in (self.image, self.text) if each is not None]
        if self.text is not None:
            takes.append(self.text.tensors | {"mask": self.text.tensors["tokens"]})
        if signature.inputs not in takes:
            raise ValueError(
                f"signature {name!r} embeds, so it takes what 'image' or 'text' says: one of "
                f"{takes}; got {signature.inputs}"
            )
        shape = signature.outputs["embeddings"].shape if "embeddings" in signature.outputs else None
        width = shape[1] if shape is not None and len(shape) == 2 else None
        vectors = TensorSpec(dtype="float32", shape=(None, width))
        if width is None or signature.outputs != {"embeddings": vectors}:
            raise ValueError(
                f"signature {name!r} embeds, so its one output is 'embeddings' float32 "
                f"(None, width); got {signature.outputs}"
            )

    @cached_property
    def encoders(self) -> dict[Modality, str]:
        """The signature that embeds each modality that the model takes."""
        return {
            "image" if "images" in signature.inputs else "text": name
            for name, signature in reversed(self.signatures.items())
            if signature.task == "embed"
        }

    @property
    def width(self) -> int | None:
        """Dimensions of its vectors; None where it embeds nothing."""
        return next((self.signatures[name].width for name in self.encoders.values()), None)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What the model does, each task once."""
        return tuple(dict.fromkeys(signature.task for signature in self.signatures.values()))

    def signature_for(self, task: Task) -> str | None:
        """The name of the first signature that does `task`, or None."""
        return self._first_by_task.get(task)

    @cached_property
    def _first_by_task(self) -> dict[Task, str]:
        return {each.task: name for name, each in reversed(self.signatures.items())}

    @classmethod
    def read(cls, export: Path) -> Manifest:
        """Read the manifest of the export in the folder `export`.

        Raises:
            FileNotFoundError: the folder holds no manifest.
            pydantic.ValidationError: it does not say what it must.
        """
        return cls.model_validate_json(manifest_path(export).read_bytes())

    def write(self, export: Path) -> None:
        """Write the manifest into the folder `export`."""
        path = manifest_path(export)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def manifest_path(export: Path) -> Path:
    """Where an export's manifest stands."""
    return export / "assets.extra" / "manifest.json"


def golden_path(export: Path) -> Path:
    """Where an export's goldens stand: arrays named ``<signature>/inputs|outputs/<tensor>``."""
    return export / "assets.extra" / "golden.npz"


def openvino_path(export: Path, signature: str, *, int8: bool = False) -> Path:
    """Where a signature's OpenVINO conversion stands; its weights stand beside it in a .bin."""
    file = quote(signature, safe="")  # a name may be like a path
    name = f"{file}.int8.xml" if int8 else f"{file}.xml"
    return export / "assets.extra" / "openvino" / name


def tokenizer_path(export: Path) -> Path:
    """Where the tokenizer of a model of texts stands."""
    return export / "assets.extra" / "tokenizer.json"


def keras_path(export: Path) -> Path:
    """Where the Keras model stands."""
    return export / "assets.extra" / "keras" / "model.keras"
