"""Turn pretrained weights of others into an export that the service serves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from training import catalogue
from training.commands._options import add_folders, add_verbose
from training.commands._quiet import import_tensorflow
from training.errors import UsageError


def add(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """The source, and what its files do not say."""
    del words
    known = catalogue.names("importer")
    width = max(map(len, known))
    rows = [f"  {name:<{width}}  {catalogue.summary('importer', name)}" for name in known]
    parser.epilog = "\n".join(
        [
            "importers (a folder's config.json tells which, by its model_type):",
            *rows,
            "",
            "examples:",
            "  python -m training import ./all-MiniLM-L6-v2",
            "  python -m training import openai/clip-vit-base-patch32 --name clip-vit-b-32",
            "  python -m training import keras:ResNet50",
        ]
    )
    add = parser.add_argument
    add(
        "source",
        metavar="SOURCE",
        help="a folder with config.json and model.safetensors, a model's name on the Hugging Face "
        "hub (OWNER/NAME), or keras:NAME of keras.applications",
    )
    add("--name", help="the export's: models/NAME/VERSION (default: the last part of SOURCE)")
    add(
        "--known-as",
        metavar="TEXT",
        help="what people call SOURCE, for the export to say (default: its name here)",
    )
    add("--revision", help="branch, tag or commit of a model on the hub (default: the newest)")
    add("--weights", type=Path, metavar="FILE", help="keras:… only: instead of ImageNet's")
    add(
        "--labels",
        type=Path,
        metavar="FILE",
        help="keras:… only: the class names, one a line, or Keras' imagenet_class_index.json",
    )
    add(
        "--prompt",
        action="append",
        dest="prompts",
        metavar="NAME=TEXT",
        help="put before texts of that purpose, such as 'query=query: '; may be given several "
        "times; 'none' for nothing (default: what the folder says)",
    )
    add("--description", help="one sentence for people who choose a model")
    add("--license", help="an SPDX identifier or a sentence (default: what the folder says)")
    add("--keras-file", action="store_true", help="write the Keras file too, to train further")
    add_folders(parser, runs=False)
    add_verbose(parser)


def run(given: argparse.Namespace) -> int:
    """Import, and say where the export is."""
    prompts = None if given.prompts is None else _prompts(given.prompts)
    import_tensorflow(verbose=given.verbose, one_dnn=False)
    from training.running.pretrained import import_model  # noqa: PLC0415 — imports TensorFlow

    options = {
        name: value for name, value in vars(given).items() if name not in {"command", "verbose"}
    }
    print(f"export: {import_model(**{**options, 'prompts': prompts})}")
    return 0


def _prompts(given: list[str]) -> dict[str, str]:
    if given == ["none"]:
        return {}
    pairs = [text.partition("=") for text in given]
    wrong = [name for name, sign, _ in pairs if not (name and sign)]
    if wrong:
        raise UsageError(
            f"--prompt is NAME=TEXT, such as 'query=query: ', or none; got {wrong[0]!r}"
        )
    return {name: text for name, _, text in pairs}
