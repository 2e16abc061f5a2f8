"""Classify, asked of our own classifiers: an example is an image's file.

TensorFlow Serving knows no such models: theirs parse the examples themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from service.codecs.json_elements import elements_of
from service.codecs.json_text import is_base64, is_list
from service.engine.classify import classify
from service.engine.engine import Engine
from service.engine.inputs import Inputs
from service.errors import InvalidInput
from service.repository.lease import Lease


def takes_images(lease: Lease, signature: str) -> bool:
    """Whether a signature is one that classifies images."""
    manifest = lease.manifest
    return manifest.signatures[signature].task == "classify" and manifest.image is not None


async def classify_images(
    engine: Engine, lease: Lease, examples: Sequence[Mapping[str, Any]]
) -> list[list[tuple[str, float]]]:
    """The label and score of every class of each image, the best first.

    Raises:
        ServiceError: an example is no image, or as `classify` does.
    """
    labels = lease.manifest.labels or ()
    files = [_file(example, index) for index, example in enumerate(examples)]
    results = await classify(
        engine,
        lease,
        Inputs(files, "examples"),
        top_k=min(len(labels), engine.settings.max_top_k),
    )
    return [[(each.label, each.score) for each in classes] for classes in results]


def _file(example: Mapping[str, Any], index: int) -> bytes:
    values = [value for each in example.values() for value in (each if is_list(each) else [each])]
    if len(values) != 1 or not is_base64(values[0]):
        raise InvalidInput(
            f"example {index} is no image: this model takes one feature, such as "
            '{"image": {"b64": "…"}}, the bytes of an image file'
        )
    file: bytes = elements_of(values, "string", to_infinity=True)[0]
    return file
