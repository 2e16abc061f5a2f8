"""Loads an export and replays its goldens: it is ready when it reproduces their outputs.

Replaying the goldens is warm-up and test in one. It also decides every automatic choice: the first
candidate, the fastest first, whose error stays within the manifest's tolerance is used.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from service import runtimes
from service.errors import InvalidExport, InvalidInput, ServiceError
from service.exports.folder import Export
from service.loading.candidates import Candidate, candidates, require_installed
from service.loading.isolation.runtime import RuntimeProvider
from service.machine.devices import Device
from service.manifest import Manifest, TensorSpec, golden_path
from service.preprocessing.tokenizer import Tokenizer
from service.runtimes import Function, Placement, Precision, Program, RuntimeName, Tensors
from service.settings import RunOptions

logger = logging.getLogger(__name__)

_REMEDY: dict[Precision, str] = {
    "float32": "export it again",
    "bfloat16": "float32 is closer",
    "int8": "float32 is closer",
}

_LANES: Final = 2
"""Batches of texts that run side by side. The threads of one run wait for the slowest, and the
event loop takes a core now and then: two runs of MiniLM on a core each give 900 texts a second,
one on both cores 350 to 750; a single short text takes 4 ms instead of 3.
"""

Goldens = dict[str, tuple[Tensors, Tensors]]
"""By signature: the inputs and the outputs they must give."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded export, and why it runs as it does."""

    manifest: Manifest
    programs: tuple[Program, ...]
    """One for each device."""
    runtime: RuntimeName
    precision: Precision
    devices: tuple[Device, ...]
    golden_error: float | None
    """The largest absolute difference from the goldens; None where the export has none."""
    reason: str
    """Why this runtime, these devices and this precision."""
    is_isolated: bool
    """Whether it runs in a child process, which a call may have to start again."""
    tokenizer: Tokenizer | None = None
    """How it reads texts, where it takes any."""
    failures: tuple[str, ...] = ()
    """Why the candidates before this one were not used."""


def load(export: Export, options: RunOptions) -> Loaded:
    """Load an export with the first candidate that reproduces its goldens.

    Raises:
        InvalidExport: no candidate does; says why for each.
    """
    provider = RuntimeProvider(options.isolation)
    if export.is_foreign:
        manifest = _describe(export, options, provider)
    else:
        manifest = read_manifest(export)
        read(export.path, manifest)  # unreadable goldens fail all candidates alike
    tokenizer = read_tokenizer(export, manifest)
    failures: list[str] = []
    for candidate in candidates(export, manifest, options, provider):
        try:
            loaded = prove(export, manifest, candidate, options.threads)
        except ServiceError as error:
            failures.append(error.message)
            logger.warning("%s/%d: %s", export.name, export.version, error.message)
        else:
            reason = "; ".join([loaded.reason, *failures])
            return replace(loaded, reason=reason, tokenizer=tokenizer, failures=tuple(failures))
    raise InvalidExport("; ".join(failures))


def prove(export: Export, manifest: Manifest, candidate: Candidate, threads: int = 0) -> Loaded:
    """Load an export with one candidate and replay its goldens on each device.

    A foreign SavedModel has no goldens, so it is only loaded.

    Raises:
        InvalidExport: it does not load, or differs by more than the manifest's tolerance.
    """
    described = f"{candidate.runtime} in {candidate.precision}"
    try:
        programs = _load_each(export, manifest, candidate, threads)
        if export.is_foreign:
            error = None
        else:
            goldens = read(export.path, manifest)
            error = max(replay(program, goldens) for program in programs)
    except ServiceError as failure:
        raise InvalidExport(f"{described}: {failure.message}") from failure
    tolerance: float = getattr(manifest.tolerance, candidate.precision)
    if error is not None and error > tolerance:
        raise InvalidExport(
            f"{described} differs from the goldens by {error:.3g} and the manifest allows "
            f"{tolerance:.3g}: {_REMEDY[candidate.precision]}"
        )
    return Loaded(
        manifest,
        programs,
        candidate.runtime,
        candidate.precision,
        candidate.devices,
        error,
        candidate.reason,
        candidate.is_isolated,
    )


