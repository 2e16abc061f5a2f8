"""Proof: an export is ready when it reproduces the outputs it was exported with.

Replaying the goldens is warm-up and test in one, and the judge of every automatic choice: the
first runtime and precision, fastest first, whose error stays within the manifest's tolerance.
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from service import devices, runtimes
from service.devices import Device
from service.errors import InvalidExport, ServiceError
from service.manifest import Manifest, golden_path, openvino_path
from service.runtimes import Function, Placement, Precision, Program, RuntimeName, Tensors
from service.settings import RunOptions
from service.store import Export

logger = logging.getLogger(__name__)

_EXTRA: dict[RuntimeName, str] = {"openvino": "service", "tensorflow": "tensorflow"}

Goldens = dict[str, tuple[Tensors, Tensors]]
"""By signature: the inputs and the outputs they must give."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An export that can answer, and how it came to be run as it is."""

    manifest: Manifest
    programs: tuple[Program, ...]
    """One a device."""
    runtime: RuntimeName
    precision: Precision
    devices: tuple[Device, ...]
    golden_error: float | None
    """The largest absolute difference from the goldens; None where the export has none."""
    reason: str
    """Why this runtime, these devices and this precision."""


class Way(NamedTuple):
    """One way to run an export."""

    runtime: RuntimeName
    precision: Precision
    devices: tuple[Device, ...]
    reason: str
    """Why it is worth trying."""


def load(export: Export, options: RunOptions) -> Loaded:
    """Load an export and prove it by its goldens, choosing what `options` leave open.

    Raises:
        InvalidExport: nothing that was tried loads and reproduces the goldens; says what each did.
    """
    if export.is_foreign:
        return _load_foreign(export, options)
    manifest = read_manifest(export)
    failures: list[str] = []
    for way in ways(export, manifest, options):
        try:
            loaded = prove(export, manifest, way, options.threads)
        except ServiceError as error:
            failures.append(error.message)
            logger.warning("%s/%d: %s", export.name, export.version, error.message)
        else:
            return replace(loaded, reason="; ".join([loaded.reason, *failures]))
    raise InvalidExport("; ".join(failures))


def prove(export: Export, manifest: Manifest, way: Way, threads: int = 0) -> Loaded:
    """Load an export in one way and replay its goldens on each device.

    Raises:
        InvalidExport: it does not load, or differs by more than the manifest's tolerance.
    """
    described = f"{way.runtime} in {way.precision}"
    try:
        goldens = read(export.path, manifest)
        programs = _load_each(export, manifest, way, threads)
        error = max(replay(program, goldens) for program in programs)
    except ServiceError as failure:
        raise InvalidExport(f"{described}: {failure.message}") from failure
    tolerance: float = getattr(manifest.tolerance, way.precision)
    if error > tolerance:
        raise InvalidExport(
            f"{described} differs from the goldens by {error:.3g}; "
            f"the manifest allows {tolerance:.3g}"
        )
    return Loaded(manifest, programs, way.runtime, way.precision, way.devices, error, way.reason)


def read_manifest(export: Export) -> Manifest:
    """Read an export's manifest.

    Raises:
        InvalidExport: it is missing or does not say what it must.
    """
    try:
        return Manifest.read(export.path)
    except (OSError, ValueError) as error:
        raise InvalidExport(f"the manifest cannot be used: {error}") from error


