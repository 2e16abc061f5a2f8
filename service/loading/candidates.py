"""The candidates for running an export on this machine: runtime, precision and devices.

They are tried in their order, the fastest first, and the goldens decide which one is used.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final, NamedTuple

from service import runtimes
from service.errors import InvalidExport
from service.exports.folder import Export
from service.loading.isolation.runtime import RuntimeProvider
from service.machine import devices
from service.machine.devices import Device
from service.manifest import Manifest, openvino_path
from service.runtimes import Precision, Runtime, RuntimeName
from service.settings import PrecisionChoice, RunOptions

logger = logging.getLogger(__name__)

_CPU: Final = (Device("cpu"),)
_EXTRA: Final[dict[RuntimeName, str]] = {"openvino": "service", "tensorflow": "tensorflow"}


class Candidate(NamedTuple):
    """One runtime, precision and set of devices to try."""

    runtime: RuntimeName
    precision: Precision
    devices: tuple[Device, ...]
    reason: str
    """Why it is worth trying."""
    loader: Runtime
    """The runtime in this process, or in a child process."""
    is_isolated: bool
    """Whether it runs in a child process."""


def candidates(
    export: Export, manifest: Manifest, options: RunOptions, provider: RuntimeProvider
) -> Iterator[Candidate]:
    """What `options` allow for an export, the fastest first.

    Raises:
        InvalidExport: nothing on this machine can run it.
    """
    for placed, where in _placements(options):
        for runtime, why in _runtimes(export, manifest, options, placed):
            loader, process = provider.get(runtime), provider.where(runtime)
            offered = loader.precisions(placed[0])
            if runtime == "openvino" and _carries_int8(export, manifest):
                offered = ("int8", *offered)
            chosen = "" if options.precision == "auto" else "PRECISION is set"
            reason = "; ".join(filter(None, [where, why, chosen, process]))
            for precision in _chosen(options.precision, offered):
                yield Candidate(runtime, precision, placed, reason, loader, bool(process))


def _placements(options: RunOptions) -> list[tuple[tuple[Device, ...], str]]:
    """The devices to try, the fastest first, and why."""
    if options.device != "auto":
        return [(devices.parse(options.device), f"DEVICE={options.device}")]
    count = devices.gpu_count()
    if not count:
        return [(_CPU, "no GPU found")]
    if options.runtime == "openvino":
        return [(_CPU, "RUNTIME=openvino runs on the CPU")]
    if not runtimes.is_installed("tensorflow"):
        logger.warning(
            "%d GPU(s) found but TensorFlow is not installed, so models run on the CPU: "
            "pip install 'lutrin[tensorflow]'",
            count,
        )
        return [(_CPU, f"{count} GPU(s) found but TensorFlow is not installed")]
    gpus = tuple(Device("gpu", index) for index in range(count))
    return [(gpus, f"{count} GPU(s) found"), (_CPU, f"{count} GPU(s) found but not usable")]


def _runtimes(
    export: Export, manifest: Manifest, options: RunOptions, placed: tuple[Device, ...]
) -> list[tuple[RuntimeName, str]]:
    converted = all(openvino_path(export.path, name).exists() for name in manifest.signatures)
    if options.runtime != "auto":
        require_installed(options.runtime)
        if options.runtime == "openvino" and not converted:
            raise InvalidExport("the export has no OpenVINO conversion: choose RUNTIME=tensorflow")
        return [(options.runtime, f"RUNTIME={options.runtime}")]
    found: list[tuple[RuntimeName, str]] = []
    if placed == _CPU and converted and runtimes.is_installed("openvino"):
        found.append(("openvino", "converted for the CPU"))
    if runtimes.is_installed("tensorflow"):
        unproven = "no manifest, so no goldens prove it"
        found.append(("tensorflow", unproven if export.is_foreign else "any SavedModel runs on it"))
    if not found:
        require_installed("tensorflow")
    return found


def _carries_int8(export: Export, manifest: Manifest) -> bool:
    return manifest.tolerance.int8 is not None and all(
        openvino_path(export.path, name, int8=True).exists() for name in manifest.signatures
    )


def _chosen(asked: PrecisionChoice, offered: tuple[Precision, ...]) -> tuple[Precision, ...]:
    """The precisions to try, the fastest first.

    Raises:
        InvalidExport: int8 is required, but the export has none or another runtime runs it.
    """
    if asked == "auto":
        return offered
    if asked == "int8" and "int8" not in offered:
        raise InvalidExport(
            "PRECISION=int8 needs OpenVINO and an export with an int8 conversion: make one with "
            "python -m training quantize, or choose PRECISION=auto"
        )
    return (asked,)


def require_installed(runtime: RuntimeName) -> None:
    """Check that a runtime's package is installed.

    Raises:
        InvalidExport: it is not; says how to install it.
    """
    if not runtimes.is_installed(runtime):
        remedy = f"install it with: pip install 'lutrin[{_EXTRA[runtime]}]'"
        raise InvalidExport(f"this export needs {runtime}, which is not installed: {remedy}")
