"""What an engine does for the trial: build an image, run programs in it, start its own."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


class Container(Protocol):
    """A running container of a serving image."""

    @property
    def url(self) -> str:
        """Where the service answers, such as http://127.0.0.1:49153."""
        ...

    @property
    def started(self) -> float:
        """When its program was started, by time.perf_counter()."""
        ...

    def is_healthy(self) -> bool:
        """Whether the image's own health check succeeds."""
        ...

    def stop(self) -> int:
        """Send SIGTERM and wait; the exit status, 128 + n for a death by signal n."""
        ...


class Engine(Protocol):
    """Docker, or Buildah where no engine answers."""

    def build(self, target: str, secrets: Sequence[str]) -> str:
        """Build a target of the Dockerfile; the image's name."""
        ...

    def run(self, image: str, program: Sequence[str]) -> str:
        """Run a program in a container that can write nothing but /tmp; what it printed."""
        ...

    def start(
        self, image: str, environment: Mapping[str, str], *, read_only: bool, log: Path
    ) -> AbstractContextManager[Container]:
        """Start the image's own program; leaving the context kills it and writes its log."""
        ...

    def remove(self) -> None:
        """Remove the images that were made."""
        ...


def call(*command: str) -> str:
    """What a command printed, without the newline at its end; stderr goes to the terminal.

    Raises:
        RuntimeError: it failed.
    """
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise RuntimeError(f"'{' '.join(command)[:300]}' failed with status {done.returncode}")
    return done.stdout.strip()
