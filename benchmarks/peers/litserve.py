"""LitServe, batching on: images in JSON as base64, for its requests are JSON or forms."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from benchmarks.peers import Answer, Peer, Request, Task, dense


def request(task: Task) -> Request:
    """Images in base64."""
    bodies = [json.dumps({"image": base64.b64encode(file).decode()}) for file in task.inputs]
    return Request("/predict", [body.encode() for body in bodies], "application/json")


def answer(body: bytes) -> Answer:
    """All probabilities."""
    return dense(json.loads(body)["probabilities"])


PEER = Peer(
    title="LitServe",
    command=lambda task: [
        *("-m", "benchmarks.peers.litserve"),
        *(str(task.export), task.signature, *map(str, task.shape)),
    ],
    request=request,
    answer=answer,
    ready="/health",
    requirements=("litserve==0.2.19", "tensorflow==2.21.0", "pillow"),
)


_LITSERVE: Final[Any] = import_module("litserve") if find_spec("litserve") else None
"""There in its own environment alone."""
_Parent: Final[Any] = _LITSERVE.LitAPI if _LITSERVE else object


class Classifier(_Parent):
    """One worker: images are decoded one by one and run in batches."""

    def setup(self, device: str) -> None:
        """Load the model, in the worker, as LitServe advises."""
        self.tf = import_module("tensorflow")
        self.signature = self.tf.saved_model.load(sys.argv[1]).signatures[sys.argv[2]]
        self.shape = tuple(map(int, sys.argv[3:6]))

    def decode_request(self, request: dict[str, str]) -> Any:
        """Base64 to uint8 pixels."""
        import numpy as np  # noqa: PLC0415 — the server alone needs it
        from PIL import Image  # noqa: PLC0415

        height, width, channels = self.shape
        opened = Image.open(io.BytesIO(base64.b64decode(request["image"])))
        image = opened.convert("L" if channels == 1 else "RGB")
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(image, np.uint8).reshape(self.shape)

    def predict(self, images: Any) -> Any:
        """A batch of pixels to probabilities."""
        return self.signature(images=self.tf.constant(images))["probabilities"].numpy()

    def encode_response(self, output: Any) -> dict[str, list[float]]:
        """JSON."""
        return {"probabilities": output.tolist()}


def main() -> None:
    """Serve an export's signature: EXPORT SIGNATURE HEIGHT WIDTH CHANNELS."""
    server = _LITSERVE.LitServer(
        Classifier(max_batch_size=32, batch_timeout=0.002), accelerator="cpu"
    )
    server.run(port=int(os.environ["PORT"]), log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main()
