"""Servers that PyPI does not have: their program where it is installed, else their image in Docker.

Either takes the place of this process. What runs in a container is no child of ours: its memory
and processor time are found by the container's name.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def container(port: int) -> str:
    """The name of the container of a peer on a port."""
    return f"lutrin-peer-{port}"


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder: links would lead out of what a container sees."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def execute(program: str, image: str, folder: str, options: list[str]) -> None:
    """Become `program`, or `image` of it; both see `folder` where it is."""
    if shutil.which(program):
        os.execvp(program, [program, *options])  # noqa: S606 — no shell is needed
    if not shutil.which("docker"):
        sys.exit(f"neither {program} nor docker is installed here")
    run = ["docker", "run", "--rm", "--network=host", "--name", container(int(os.environ["PORT"]))]
    os.execvp("docker", [*run, "--volume", f"{folder}:{folder}:ro", image, *options])  # noqa: S606
