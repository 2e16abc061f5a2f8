"""CLIP at full size against `transformers`: `python -m tests.references.clip_full`, minutes long.

Its weights are random, for nothing is downloaded. It takes the extra `parity`, 4 GB of disk and as
much memory. The import runs in a process of its own, whose time and memory are told.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino
import psutil
from numpy.typing import NDArray

from service.manifest import openvino_path
from tests.hugging_face import write_clip
from tests.references import cases

ROOT: Final = Path(__file__).parents[2]
TEXTS: Final = {
    "vocab_size": 49_408,
    "num_hidden_layers": 12,
    "max_position_embeddings": 77,
    "bos_token_id": 49_406,
    "eos_token_id": 49_407,
    "pad_token_id": 49_407,
}
B: Final = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12}
B_TEXTS: Final = {**TEXTS, "hidden_size": 512, "intermediate_size": 2048, "projection_dim": 512}
VARIANTS: Final[Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]] = {
    "B/32": ({**B_TEXTS, "num_attention_heads": 8}, {**B, "patch_size": 32}),
    "B/16": ({**B_TEXTS, "num_attention_heads": 8}, {**B, "patch_size": 16}),
    "L/14": (
        {
            **TEXTS,
            **{"hidden_size": 768, "intermediate_size": 3072, "projection_dim": 768},
            "num_attention_heads": 12,
        },
        {
            **{"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24},
            "patch_size": 14,
        },
    ),
}
"""What `config.json` says of texts and of images."""


def main() -> None:
    """Write a folder, import it, ask both, and print how far apart they are."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("variant", nargs="?", choices=VARIANTS, default="B/32")
    variant = parser.parse_args().variant
    with tempfile.TemporaryDirectory() as name:
        parent = Path(name)
        folder = _write(parent / "clip", variant)
        seconds, peak = _measured("training", "import", folder, "--models-dir", parent / "models")
        print(f"ViT-{variant}: imported in {seconds:.0f} s, at most {peak / 1e9:.2f} GB of memory")
        _measured("tests.references.make", "--into", parent, "--model", folder)
        texts, images = cases.inputs(folder)
        with np.load(parent / "model.npz") as expected:
            for signature, inputs, key in (
                ("embed_text", {"tokens": texts["tokens"]}, "texts"),
                ("embed_image", images or {}, "images"),
            ):
                path = openvino_path(parent / "models/clip/1", signature)
                for hint, spoken in (("f32", "float32"), ("bf16", "bfloat16")):
                    found = _asked(path, inputs, hint)
                    cosine = cases.cosines(found, expected[key]).min()
                    error = np.abs(found - expected[key]).max()
                    print(f"{key} in {spoken}: cosine {cosine:.7f}, differing by {error:.2g}")


def _write(folder: Path, variant: str) -> Path:
    texts, images = VARIANTS[variant]
    heads = images["hidden_size"] // 64
    vision = {**images, "num_attention_heads": heads, "image_size": 224}
    return write_clip(
        folder, text=texts, vision={**vision, "projection_dim": texts["projection_dim"]}
    )


def _measured(module: str, *words: str | Path) -> tuple[float, int]:
    """Run a module; seconds, and the most bytes that it and its children held at once."""
    command = [sys.executable, "-m", module, *map(str, words)]
    started, peak = time.monotonic(), 0
    running = psutil.Popen(command, cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    while running.poll() is None:
        held = 0
        for process in (running, *running.children(recursive=True)):
            try:  # pages that several share count once
                held += process.memory_full_info().pss
            except (psutil.Error, AttributeError):
                continue
        peak = max(peak, held)
        time.sleep(0.05)
    if running.returncode:
        sys.exit(f"{module} ended with status {running.returncode}")
    return time.monotonic() - started, peak


def _asked(path: Path, inputs: cases.Inputs, hint: str) -> NDArray[np.float32]:
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": hint})
    return np.asarray(compiled(inputs)[compiled.output(0)])


if __name__ == "__main__":
    main()
