"""The command line: serve a folder of models, or inspect, verify and try one export.

python -m service [--port 8000 …]          serve MODELS_DIR over HTTP; --help lists every setting
python -m service inspect FOLDER           print what an export promises
python -m service verify FOLDER            prove it on this machine by its goldens
python -m service classify FOLDER IMAGE…   classify pictures without a server
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from service import golden, store
from service.classification import Classifier, Prediction, top
from service.errors import InvalidExport, ServiceError, UnsupportedTask
from service.golden import Loaded
from service.images import Picture
from service.manifest import Manifest
from service.settings import RunOptions, Settings
from service.store import Export


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 for success, 1 for failure, 2 for wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not given or given[0] not in _COMMANDS:
            return _serve([argument for argument in given if argument != "serve"])
        return _COMMANDS[given[0]](given[1:])
    except ServiceError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1


def _serve(arguments: Sequence[str]) -> int:
    # These imports serve the other commands nothing, and the training extra lacks the packages.
    import uvicorn  # noqa: PLC0415
    from pydantic_settings import CliApp  # noqa: PLC0415

    from service import logs  # noqa: PLC0415
    from service.app import create_app  # noqa: PLC0415

    try:
        settings = CliApp.run(Settings, cli_args=list(arguments))
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            name = ".".join(str(part) for part in problem["loc"]).upper() or "settings"
            print(f"error: {name}: {problem['msg']}", file=sys.stderr)
        return 2
    if not settings.models_dir.is_dir():
        raise InvalidExport(f"MODELS_DIR={settings.models_dir} is not a folder")
    logs.configure(settings)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=settings.access_log,
        timeout_graceful_shutdown=settings.shutdown_timeout_s,
        server_header=False,
    )
    return 0


def _inspect(arguments: Sequence[str]) -> int:
    parser = _parser("inspect", "Print what an export promises.")
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")
    given = parser.parse_args(arguments)
    export = store.find(given.folder)
    manifest = _manifest_of(export)
    print(manifest.model_dump_json(indent=2) if given.json else _summary(export, manifest))
    return 0


def _verify(arguments: Sequence[str]) -> int:
    parser = _parser("verify", "Prove an export on this machine, in every way it can be run here.")
    _add_run_options(parser)
    given = parser.parse_args(arguments)
    export = store.find(given.folder)
    if export.is_foreign:
        raise InvalidExport(
            f"{export.path} has no manifest and no goldens, so there is nothing to prove; "
            "it can be served through TensorFlow as it is"
        )
    manifest = golden.read_manifest(export)
    failed = False
    for way in golden.ways(export, manifest, _run_options(given)):
        devices = ",".join(map(str, way.devices))
        try:
            proven = golden.prove(export, manifest, way)
        except InvalidExport as error:
            print(f"FAILED   {devices:6} {error.message}", file=sys.stderr)
            # bfloat16 is an offer, taken where the goldens hold; float32 is the promise.
            failed = failed or way.precision == "float32" or given.precision != "auto"
        else:
            error_text = f"largest error {proven.golden_error:.2g}"
            print(f"holds    {devices:6} {way.runtime} in {way.precision}: {error_text}")
    return 1 if failed else 0


def _classify(arguments: Sequence[str]) -> int:
    parser = _parser("classify", "Classify pictures without a server.")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--top-k", type=int, default=3, help="classes a picture (default 3)")
    _add_run_options(parser)
    given = parser.parse_args(arguments)
    loaded = golden.load(store.find(given.folder), _run_options(given))
    name = loaded.manifest.signature_for("classify")
    if name is None or loaded.manifest.image is None or loaded.manifest.labels is None:
        raise UnsupportedTask(f"{given.folder} does not classify pictures")
    classifier = Classifier(loaded.programs[0][name], loaded.manifest.image, 1)
    answers = [_classify_file(path, classifier, loaded, given.top_k) for path in given.images]
    return 0 if all(answers) else 1


def _classify_file(path: Path, classifier: Classifier, loaded: Loaded, count: int) -> bool:
    try:
        data = path.read_bytes()
        [answer] = classifier([Picture.open(data, max_pixels=Settings().max_image_pixels)])
        if isinstance(answer, Exception):
            raise answer
    except (OSError, ServiceError) as error:
        print(f"{path}: error: {error}", file=sys.stderr)
        return False
    print(f"{path}: {_readable(top(answer, loaded.manifest.labels or (), count))}")
    return True


def _readable(predictions: list[Prediction]) -> str:
    return ", ".join(f"{each.label} {each.score:.1%}" for each in predictions)


def _manifest_of(export: Export) -> Manifest:
    if not export.is_foreign:
        return golden.read_manifest(export)
    return golden.load(export, RunOptions()).manifest


def _summary(export: Export, manifest: Manifest) -> str:
    lines = [f"{export.name} version {export.version}: {manifest.description}"]
    for name, signature in manifest.signatures.items():
        inputs = ", ".join(f"{key} {spec}" for key, spec in signature.inputs.items())
        outputs = ", ".join(f"{key} {spec}" for key, spec in signature.outputs.items())
        lines.append(f"  signature {name} ({signature.task}): {inputs} → {outputs}")
    if manifest.image:
        lines.append(f"  pictures: {manifest.image}")
    if manifest.labels:
        shown = ", ".join(manifest.labels[:10]) + (" …" if len(manifest.labels) > 10 else "")
        lines.append(f"  labels: {len(manifest.labels)} ({shown})")
    lines += [f"  {name}: {value:g}" for name, value in manifest.metrics.items()]
    lines += [f"  {name}: {value}" for name, value in manifest.provenance.items()]
    return "\n".join(lines)


def _parser(command: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(f"python -m service {command}", description=description)
    parser.add_argument("folder", type=Path, help="models/NAME/VERSION, or models/NAME")
    return parser


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runtime", choices=["auto", "openvino", "tensorflow"], default="auto")
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, gpu or a list like gpu:0,gpu:1"
    )
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")


def _run_options(given: argparse.Namespace) -> RunOptions:
    try:
        return RunOptions(
            runtime=given.runtime, device=given.device, precision=given.precision, max_batch_size=1
        )
    except ValidationError as error:
        raise InvalidExport(f"--device: {error.errors()[0]['msg']}") from None


_COMMANDS: Final[dict[str, Callable[[Sequence[str]], int]]] = {
    "inspect": _inspect,
    "verify": _verify,
    "classify": _classify,
}

if __name__ == "__main__":
    sys.exit(main())
