"""MLServer, adaptive batching on: images in the Open Inference Protocol's JSON, as base64."""

from __future__ import annotations

import base64
import json
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from benchmarks.peers import Peer, Request, Task, _images, _open_inference

_BATCH: Final = 32


def request(task: Task) -> Request:
    """A tensor of one string."""
    bodies = []
    for file in task.inputs:
        tensor: dict[str, Any] = {"name": "images", "datatype": "BYTES", "shape": [1, 1]}
        tensor |= {"parameters": {"content_type": "base64"}}
        bodies.append({"inputs": [{**tensor, "data": [base64.b64encode(file).decode()]}]})
    encoded = [json.dumps(body).encode() for body in bodies]
    return Request("/v2/models/classifier/infer", encoded, "application/json")


PEER = Peer(
    title="MLServer",
    command=lambda task: _images.command("benchmarks.peers.mlserver", task),
    request=request,
    answer=_open_inference.answer,
    ready="/v2/health/ready",
    requirements=("mlserver==1.7.1", "uvloop==0.21.0", "tensorflow==2.21.0", "pillow"),
)

_MLSERVER: Final[Any] = import_module("mlserver") if find_spec("mlserver") else None
"""There in its own environment alone."""
_Parent: Final[Any] = _MLSERVER.MLModel if _MLSERVER else object


class Model(_Parent):
    """The runtime, as MLServer has them."""

    async def load(self) -> bool:
        """Load the model."""
        self.classifier = _images.Classifier()
        return True

    async def predict(self, payload: Any) -> Any:
        """A batch of base64 to probabilities."""
        codecs, types = import_module("mlserver.codecs"), import_module("mlserver.types")
        files = codecs.Base64Codec.decode_input(payload.inputs[0])
        answers = self.classifier([self.classifier.decode(file) for file in files])
        output = codecs.NumpyCodec.encode_output("probabilities", answers)
        return types.InferenceResponse(model_name=self.name, outputs=[output])


def main() -> None:
    """Serve an export's signature: EXPORT SIGNATURE HEIGHT WIDTH CHANNELS."""
    _images.hand_on()
    folder = Path(mkdtemp(prefix="mlserver-"))
    port = int(os.environ["PORT"])
    server: dict[str, Any] = {"http_port": port, "grpc_port": port + 1, "metrics_port": port + 2}
    server |= {"host": "127.0.0.1", "debug": False, "parallel_workers": 1}
    model: dict[str, Any] = {
        "name": "classifier",
        "implementation": "benchmarks.peers.mlserver.Model",
    }
    model |= {"max_batch_size": _BATCH, "max_batch_time": 0.002}
    model |= {"implementation": "benchmarks.peers.mlserver.Model"}
    (folder / "settings.json").write_text(json.dumps(server))
    (folder / "model-settings.json").write_text(json.dumps(model))
    program = str(Path(sys.executable).parent / "mlserver")
    os.execv(program, [program, "start", str(folder)])  # noqa: S606 — no shell is needed


if __name__ == "__main__":
    main()
