"""Really build the images, run them, send them digits and stop them: python -m tests.containers

Docker does it where `docker info` answers; elsewhere Buildah and debootstrap do, as root. It takes
minutes, so the ordinary tests do not; they read the files that this builds from.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import httpx

from tests.containers import docker, package_index
from tests.containers.buildah import Buildah
from tests.containers.buildah import answers as buildah_answers
from tests.containers.dockerfile import ROOT
from tests.containers.engines import Container, Engine
from tests.containers.images import DIGIT, digits

_MODEL: Final = "mnist-lenet5"
_PAGES: Final = ("/docs", "/redoc", "/openapi.json", "/metrics", "/v1/models", "/health/live")
_WEIGH: Final = """
import collections, json, os
sizes = collections.Counter()
for folder, folders, files in os.walk("/"):
    if folder == "/":
        folders[:] = set(folders) - {"dev", "proc", "sys", "tmp", "run"}
    part = "base"
    if folder.startswith(("/app", "/models")):
        part = folder.split("/")[1]
    if folder.startswith("/opt/venv"):
        part = (folder.partition("site-packages/")[2] or "scripts").split("/")[0].split(".libs")[0]
    for file in files:
        sizes[part] += os.lstat(os.path.join(folder, file)).st_size
print(json.dumps(dict(sizes.most_common())))
"""
_EXPORT: Final = """
set -e
python -c "import keras
keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(),
    keras.layers.Dense(2, 'softmax')]).save('/tmp/trial.keras')"
printf 'dark\\nlight\\n' > /tmp/labels.txt
python -m training export /tmp/trial.keras --name trial --labels /tmp/labels.txt \\
    --models-dir /tmp/models
"""
_PROVE: Final = """
import importlib.util, os
assert os.getuid() == os.getgid() == 10001, os.getuid()
for folder in ("/", "/app", "/models", "/opt/venv"):
    assert not os.access(folder, os.W_OK), f"{folder} can be written"
for package in ("pip", "openvino_telemetry", *ABSENT):
    assert importlib.util.find_spec(package) is None, f"{package} is installed"
import service.protocols.grpc.server  # with all that it needs, though nobody asks for gRPC here
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the targets; the exit status is 0 when all held."""
    given = _parse(arguments)
    engine = _engine(given.storage, keep=given.keep)
    print(f"engine: {type(engine).__name__}")
    try:
        with tempfile.TemporaryDirectory() as folder:
            for target in given.targets:
                _try(engine, target, Path(folder))
    finally:
        if not given.keep:
            engine.remove()
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.containers", description=__doc__)
    known = ["service", "service-tensorflow", "training"]
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(known)}")
    parser.add_argument("--keep", action="store_true", help="keep images, for a faster next time")
    place = ROOT / "build" / "containers"
    parser.add_argument("--storage", type=Path, default=place, help="Buildah's folder")
    given = parser.parse_args(arguments)
    given.targets = given.targets or ["service"]
    for target in given.targets:
        if target not in known:
            parser.error(f"{target!r} is no target; the targets are {', '.join(known)}")
    return given


def _engine(storage: Path, *, keep: bool) -> Engine:
    if docker.answers():
        return docker.Docker()
    if buildah_answers():
        return Buildah(storage, layers=keep)
    raise SystemExit(
        "error: no engine answers `docker info`, and Buildah is not here or not root's"
    )


def _try(engine: Engine, target: str, folder: Path) -> None:
    began = time.perf_counter()
    image = engine.build(target, package_index.secrets(folder))
    print(f"{target}: built in {time.perf_counter() - began:.0f} s")
    _weigh(engine, image)
    if target == "training":
        print(f"  {engine.run(image, ['sh', '-c', _EXPORT]).splitlines()[-1]}")
        return
    absent = ("tensorflow",) if target == "service" else ()
    engine.run(image, ["python", "-c", _PROVE.replace("ABSENT", repr(absent))])
    for read_only in (False, True):
        environment = {"RUNTIME": "auto" if target == "service" else "tensorflow"}
        log = folder / "log"
        try:
            _serve(engine, image, environment, read_only=read_only, log=log)
        except BaseException:
            print(log.read_text(), file=sys.stderr)
            raise


def _weigh(engine: Engine, image: str) -> None:
    sizes: dict[str, int] = json.loads(engine.run(image, ["python", "-c", _WEIGH]))
    total = sum(sizes.values())
    print(f"  {total / 1e6:.0f} MB, {(total - sizes['base']) / 1e6:.0f} MB of it above the base")
    for part, size in list(sizes.items())[:12]:
        print(f"    {size / 1e6:6.1f} MB {part}")


def _serve(
    engine: Engine, image: str, environment: Mapping[str, str], *, read_only: bool, log: Path
) -> None:
    print(f"  root {'read-only' if read_only else 'writable'}:")
    with engine.start(image, environment, read_only=read_only, log=log) as container:
        _wait(container.url, until=container.started + 120)
        print(f"    ready {time.perf_counter() - container.started:.2f} s after the start")
        _ask(container)
        while not container.is_healthy():
            assert time.perf_counter() < container.started + 120, "the image's health check fails"
            time.sleep(1)
        began = time.perf_counter()
        status = container.stop()
        print(f"    SIGTERM: status {status} after {time.perf_counter() - began:.2f} s")
        assert status == 0, status
    for line in log.read_text().splitlines():
        if "is ready after" in line:
            print(f"    {json.loads(line)['message']}")


def _wait(url: str, until: float) -> None:
    while True:
        try:
            if httpx.get(f"{url}/health/ready", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass  # nothing listens yet
        assert time.perf_counter() < until, "it does not become ready"
        time.sleep(0.02)


def _ask(container: Container) -> None:
    images = list(digits())
    parameters: dict[str, str | int] = {"model": _MODEL, "top_k": 1}
    with httpx.Client(base_url=container.url, params=parameters, timeout=60) as client:
        for about, kind, content in images:
            reply = client.post("/v1/classify", content=content, headers={"content-type": kind})
            assert _labels(reply) == [DIGIT], f"{about}: {reply.text}"
        form = [("image", (about, content, kind)) for about, kind, content in images]
        assert _labels(client.post("/v1/classify", files=form)) == [DIGIT] * len(form)
        for page in _PAGES:
            client.get(page).raise_for_status()
    print(f"    a drawn {DIGIT} is a {DIGIT} in each of {len(images)} kinds of file")


def _labels(reply: httpx.Response) -> list[str]:
    results = reply.raise_for_status().json()["results"]
    return [result["predictions"][0]["label"] for result in results]


if __name__ == "__main__":
    sys.exit(main())
