"""Three processes behind nginx: what a killed one, a new version and a rolling restart cost.

    python -m benchmarks.pods [--pods 3] [--connections 12] [--seconds 5]

Each process is what a pod would be: a port of its own, one folder of models for all. nginx runs
with deploy/nginx/lutrin.conf. Under load one process is killed (kill -9) and started again; version
2 of the model appears in the folder; then one process after the other ends by SIGTERM and is
started again, and takes requests before the next one ends. Version 2 is another network, so an
answer of the wrong version shows: every answer is compared with what that version answers alone.
Needs nginx.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import psutil

from benchmarks import callers
from benchmarks.running import Running, free_port, lutrin
from benchmarks.workloads import digit

_ROOT: Final = Path(__file__).parent.parent
_CONFIGURATION: Final = _ROOT / "deploy" / "nginx" / "lutrin.conf"
_VERSIONS: Final = {1: "mnist-lenet5", 2: "mnist-mlp"}
"""The model whose export each version of `digits` is a copy of."""
_CLASSIFY: Final = "/v1/classify?top_k=3&model="
_ANSWERED: Final = 'lutrin_requests_total{route="/v1/classify",status="200"}'
"""What /metrics says once a process has answered; before its models are ready it gives 503."""
_TOLERANCE: Final = 1e-3
"""Of a probability: what rounding in another batch may change."""
_LONGEST_S: Final = 60.0


@dataclass
class Step:
    """What callers saw while one thing happened."""

    name: str
    seconds: float = 0.0
    """Until it was over: the killed process answers again, every process has the new version."""
    seen: callers.Seen = field(default_factory=callers.Seen)


@contextmanager
def nginx(folder: Path, pods: Sequence[Running]) -> Iterator[str]:
    """Run nginx before `pods` until the block ends; its address."""
    port = free_port()
    shutil.copy(_CONFIGURATION, folder / "nginx.conf")
    (folder / "listen.conf").write_text(f"listen 127.0.0.1:{port};\n")
    lines = [f"server {pod.url[7:]} max_fails=1 fail_timeout=1s;\n" for pod in pods]
    (folder / "upstream.conf").write_text("".join(lines))
    command = ["nginx", "-p", str(folder), "-c", "nginx.conf", "-g", "daemon off;"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # it logs each lost connection
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(15)


def main() -> None:
    """Run all steps and print their table."""
    parser = argparse.ArgumentParser("python -m benchmarks.pods", description=__doc__)
    parser.add_argument("--pods", type=int, default=3)
    parser.add_argument("--connections", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=5.0, help="of load after each step")
    given = parser.parse_args()
    if shutil.which("nginx") is None:
        sys.exit("this needs nginx: apt install nginx")
    steps = asyncio.run(run(given.pods, given.connections, given.seconds))
    print(_table(steps))
    if any(step.seen.failures for step in steps):
        sys.exit(1)


async def run(
    count: int, connections: int, seconds: float, restarts: int | None = None
) -> list[Step]:
    """Kill a process, bring version 2, and restart `restarts` processes, each under load."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        (models := folder / "models").mkdir()
        _appear(models, 1)
        settings = {"MODELS_DIR": str(models), "INDEXES": "off"}
        expected, *pods = await asyncio.gather(
            _expected(folder / "alone"), *(_start(stack, **settings) for _ in range(count))
        )
        url = stack.enter_context(nginx(folder, pods))
        await _until(url, "/health/ready", lambda reply: reply.status_code == 200)

        async def restart(pod: Running, how: signal.Signals) -> Running:
            os.kill(pod.pid, how)
            await asyncio.to_thread(psutil.Process(pod.pid).wait, _LONGEST_S)
            again = await _start(stack, **settings, PORT=pod.url.rpartition(":")[2])
            # Ready is not enough: nginx leaves a process out for fail_timeout after a failure.
            await _until(again.url, "/metrics", lambda reply: _ANSWERED in reply.text)
            return again

        killed = Step("a process is killed (`kill -9`), and started again")
        async with _load(url, connections, seconds, killed, expected):
            pods[0] = await restart(pods[0], signal.SIGKILL)
        updated = Step("version 2 appears in the folder of all")
        async with _load(url, connections, seconds, updated, expected):
            _appear(models, 2)
            for pod in pods:
                await _until(pod.url, "/v1/models/digits/versions/2", _is_available)
        rolled = Step("every process is restarted, one after the other")
        del expected[1]
        async with _load(url, connections, seconds, rolled, expected):
            for number, pod in enumerate(pods[:restarts]):
                pods[number] = await restart(pod, signal.SIGTERM)
        return [killed, updated, rolled]


