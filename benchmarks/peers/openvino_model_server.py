"""OpenVINO Model Server on the export's own conversion. It is sent pixels, in binary."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.peers import Peer, Request, Task, _binaries, _images, _open_inference


def request(task: Task) -> Request:
    """A tensor of pixels, by the Open Inference Protocol in binary."""
    [file] = task.inputs
    pixels = _images.decoded(file, task.shape).tobytes()
    return _open_inference.binary("classifier", "UINT8", [1, *task.shape], pixels)


PEER = Peer(
    title="OpenVINO Model Server (pixels in binary)",
    command=lambda task: [
        *("-m", "benchmarks.peers.openvino_model_server", str(task.export), task.signature)
    ],
    request=request,
    answer=_open_inference.answer,
    may_be_contained=True,
    ready="/v2/models/classifier/ready",
)


def main() -> None:
    """Serve a signature of an export: EXPORT SIGNATURE."""
    port, export, signature = int(os.environ["PORT"]), Path(sys.argv[1]), sys.argv[2]
    folder = Path(mkdtemp(prefix="openvino-model-server-"))
    for kind in ("xml", "bin"):
        file = export / "assets.extra" / "openvino" / f"{signature}.{kind}"
        _binaries.copy(file, folder / "1" / f"model.{kind}")
    options = ["--rest_port", str(port), "--port", str(port + 1), "--model_name", "classifier"]
    _binaries.execute(
        "ovms", "openvino/model_server", str(folder), [*options, "--model_path", str(folder)]
    )


if __name__ == "__main__":
    main()
