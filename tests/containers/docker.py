"""Docker, the engine that most people have."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.containers.dockerfile import ROOT
from tests.containers.engines import call

_HARDENING: Final = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL")


def answers() -> bool:
    """Whether an engine stands behind the client; the client alone is not enough."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


class Docker:
    """Builds with BuildKit; its build cache stays."""

    def __init__(self) -> None:
        self._images: list[str] = []

    def build(self, target: str, secrets: Sequence[str]) -> str:
        """Build a target of the Dockerfile; the image's name."""
        image = f"lutrin-trial:{target}"
        call("docker", "build", *secrets, "--target", target, "--tag", image, str(ROOT))
        self._images.append(image)
        return image

    def run(self, image: str, program: Sequence[str]) -> str:
        """Run a program with neither network nor rights."""
        options = [*_HARDENING, "--network=none", "--entrypoint", program[0]]
        return call("docker", "run", "--rm", *options, image, *program[1:])

    @contextmanager
    def start(
        self, image: str, environment: Mapping[str, str], *, read_only: bool, log: Path
    ) -> Iterator[_Container]:
        """Start the image's own program on a free port of this machine."""
        options = ["--publish", "127.0.0.1:0:8000", *(_HARDENING if read_only else ())]
        options += [f"--env={name}={value}" for name, value in environment.items()]
        started = time.perf_counter()
        name = call("docker", "run", "--detach", *options, image)
        try:
            address = call("docker", "port", name, "8000/tcp").splitlines()[0]
            yield _Container(name, f"http://{address}", started)
        finally:
            with log.open("wb") as output:
                subprocess.run(["docker", "logs", name], stdout=output, stderr=output, check=False)
            call("docker", "rm", "--force", name)

    def remove(self) -> None:
        """Remove the images."""
        for image in self._images:
            call("docker", "image", "rm", "--force", image)


@dataclass(frozen=True)
class _Container:
    name: str
    url: str
    started: float

    def is_healthy(self) -> bool:
        return self._state("Health.Status") == "healthy"

    def stop(self) -> int:
        call("docker", "stop", "--time", "40", self.name)
        return int(self._state("ExitCode"))

    def _state(self, field: str) -> str:
        return call("docker", "inspect", "--format", f"{{{{.State.{field}}}}}", self.name)
