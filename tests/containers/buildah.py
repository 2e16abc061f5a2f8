"""Buildah, which builds a Dockerfile without an engine, and a chroot that runs what it built."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.containers.dockerfile import ROOT, STAGES
from tests.containers.engines import call

_ENTER: Final = """
set -eu
root=$1 writable=$2 user=$3
shift 3
mount --bind "$root" "$root"
for folder in dev proc sys; do mount --rbind "/$folder" "$root/$folder"; done
if [ "$writable" = no ]; then
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    mount -o remount,bind,ro "$root"
fi
exec chroot --userspec="$user" "$root" env --ignore-environment "$@"
"""
"""In mounts of its own, as the image's user. Each step replaces the last, so that the process
that is started here is the service, and SIGTERM reaches it."""


def answers() -> bool:
    """Whether it is here, and may mount."""
    return shutil.which("buildah") is not None and os.geteuid() == 0


class Buildah:
    """Keeps all it makes in one folder; a Debian of the same release stands for the base image."""

    def __init__(self, storage: Path, *, layers: bool) -> None:
        self._storage = storage
        self._layers = layers
        storage.mkdir(parents=True, exist_ok=True)

    def _buildah(self, *arguments: str) -> str:
        places = ["--root", str(self._storage / "root"), "--runroot", str(self._storage / "run")]
        return call("buildah", *places, "--storage-driver", "vfs", *arguments)

    def build(self, target: str, secrets: Sequence[str]) -> str:
        """Build a target of the Dockerfile; the image's name."""
        self._make_base(STAGES[""][0].value.partition("=")[2])
        image = f"localhost/lutrin-trial:{target}"
        options = ["--isolation", "chroot", "--pull-never", f"--layers={str(self._layers).lower()}"]
        options += ["--format", "docker"]  # OCI's own format has no health check
        self._buildah("bud", *options, *secrets, "--target", target, "--tag", image, str(ROOT))
        return image

    def _make_base(self, base: str) -> None:
        name = f"docker.io/library/{base}"
        if name in self._buildah("images", "--format", "{{.Name}}:{{.Tag}}").splitlines():
            return
        folder = self._storage / "base"
        packages = "--include=python3,python3-venv,python3-pip,python-is-python3"
        release = base.rpartition("-")[2]
        call("debootstrap", "--variant=minbase", packages, release, str(folder))
        for downloads in ("var/cache/apt/archives", "var/lib/apt/lists"):
            for file in (folder / downloads).glob("*[._]*"):
                file.unlink()
        container = self._buildah("from", "scratch")
        self._buildah("add", "--quiet", container, str(folder), "/")
        self._buildah(
            "config", "--env", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container
        )
        self._buildah("commit", "--quiet", "--rm", container, name)
        shutil.rmtree(folder)

    def run(self, image: str, program: Sequence[str]) -> str:
        """Run a program on a read-only root."""
        with self._mounted(image) as mounted:
            return call(*mounted.command(program, {}, read_only=True))

    @contextmanager
    def start(
        self, image: str, environment: Mapping[str, str], *, read_only: bool, log: Path
    ) -> Iterator[_Container]:
        """Start the image's own program on a free port; the network is this machine's."""
        with self._mounted(image) as mounted, log.open("wb") as output:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            environment = {**environment, "HOST": "127.0.0.1", "PORT": str(port)}
            program = mounted.config["Entrypoint"] + (mounted.config["Cmd"] or [])
            check = mounted.config["Healthcheck"]["Test"][1:]
            started = time.perf_counter()
            process = subprocess.Popen(
                mounted.command(program, environment, read_only=read_only),
                stdout=output,
                stderr=output,
            )
            try:
                check = mounted.command(check, environment, read_only=True)
                yield _Container(f"http://127.0.0.1:{port}", started, process, check)
            finally:
                process.kill()
                process.wait()

    @contextmanager
    def _mounted(self, image: str) -> Iterator[_Mounted]:
        container = self._buildah("from", "--pull-never", image)
        try:
            inspected = json.loads(self._buildah("inspect", container))
            yield _Mounted(self._buildah("mount", container), inspected["Docker"]["config"])
        finally:
            self._buildah("rm", container)

    def remove(self) -> None:
        """Remove the images, the base among them."""
        shutil.rmtree(self._storage)


@dataclass(frozen=True)
class _Mounted:
    root: str
    config: dict[str, Any]

    def command(
        self, program: Sequence[str], environment: Mapping[str, str], *, read_only: bool
    ) -> list[str]:
        variables = [f"{name}={value}" for name, value in environment.items()]
        where = [self.root, "no" if read_only else "yes", self.config["User"] or "0:0"]
        inside = [f"--chdir={self.config['WorkingDir'] or '/'}", *self.config["Env"]]
        enter = ["unshare", "--mount", "sh", "-c", _ENTER, "sh"]
        return [*enter, *where, *inside, *variables, *program]


@dataclass(frozen=True)
class _Container:
    url: str
    started: float
    process: subprocess.Popen[bytes]
    check: list[str]

    def is_healthy(self) -> bool:
        return subprocess.run(self.check, check=False).returncode == 0

    def stop(self) -> int:
        self.process.terminate()
        status = self.process.wait(40)
        return status if status >= 0 else 128 - status
