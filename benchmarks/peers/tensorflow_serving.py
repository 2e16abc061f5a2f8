"""TensorFlow Serving over REST, batching on. It reads no image files: the caller sends pixels."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.peers import Answer, Peer, Request, Task, _binaries, _images, dense

_BATCHING = """
max_batch_size { value: 32 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 1000 }
"""


def request(task: Task) -> Request:
    """Pixels as numbers in JSON, as its REST interface takes them."""
    bodies = [
        {
            "signature_name": task.signature,
            "instances": [_images.decoded(file, task.shape).tolist()],
        }
        for file in task.inputs
    ]
    encoded = [json.dumps(body).encode() for body in bodies]
    return Request("/v1/models/classifier:predict", encoded, "application/json")


def answer(body: bytes) -> Answer:
    """All probabilities."""
    return dense(json.loads(body)["predictions"][0])


PEER = Peer(
    title="TensorFlow Serving (pixels in JSON)",
    command=lambda task: ["-m", "benchmarks.peers.tensorflow_serving", str(task.export)],
    request=request,
    answer=answer,
    may_be_contained=True,
    ready="/v1/models/classifier",
)


def main() -> None:
    """Serve the export whose version's folder the command line names."""
    port, export = int(os.environ["PORT"]), Path(sys.argv[1]).resolve()
    folder = Path(mkdtemp(prefix="tensorflow-serving-"))
    batching = folder / "batching"
    batching.write_text(_BATCHING)
    _binaries.copy(export, folder / "classifier" / export.name)
    _binaries.execute(
        "tensorflow_model_server",
        "tensorflow/serving",
        str(folder),
        [
            *(f"--rest_api_port={port}", f"--port={port + 1}", "--model_name=classifier"),
            *(f"--model_base_path={folder / 'classifier'}", "--enable_batching=true"),
            f"--batching_parameters_file={batching}",
        ],
    )


if __name__ == "__main__":
    main()
