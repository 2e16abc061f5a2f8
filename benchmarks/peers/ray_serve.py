"""Ray Serve, one replica, `serve.batch` on."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from benchmarks.peers import Peer, Request, _images

PEER = Peer(
    title="Ray Serve",
    command=lambda task: _images.command("benchmarks.peers.ray_serve", task),
    request=lambda task: Request("/classify", task.inputs, task.content_type),
    answer=_images.probabilities,
    ready="/-/healthz",
    requirements=("ray[serve]==2.60.0", "tensorflow==2.21.0", "pillow"),
    environment={"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"},
)


def main() -> None:
    """Serve an export's signature: EXPORT SIGNATURE HEIGHT WIDTH CHANNELS."""
    ray, serve = import_module("ray"), import_module("ray.serve")
    _images.hand_on()
    variables = {name: os.environ[name] for name in ("CLASSIFIER", "PYTHONPATH")}
    ray.init(include_dashboard=False, runtime_env={"env_vars": variables})
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})

    class Classifier:
        def __init__(self) -> None:
            self._classifier = _images.Classifier()

        @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.002)
        async def classify(self, pixels: list[Any]) -> list[Any]:
            return list(self._classifier(pixels))

        async def __call__(self, request: Any) -> dict[str, list[float]]:
            pixels = self._classifier.decode(await request.body())
            return {"probabilities": (await self.classify(pixels)).tolist()}

    deployment = serve.deployment(max_ongoing_requests=256)(Classifier)
    serve.run(deployment.bind(), route_prefix="/classify", blocking=True)


if __name__ == "__main__":
    main()
