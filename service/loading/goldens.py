"""Proof: an export is ready when it reproduces the outputs it was exported with.

Replaying the goldens is warm-up and test in one, and the judge of every automatic choice: the
first runtime and precision, fastest first, whose error stays within the manifest's tolerance.
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
from service.loading.candidates import Way, require_installed, ways
from service.loading.isolation.runtime import Runners
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
"""Runs of texts side by side. Threads of one run wait for the one whose core something else takes
now and then, as reading and answering requests do: two runs of MiniLM on a core each make 900 texts
a second where one on both makes 350 to 750; a single short text takes 4 ms and not 3.
"""

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
    is_isolated: bool
    """Whether it runs in a child process: a call may have to wait for a new one."""
    tokenizer: Tokenizer | None = None
    """How it reads texts, where it takes any."""
    failures: tuple[str, ...] = ()
    """What went wrong in the ways that were tried before this one."""


def load(export: Export, options: RunOptions) -> Loaded:
    """Load an export and prove it by its goldens, choosing what `options` leave open.

    Raises:
        InvalidExport: nothing that was tried loads and reproduces the goldens; says what each did.
    """
    runners = Runners(options.isolation)
    if export.is_foreign:
        manifest = _describe(export, options, runners)
    else:
        manifest = read_manifest(export)
        read(export.path, manifest)  # goldens that cannot be read fail every way alike
    tokenizer = read_tokenizer(export, manifest)
    failures: list[str] = []
    for way in ways(export, manifest, options, runners):
        try:
            loaded = prove(export, manifest, way, options.threads)
        except ServiceError as error:
            failures.append(error.message)
            logger.warning("%s/%d: %s", export.name, export.version, error.message)
        else:
            reason = "; ".join([loaded.reason, *failures])
            return replace(loaded, reason=reason, tokenizer=tokenizer, failures=tuple(failures))
    raise InvalidExport("; ".join(failures))


def prove(export: Export, manifest: Manifest, way: Way, threads: int = 0) -> Loaded:
    """Load an export in one way and replay its goldens on each device.

    A foreign SavedModel has none: nothing is promised, so nothing can be proven.

    Raises:
        InvalidExport: it does not load, or differs by more than the manifest's tolerance.
    """
    described = f"{way.runtime} in {way.precision}"
    try:
        programs = _load_each(export, manifest, way, threads)
        if export.is_foreign:
            error = None
        else:
            goldens = read(export.path, manifest)
            error = max(replay(program, goldens) for program in programs)
    except ServiceError as failure:
        raise InvalidExport(f"{described}: {failure.message}") from failure
    tolerance: float = getattr(manifest.tolerance, way.precision)
    if error is not None and error > tolerance:
        raise InvalidExport(
            f"{described} differs from the goldens by {error:.3g} and the manifest allows "
            f"{tolerance:.3g}: {_REMEDY[way.precision]}"
        )
    chosen = way.runtime, way.precision, way.devices
    return Loaded(manifest, programs, *chosen, error, way.reason, way.is_isolated)


def read_manifest(export: Export) -> Manifest:
    """Read an export's manifest.

    Raises:
        InvalidExport: it is missing or does not say what it must.
    """
    try:
        return Manifest.read(export.path)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'as a whole'}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        )
        raise InvalidExport(
            f"manifest.json is not as it must be: {problems}: export it again"
        ) from error
    except OSError as error:
        raise InvalidExport(f"manifest.json cannot be read: {error.strerror}") from error


def read_tokenizer(export: Export, manifest: Manifest) -> Tokenizer | None:
    """Read how an export takes texts; None where it takes none.

    Raises:
        InvalidExport: its tokenizer is missing or cannot be read.
    """
    return None if manifest.text is None else Tokenizer.read(export.path, manifest.text)


def read(export: Path, manifest: Manifest) -> Goldens:
    """Read the goldens of every signature that the manifest promises.

    Raises:
        InvalidExport: the file is missing or broken, or a tensor is not as the manifest says.
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
        reason = "is missing, and an export is proven by it"
    except ServiceError as error:
        reason = error.message
    except KeyError as error:
        reason = f"lacks a tensor: {error.args[0]}"
    except Exception as error:  # the readers of zip and of arrays raise a dozen kinds
        reason = f"cannot be read: {error}"
    raise InvalidExport(f"{path.name} {reason}: export it again")


def _golden(
    arrays: Mapping[str, NDArray[Any]], prefix: str, specs: Mapping[str, TensorSpec]
) -> Tensors:
    tensors = {name: arrays[f"{prefix}/{name}"] for name in specs}
    try:
        runtimes.check(tensors, specs)
    except InvalidInput as error:
        raise InvalidExport(f"does not fit the manifest in {prefix}: {error.message}") from None
    for name, array in tensors.items():
        if not array.size or array.dtype.kind in "OSU":
            raise InvalidExport(f"proves nothing: {prefix}/{name} is empty or made of strings")
        if not np.isfinite(array.astype(np.float64)).all():
            raise InvalidExport(f"has values in {prefix}/{name} that are not finite numbers")
    return tensors


def replay(program: Program, goldens: Goldens) -> float:
    """The largest absolute difference between what `program` answers and the goldens.

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


def _load_each(export: Export, manifest: Manifest, way: Way, threads: int) -> tuple[Program, ...]:
    lanes = 1 if way.is_isolated else _LANES
    return tuple(
        way.runner.load(
            export.path,
            manifest.signatures,
            Placement(device, way.precision, threads, lanes),
        )
        for device in way.devices
    )


def _describe(export: Export, options: RunOptions, runners: Runners) -> Manifest:
    runtime: RuntimeName = "tensorflow" if options.runtime == "auto" else options.runtime
    require_installed(runtime)
    return runners.get(runtime).describe(export.path, options.threads)
