"""The command line: serve a folder of models, or inspect, verify and try one export.

python -m service [--port 8000 …]          serve MODELS_DIR over HTTP; --help lists every setting
python -m service inspect FOLDER           print the manifest of an export
python -m service verify FOLDER            replay its goldens on this machine
python -m service classify FOLDER IMAGE…   classify images without a server
python -m service batch IN OUT --model M   classify or embed many rows without a server
python -m service extras                   print the extras that the models in MODELS_DIR need

A command returns its exit status: 0 for success, 1 for failure, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_settings import SettingsError

from service.batching.images import ImageBatches
from service.engine.predictions import Prediction, Probabilities, top
from service.errors import InvalidExport, ServiceError, UnsupportedTask
from service.exports import folder
from service.exports.folder import Export
from service.loading import goldens
from service.loading.candidates import Candidate, candidates
from service.loading.isolation.runtime import RuntimeProvider
from service.machine import addresses
from service.manifest import Manifest, TensorSpec, openvino_path
from service.preprocessing.image import EncodedImage
from service.settings import RunOptions, Settings, problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, `serve` where none is named; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] in (["-h"], ["--help"]):
        print(__doc__)
    try:
        if not given or given[0].startswith("-"):
            return serve(given)
        if given[0] in COMMANDS:
            return COMMANDS[given[0]](given[1:])
    except ServiceError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    except (ValidationError, SettingsError) as error:  # every other cause is a ServiceError
        for problem in problems(error):
            print(f"error: {problem}", file=sys.stderr)
        return 2
    print(
        f"error: there is no command {given[0]!r}; there are: {', '.join(COMMANDS)}",
        file=sys.stderr,
    )
    return 2


def serve(arguments: Sequence[str]) -> int:
    """Serve the models folder until a signal stops the service."""
    # These modules are slow to import, and the training extra lacks their packages.
    from pydantic_settings import CliApp  # noqa: PLC0415

    from service.observability import logs  # noqa: PLC0415
    from service.repository.plans import models_file  # noqa: PLC0415

    settings = CliApp.run(Settings, cli_args=list(arguments))
    if settings.models_address is None and not settings.models_folder.is_dir():
        raise InvalidExport(f"MODELS_DIR={settings.models_dir} is not a folder")
    if settings.models_address is None:
        models_file.load(settings)  # report its mistakes before anything starts
    logs.configure(settings)
    if settings.workers > 1:  # the supervisor runs no model, so it does not import the runtimes
        from service.server import supervisor  # noqa: PLC0415

        return supervisor.serve(settings)
    from service.server import http  # noqa: PLC0415

    return http.serve(settings)


def inspect(arguments: Sequence[str]) -> int:
    """Print the manifest of an export."""
    parser = _parser("inspect", "Print the manifest of an export.")
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")
    given = parser.parse_args(arguments)
    export = folder.find(given.folder)
    manifest = _manifest_of(export)
    print(manifest.model_dump_json(indent=2) if given.json else _summary(export, manifest))
    return 0


def verify(arguments: Sequence[str]) -> int:
    """Replay the goldens of an export with every candidate that this machine can run."""
    parser = _parser(
        "verify", "Replay the goldens with every runtime, precision and device of this machine."
    )
    _add_run_options(parser)
    given = parser.parse_args(arguments)
    export = folder.find(given.folder)
    if export.is_foreign:
        raise InvalidExport(
            f"{export.path} has no manifest and no goldens, so there is nothing to verify; "
            "TensorFlow can serve it as it is"
        )
    manifest = goldens.read_manifest(export)
    goldens.read_tokenizer(export, manifest)
    failed = False
    options = _run_options(given)
    for candidate in candidates(export, manifest, options, RuntimeProvider(options.isolation)):
        devices = ",".join(map(str, candidate.devices))
        try:
            loaded = goldens.prove(export, manifest, candidate)
        except InvalidExport as error:
            print(f"FAILED   {devices:6} {error.message}", file=sys.stderr)
            failed = failed or not _is_optional(candidate, given)
        else:
            error_text = f"largest error {loaded.golden_error:.2g}"
            print(
                f"holds    {devices:6} {candidate.runtime} in {candidate.precision}: {error_text}"
            )
            del loaded  # keep one copy of a large model in memory
    return 1 if failed else 0


def _is_optional(candidate: Candidate, given: argparse.Namespace) -> bool:
    """Whether serving works without this candidate; only float32 on the CPU is required."""
    is_lower_precision = candidate.precision != "float32" and given.precision == "auto"
    return is_lower_precision or (candidate.devices[0].kind != "cpu" and given.device == "auto")


def classify(arguments: Sequence[str]) -> int:
    """Classify image files."""
    parser = _parser("classify", "Classify images without a server.")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument(
        "--top-k", type=_count, default=3, help="classes for each image (default 3)"
    )
    _add_run_options(parser)
    given = parser.parse_args(arguments)
    max_pixels = Settings().max_image_pixels
    loaded = goldens.load(folder.find(given.folder), _run_options(given))
    name = loaded.manifest.signature_for("classify")
    if name is None or loaded.manifest.image is None or loaded.manifest.labels is None:
        raise UnsupportedTask(f"{given.folder} does not classify images")
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
    image = EncodedImage.open(path.read_bytes(), max_pixels=max_pixels)
    [answer] = batches([image.decode(batches.image)])
    if isinstance(answer, Exception):
        raise answer
    return answer


def _readable(predictions: list[Prediction]) -> str:
    return ", ".join(f"{each.label} {each.score:.1%}" for each in predictions)


def batch(arguments: Sequence[str]) -> int:
    """Classify or embed many rows without a server."""
    from service.bulk import command  # noqa: PLC0415 — the engine, which the others do not need

    return command.run(arguments)


def extras(arguments: Sequence[str]) -> int:
    """Print the extras of this package that the models in MODELS_DIR need, one a line."""
    parser = argparse.ArgumentParser("python -m service extras", description=extras.__doc__)
    parser.parse_args(arguments)
    settings = Settings()
    if settings.models_address is not None:
        # What the models themselves need is known only once they are downloaded.
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
        # It is not served; the other models still are.
        print(f"{export.path} is skipped: {error.message}", file=sys.stderr)
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
        lines.append(f"  images: {size}, fit {image.fit}, resampled by {image.resample}")
    if manifest.text is not None:
        lines.append(f"  texts: up to {manifest.text.max_length} tokens")
    if manifest.width is not None:
        lines.append(f"  embeddings: {manifest.width} dimensions")
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
    "serve": serve,
    "inspect": inspect,
    "verify": verify,
    "classify": classify,
    "batch": batch,
    "extras": extras,
}