def read_manifest(export: Export) -> Manifest:
    """Read an export's manifest.

    Raises:
        InvalidExport: it is missing or invalid.
    """
    try:
        return Manifest.read(export.path)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'as a whole'}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        )
        raise InvalidExport(f"manifest.json is invalid: {problems}: export it again") from error
    except OSError as error:
        raise InvalidExport(f"manifest.json cannot be read: {error.strerror}") from error


def read_tokenizer(export: Export, manifest: Manifest) -> Tokenizer | None:
    """Read the tokenizer of an export; None where it takes no texts.

    Raises:
        InvalidExport: its tokenizer is missing or cannot be read.
    """
    return None if manifest.text is None else Tokenizer.read(export.path, manifest.text)


def read(export: Path, manifest: Manifest) -> Goldens:
    """Read the goldens of every signature that the manifest promises.

    Raises:
        InvalidExport: the file is missing or broken, or a tensor does not match the manifest.
    """
    path = golden_path(export)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {
                name: (
                    _golden(arrays, f"{name}/inputs", signature.inputs),
                    _golden(arrays, f"{name}/outputs", signature.outputs),
                )
                for name, signature in manifest.signatures.items()
            }
    except FileNotFoundError:
        reason = "is missing, and without goldens an export cannot be verified"
    except ServiceError as error:
        reason = error.message
    except KeyError as error:
        reason = f"lacks a tensor: {error.args[0]}"
    except Exception as error:  # zipfile and NumPy raise a dozen kinds
        reason = f"cannot be read: {error}"
    raise InvalidExport(f"{path.name} {reason}: export it again")


def _golden(
    arrays: Mapping[str, NDArray[Any]], prefix: str, specs: Mapping[str, TensorSpec]
) -> Tensors:
    tensors = {name: arrays[f"{prefix}/{name}"] for name in specs}
    try:
        runtimes.check(tensors, specs)
    except InvalidInput as error:
        raise InvalidExport(f"does not match the manifest in {prefix}: {error.message}") from None
    for name, array in tensors.items():
        if not array.size or array.dtype.kind in "OSU":
            raise InvalidExport(f"proves nothing: {prefix}/{name} is empty or made of strings")
        if not np.isfinite(array.astype(np.float64)).all():
            raise InvalidExport(f"has values in {prefix}/{name} that are not finite numbers")
    return tensors


def replay(program: Program, goldens: Goldens) -> float:
    """The largest absolute difference between the outputs of `program` and the goldens.

    Raises:
        InvalidExport: an output has another shape, or is not a number.
    """
    return max(_error(program[name], *tensors) for name, tensors in goldens.items())


def _error(function: Function, inputs: Tensors, expected: Tensors) -> float:
    outputs = function(inputs)
    worst = 0.0
    for name, golden in expected.items():
        answer = outputs[name]
        if answer.shape != golden.shape:
            raise InvalidExport(f"{name!r} has shape {answer.shape}, the goldens {golden.shape}")
        difference = np.abs(answer.astype(np.float64) - golden.astype(np.float64))
        if not np.isfinite(difference).all():
            raise InvalidExport(f"{name!r} has values that are not finite numbers")
        worst = max(worst, float(difference.max(initial=0.0)))
    return worst


def _load_each(
    export: Export, manifest: Manifest, candidate: Candidate, threads: int
) -> tuple[Program, ...]:
    lanes = 1 if candidate.is_isolated else _LANES
    return tuple(
        candidate.loader.load(
            export.path,
            manifest.signatures,
            Placement(device, candidate.precision, threads, lanes),
        )
        for device in candidate.devices
    )


def _describe(export: Export, options: RunOptions, provider: RuntimeProvider) -> Manifest:
    runtime: RuntimeName = "tensorflow" if options.runtime == "auto" else options.runtime
    require_installed(runtime)
    return provider.get(runtime).describe(export.path, options.threads)
