"""Servers that are measured, one a file: each offers `PEER`, and is a program of its environment.

A peer that is not installed beside us has an environment of its own, `build/peers/NAME`, in which
its module runs: so this package imports the standard library alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_STAMP: Final = "requirements.txt"

Answer = dict[int, float]
"""Numbers of the model's output by their places: all of them, or the best classes."""


@dataclass(frozen=True)
class Request:
    """What is posted over and over, the bodies in turn."""

    path: str
    bodies: list[bytes]
    content_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    """More of them."""


@dataclass(frozen=True)
class Task:
    """What a workload asks of a server."""

    export: Path
    """A version of an export: `…/mnist-lenet5/1`."""
    signature: str
    inputs: list[bytes]
    """Image files, or texts in UTF-8."""
    content_type: str
    """Of one of them."""
    shape: tuple[int, ...]
    """Of an image that the model takes: height, width, channels; empty for texts."""
    source: Path | None = None
    """The folder that the export was imported from, as PyTorch's servers read it."""

    @property
    def model(self) -> str:
        """The export's name."""
        return self.export.parent.name

    @property
    def is_text(self) -> bool:
        """Whether texts are embedded; else images are classified."""
        return not self.shape


@dataclass(frozen=True)
class Peer:
    """How a server is set up, started and asked."""

    title: str
    command: Callable[[Task], list[str]]
    """What follows `python`; the server listens on the PORT of its environment."""
    request: Callable[[Task], Request]
    answer: Callable[[bytes], Answer] | None
    """Reads the body of an answer; None where nothing is computed."""
    ready: str = "/health/ready"
    """A path that answers 200 once the server does."""
    requirements: tuple[str, ...] = ()
    """What its environment has, for pip; empty where it is ours."""
    port_variable: str = "PORT"
    """The environment variable that says its port, which is in PORT too."""
    environment: Mapping[str, str] = field(default_factory=dict)
    may_be_contained: bool = False
    """Whether it runs in Docker where its program is not installed: see `_binaries`."""
    takes: Callable[[Task], bool] = lambda task: not task.is_text
    """Whether it is made for a task."""


def peers() -> dict[str, Peer]:
    """Every peer by the name of its module."""
    names = [module.name for module in iter_modules(__path__) if not module.name.startswith("_")]
    return {name: import_module(f"{__name__}.{name}").PEER for name in names}


def python(name: str, peer: Peer) -> str:
    """The interpreter of a peer's environment, which is made where it is missing.

    Raises:
        RuntimeError: it cannot be made; says what pip said last.
    """
    if not peer.requirements:
        return sys.executable
    folder = _ROOT / "build" / "peers" / name
    interpreter, stamp = folder / "bin" / "python", folder / _STAMP
    wanted = "\n".join(peer.requirements)
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"Installing {peer.title} …", file=sys.stderr, flush=True)
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(interpreter), "-m", "pip", "install", "--quiet", *peer.requirements],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
                raise RuntimeError(f"it cannot be installed: {''.join(last)[:300]}")
        stamp.write_text(wanted)
    return str(interpreter)


def environment(peer: Peer, port: int) -> dict[str, str]:
    """The environment variables of a peer's process."""
    ours = {"PORT": str(port), "PYTHONPATH": str(_ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    return {**os.environ, **ours, peer.port_variable: str(port), **peer.environment}


def dense(values: list[float]) -> Answer:
    """An answer that has all of the output's numbers."""
    return dict(enumerate(values))