def read(export: Path, manifest: Manifest) -> Goldens:
    """Read the goldens of every signature that the manifest promises.

    Raises:
        InvalidExport: the file is missing, broken or lacks a tensor.
    """
    path = golden_path(export)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {
                name: (
                    {tensor: arrays[f"{name}/inputs/{tensor}"] for tensor in signature.inputs},
                    {tensor: arrays[f"{name}/outputs/{tensor}"] for tensor in signature.outputs},
                )
                for name, signature in manifest.signatures.items()
            }
    except FileNotFoundError:
        raise InvalidExport(f"{path.name} is missing: an export carries its goldens") from None
    except KeyError as error:
        raise InvalidExport(f"{path.name} lacks a tensor: {error.args[0]}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidExport(f"{path.name} cannot be read: {error}") from None


def replay(program: Program, goldens: Goldens) -> float:
    """The largest absolute difference between what `program` answers and the goldens.

    Raises:
        InvalidExport: an output is missing, has another shape, or is not a number.
    """
    return max(_error(program[name], *tensors) for name, tensors in goldens.items())


def _error(function: Function, inputs: Tensors, expected: Tensors) -> float:
    outputs = function(inputs)
    worst = 0.0
    for name, golden in expected.items():
        if name not in outputs:
            raise InvalidExport(f"the output {name!r} is missing; got {', '.join(outputs)}")
        answer = outputs[name]
        if answer.shape != golden.shape:
            raise InvalidExport(f"{name!r} has shape {answer.shape}, the goldens {golden.shape}")
        difference = np.abs(answer.astype(np.float64) - golden.astype(np.float64))
        if not np.isfinite(difference).all():
            raise InvalidExport(f"{name!r} has values that are not finite numbers")
        worst = max(worst, float(difference.max(initial=0.0)))
    return worst


def _devices(options: RunOptions) -> tuple[tuple[Device, ...], str]:
    if options.device != "auto":
        return devices.parse(options.device), f"DEVICE={options.device}"
    count = devices.gpu_count()
    if not count:
        return (Device("cpu"),), "no GPU found"
    if options.runtime == "openvino":
        return (Device("cpu"),), "RUNTIME=openvino runs on the CPU"
    if not runtimes.is_installed("tensorflow"):
        logger.warning(
            "%d GPU(s) found but TensorFlow is not installed, so models run on the CPU: "
            "pip install 'lutrin[tensorflow]'",
            count,
        )
        return (Device("cpu"),), f"{count} GPU(s) found but TensorFlow is not installed"
    return tuple(Device("gpu", index) for index in range(count)), f"{count} GPU(s) found"


def ways(export: Export, manifest: Manifest, options: RunOptions) -> Iterator[Way]:
    """The ways to run an export that `options` allow, the fastest first.

    Raises:
        InvalidExport: there is none on this machine.
    """
    placed, where = _devices(options)
    for runtime, why in _runtimes(export, manifest, options, placed):
        if options.precision != "auto":
            yield Way(runtime, options.precision, placed, f"{where}; {why}; PRECISION is set")
            continue
        for precision in runtimes.get(runtime).precisions(placed[0]):
            yield Way(runtime, precision, placed, f"{where}; {why}")


def _runtimes(
    export: Export, manifest: Manifest, options: RunOptions, placed: tuple[Device, ...]
) -> list[tuple[RuntimeName, str]]:
    converted = all(openvino_path(export.path, name).exists() for name in manifest.signatures)
    if options.runtime != "auto":
        _require_installed(options.runtime)
        if options.runtime == "openvino" and not converted:
            raise InvalidExport("the export has no OpenVINO conversion: choose RUNTIME=tensorflow")
        return [(options.runtime, f"RUNTIME={options.runtime}")]
    found: list[tuple[RuntimeName, str]] = []
    if placed == (Device("cpu"),) and converted and runtimes.is_installed("openvino"):
        found.append(("openvino", "converted for the CPU"))
    if runtimes.is_installed("tensorflow"):
        found.append(("tensorflow", "any SavedModel runs on TensorFlow"))
    if not found:
        _require_installed("tensorflow")
    return found


def _require_installed(runtime: RuntimeName) -> None:
    if not runtimes.is_installed(runtime):
        remedy = f"install it with: pip install 'lutrin[{_EXTRA[runtime]}]'"
        raise InvalidExport(f"this export needs {runtime}, which is not installed: {remedy}")


def _load_each(export: Export, manifest: Manifest, way: Way, threads: int) -> tuple[Program, ...]:
    load_program = runtimes.get(way.runtime).load
    signatures = tuple(manifest.signatures)
    return tuple(
        load_program(export.path, signatures, Placement(device, way.precision, threads))
        for device in way.devices
    )


def _load_foreign(export: Export, options: RunOptions) -> Loaded:
    """Load a SavedModel that has no manifest; nothing is promised, so nothing can be proven."""
    if options.runtime == "openvino":
        raise InvalidExport(
            "a SavedModel without a manifest runs on TensorFlow: choose RUNTIME=auto or tensorflow"
        )
    _require_installed("tensorflow")
    from service.runtimes import tensorflow  # noqa: PLC0415 — takes seconds and half a gigabyte

    manifest = tensorflow.describe(export.path)
    placed, why = _devices(options)
    precision: Precision = "float32" if options.precision == "auto" else options.precision
    reason = f"{why}; no manifest, so TensorFlow runs it and no goldens prove it"
    way = Way("tensorflow", precision, placed, reason)
    programs = _load_each(export, manifest, way, options.threads)
    return Loaded(manifest, programs, way.runtime, precision, placed, None, reason)
