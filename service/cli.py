"""What the command line does without a server: inspect, verify and try one export.

Each command takes its arguments and gives an exit status: 0 for success, 1 for failure. What is
wrong with the settings is raised as pydantic raises it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from service.batching.images import ImageBatches
from service.engine.predictions import Prediction, Probabilities, top
from service.errors import InvalidExport, ServiceError, UnsupportedTask
from service.exports import folder
from service.exports.folder import Export
from service.loading import goldens
from service.loading.candidates import Way, ways
from service.loading.isolation.runtime import Runners
from service.machine import addresses
from service.manifest import Manifest, TensorSpec, openvino_path
from service.preprocessing.image import Picture
from service.settings import RunOptions, Settings


def inspect(arguments: Sequence[str]) -> int:
    """Print what an export promises."""
    parser = _parser("inspect", "Print what an export promises.")
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")
    given = parser.parse_args(arguments)
    export = folder.find(given.folder)
    manifest = _manifest_of(export)
    print(manifest.model_dump_json(indent=2) if given.json else _summary(export, manifest))
    return 0


def verify(arguments: Sequence[str]) -> int:
    """Replay an export's goldens in every way that this machine can run it."""
    parser = _parser("verify", "Prove an export on this machine, in every way it can be run here.")
    _add_run_options(parser)
    given = parser.parse_args(arguments)
    export = folder.find(given.folder)
    if export.is_foreign:
        raise InvalidExport(
            f"{export.path} has no manifest and no goldens, so there is nothing to prove; "
            "it can be served through TensorFlow as it is"
        )
    manifest = goldens.read_manifest(export)
    goldens.read_tokenizer(export, manifest)
    failed = False
    options = _run_options(given)
    for way in ways(export, manifest, options, Runners(options.isolation)):
        devices = ",".join(map(str, way.devices))
        try:
            proven = goldens.prove(export, manifest, way)
        except InvalidExport as error:
            print(f"FAILED   {devices:6} {error.message}", file=sys.stderr)
            failed = failed or not _is_an_offer(way, given)
        else:
            error_text = f"largest error {proven.golden_error:.2g}"
            print(f"holds    {devices:6} {way.runtime} in {way.precision}: {error_text}")
            del proven  # a large model is in memory once
    return 1 if failed else 0


def _is_an_offer(way: Way, given: argparse.Namespace) -> bool:
    """Whether serving would go on without this way: float32 on the CPU is what is promised."""
    offered = way.precision != "float32" and given.precision == "auto"
    return offered or (way.devices[0].kind != "cpu" and given.device == "auto")


def classify(arguments: Sequence[str]) -> int:
    """Classify picture files."""
    parser = _parser("classify", "Classify pictures without a server.")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--top-k", type=_count, default=3, help="classes a picture (default 3)")
    _add_run_options(parser)
    given = parser.parse_args(arguments)
    max_pixels = Settings().max_image_pixels
    loaded = goldens.load(folder.find(given.folder), _run_options(given))
    name = loaded.manifest.signature_for("classify")
    if name is None or loaded.manifest.image is None or loaded.manifest.labels is None:
        raise UnsupportedTask(f"{given.folder} does not classify pictures")
    batches = ImageBatches(loaded.programs[0][name], loaded.manifest.image, 1)
    failed = False
    for path in given.images:
        try:
            answer = _classify_file(path, batches, max_pixels)
        except (OSError, ServiceError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            print(f"{path}: error: {reason}", file=sys.stderr)
            failed = True
        else:
            print(f"{path}: {_readable(top(answer, loaded.manifest.labels, given.top_k))}")
    return 1 if failed else 0


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"at least 1; got {count}")
    return count


def _classify_file(path: Path, batches: ImageBatches, max_pixels: int) -> Probabilities:
    picture = Picture.open(path.read_bytes(), max_pixels=max_pixels)
    [answer] = batches([picture.decode(batches.image)])
    if isinstance(answer, Exception):
        raise answer
    return answer


def _readable(predictions: list[Prediction]) -> str:
    return ", ".join(f"{each.label} {each.score:.1%}" for each in predictions)


def extras(arguments: Sequence[str]) -> int:
    """Print the extras of this package that the models at hand need, one a line."""
    parser = argparse.ArgumentParser("python -m service extras", description=extras.__doc__)
    parser.parse_args(arguments)
    settings = Settings()
    if settings.models_address is not None:
        # What the models need beside is known when they are fetched.
        if (extra := addresses.extra_of(settings.models_address)) is not None:
            print(extra)
        return 0
    needs = [_needs_tensorflow(export) for export in folder.newest(settings.models_folder)]
    if any(needs):
        print("tensorflow")
    return 0


def _needs_tensorflow(export: Export) -> bool:
    if export.is_foreign:
        return True
    try:
        signatures = goldens.read_manifest(export).signatures
    except InvalidExport as error:
        # It will not be served; the other models' needs must be known all the same.
        print(f"{export.path} is left out: {error.message}", file=sys.stderr)
        return False
    return not all(openvino_path(export.path, name).exists() for name in signatures)


def _manifest_of(export: Export) -> Manifest:
    if not export.is_foreign:
        return goldens.read_manifest(export)
    return goldens.load(export, RunOptions()).manifest


def _summary(export: Export, manifest: Manifest) -> str:
    lines = [f"{export.name} version {export.version}: {manifest.description}"]
    for name, signature in manifest.signatures.items():
        inputs, outputs = _tensors(signature.inputs), _tensors(signature.outputs)
        lines.append(f"  signature {name} ({signature.task}): {inputs} → {outputs}")
    if (image := manifest.image) is not None:
        size = f"{image.height}×{image.width}×{image.channels} pixels"
        lines.append(f"  pictures: {size}, fit {image.fit}, resampled by {image.resample}")
    if manifest.text is not None:
        lines.append(f"  texts: up to {manifest.text.max_length} tokens")
    if manifest.width is not None:
        lines.append(f"  vectors: {manifest.width} dimensions")
    if manifest.labels:
        shown = ", ".join(manifest.labels[:10]) + (" …" if len(manifest.labels) > 10 else "")
        lines.append(f"  labels: {len(manifest.labels)} ({shown})")
    lines += [f"  {name}: {value:g}" for name, value in manifest.metrics.items()]
    lines += [f"  {name}: {value}" for name, value in manifest.provenance.items()]
    return "\n".join(lines)


def _tensors(specs: dict[str, TensorSpec]) -> str:
    return ", ".join(f"{name} {spec.dtype} {_shape(spec)}" for name, spec in specs.items())


def _shape(spec: TensorSpec) -> str:
    if spec.shape is None:
        return "of any shape"
    return "×".join("any" if axis is None else str(axis) for axis in spec.shape) or "scalar"


def _parser(command: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(f"python -m service {command}", description=description)
    parser.add_argument("folder", type=Path, help="models/NAME/VERSION, or models/NAME")
    return parser


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runtime", choices=["auto", "openvino", "tensorflow"], default="auto")
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, gpu or a list like gpu:0,gpu:1"
    )
    parser.add_argument(
        "--precision", choices=["auto", "float32", "bfloat16", "int8"], default="auto"
    )


def _run_options(given: argparse.Namespace) -> RunOptions:
    try:
        return RunOptions(runtime=given.runtime, device=given.device, precision=given.precision)
    except ValidationError as error:
        raise InvalidExport(f"--device: {error.errors()[0]['msg']}") from None


COMMANDS: Final[dict[str, Callable[[Sequence[str]], int]]] = {
    "inspect": inspect,
    "verify": verify,
    "classify": classify,
    "extras": extras,
}