async def _start(stack: ExitStack, **settings: str) -> Running:
    return await asyncio.to_thread(stack.enter_context, lutrin(**settings))


@asynccontextmanager
async def _load(
    url: str, connections: int, seconds: float, step: Step, expected: Mapping[int, Any]
) -> AsyncIterator[None]:
    """Ask without a pause: half a second before the block, in it, and `seconds` after it."""
    end, image = asyncio.Event(), digit()

    def check(answer: dict[str, Any]) -> str:
        return _difference(answer, expected)

    asking = [
        asyncio.create_task(callers.ask(f"{url}{_CLASSIFY}digits", image, step.seen, end, check))
        for _ in range(connections)
    ]
    try:
        await asyncio.sleep(0.5)
        begin = time.perf_counter()
        yield
        step.seconds = time.perf_counter() - begin
        await asyncio.sleep(seconds)
    finally:
        end.set()
        await asyncio.gather(*asking)


def _difference(answer: dict[str, Any], expected: Mapping[int, Any]) -> str:
    """How an answer differs from the one that its version gives; empty where it does not."""
    if (version := answer["version"]) not in expected:
        return f"version {version} answered, expected one of {sorted(expected)}"
    wanted, got = expected[version], answer["results"][0]["predictions"]
    labels = [each["label"] for each in got], [each["label"] for each in wanted]
    errors = [abs(a["score"] - b["score"]) for a, b in zip(got, wanted, strict=True)]
    wrong = labels[0] != labels[1] or max(errors) > _TOLERANCE
    return f"version {version} answered {got}, expected {wanted}" if wrong else ""


async def _expected(folder: Path) -> dict[int, Any]:
    """What each version answers in a process without load."""
    for name in _VERSIONS.values():
        shutil.copytree(_ROOT / "models" / name, folder / name)
    with ExitStack() as stack:
        alone = await _start(stack, MODELS_DIR=str(folder), INDEXES="off")
        async with httpx.AsyncClient(base_url=alone.url) as client:
            return {
                version: (await _classify(client, name))["results"][0]["predictions"]
                for version, name in _VERSIONS.items()
            }


async def _classify(client: httpx.AsyncClient, model: str) -> Any:
    reply = await client.post(f"{_CLASSIFY}{model}", files={"image": digit()})
    return reply.raise_for_status().json()


def _is_available(reply: httpx.Response) -> bool:
    return '"AVAILABLE"' in reply.text


async def _until(url: str, path: str, holds: Callable[[httpx.Response], bool]) -> None:
    deadline = time.monotonic() + _LONGEST_S
    async with httpx.AsyncClient(base_url=url, timeout=5) as client:
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if holds(await client.get(path)):
                    return
            await asyncio.sleep(0.02)
    raise RuntimeError(f"{url}{path} did not come to say what was expected within {_LONGEST_S} s")


def _appear(models: Path, version: int) -> None:
    source = _ROOT / "models" / _VERSIONS[version] / "1"
    aside = models / "digits" / f".{version}"
    shutil.copytree(source, aside)
    aside.rename(models / "digits" / str(version))


def _table(steps: list[Step]) -> str:
    lines = [
        "| step | requests | failed or wrong | longest answer | over after |",
        "|---|--:|--:|--:|--:|",
    ]
    for step in steps:
        seen = step.seen
        lines.append(
            f"| {step.name} | {len(seen.milliseconds):,} | {len(seen.failures)} | "
            f"{max(seen.milliseconds):.0f} ms | {step.seconds:.1f} s |"
        )
        lines += seen.failures[:10]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
