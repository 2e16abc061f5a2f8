"""Triton Inference Server as PyPI has it, with a Python backend: dynamic batching on."""

from __future__ import annotations

import os
import sysconfig
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from benchmarks.peers import Peer, Request, Task, _images, _open_inference

_BATCH: Final = 32


def request(task: Task) -> Request:
    """A tensor of one string, binary."""
    [file] = task.inputs
    string = len(file).to_bytes(4, "little") + file
    return _open_inference.binary("classifier", "BYTES", [1, 1], string)


PEER = Peer(
    title="Triton (nvidia-pytriton)",
    command=lambda task: _images.command("benchmarks.peers.triton", task),
    request=request,
    answer=_open_inference.answer,
    ready="/v2/health/ready",
    requirements=("nvidia-pytriton==0.7.0", "tensorflow==2.21.0", "pillow"),
)


def main() -> None:
    """Serve an export's signature: EXPORT SIGNATURE HEIGHT WIDTH CHANNELS."""
    numpy = import_module("numpy")
    _images.hand_on()
    # The bundled Python cannot pickle the lock in C of this Python's patch releases.
    site = Path(sysconfig.get_path("purelib")) / "sitecustomize.py"
    site.write_text("import threading\nthreading.RLock = threading._PyRLock\n")
    decorators, configs = (
        import_module("pytriton.decorators"),
        import_module("pytriton.model_config"),
    )
    triton = import_module("pytriton.triton")
    classifier = _images.Classifier()

    @decorators.batch
    def classify(images: Any) -> dict[str, Any]:
        return {"probabilities": classifier([classifier.decode(each) for each in images[:, 0]])}

    port = int(os.environ["PORT"])
    config = triton.TritonConfig(
        http_port=port, grpc_port=port + 1, metrics_port=port + 2, http_address="127.0.0.1"
    )
    with triton.Triton(config=config) as server:
        server.bind(
            model_name="classifier",
            infer_func=classify,
            inputs=[configs.Tensor(name="images", dtype=bytes, shape=(1,))],
            outputs=[configs.Tensor(name="probabilities", dtype=numpy.float32, shape=(-1,))],
            config=configs.ModelConfig(
                max_batch_size=_BATCH,
                batcher=configs.DynamicBatcher(max_queue_delay_microseconds=2000),
            ),
        )
        server.serve()


if __name__ == "__main__":
    main()
