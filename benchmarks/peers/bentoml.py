"""BentoML, adaptive batching on: a batch of images in JSON as base64."""

from __future__ import annotations

import base64
import json
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from benchmarks.peers import Answer, Peer, Request, Task, _images, dense


def request(task: Task) -> Request:
    """A batch of one."""
    bodies = [json.dumps({"images": [base64.b64encode(file).decode()]}) for file in task.inputs]
    return Request("/classify", [body.encode() for body in bodies], "application/json")


def answer(body: bytes) -> Answer:
    """All probabilities."""
    return dense(json.loads(body)[0])


PEER = Peer(
    title="BentoML",
    command=lambda task: _images.command("benchmarks.peers.bentoml", task),
    request=request,
    answer=answer,
    ready="/readyz",
    requirements=("bentoml==1.4.40", "tensorflow==2.21.0", "pillow"),
    environment={"BENTOML_DO_NOT_TRACK": "True"},
)

_BENTOML: Final[Any] = import_module("bentoml") if find_spec("bentoml") else None
"""There in its own environment alone."""


class _Service:
    def __init__(self) -> None:
        self._classifier = _images.Classifier()

    def classify(self, images: list[str]) -> list[list[float]]:
        """The probabilities of each image."""
        pixels = [self._classifier.decode(base64.b64decode(image)) for image in images]
        answers: list[list[float]] = self._classifier(pixels).tolist()
        return answers


if _BENTOML:
    _Service.classify = _BENTOML.api(  # type: ignore[method-assign]  # as a decorator does
        batchable=True, max_batch_size=32, max_latency_ms=1000
    )(_Service.classify)
    Service = _BENTOML.service(workers=1, traffic={"timeout": 60})(_Service)


def main() -> None:
    """Serve an export's signature: EXPORT SIGNATURE HEIGHT WIDTH CHANNELS."""
    _images.hand_on()
    command = ["-m", "bentoml", "serve", "benchmarks.peers.bentoml:Service"]
    os.execv(sys.executable, [sys.executable, *command, "--port", os.environ["PORT"]])  # noqa: S606 — as it is


if __name__ == "__main__":
    main()
