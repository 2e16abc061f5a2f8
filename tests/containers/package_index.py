"""This machine's pip configuration, handed to a build as secrets that enter no image."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

_FORWARDED: Final = ("index-url", "extra-index-url", "proxy", "timeout", "trusted-host")
"""Where packages come from; what else a configuration says is this machine's own affair."""


def secrets(folder: Path) -> list[str]:
    """The `--secret` arguments for the Dockerfile's secrets; writes what they name to `folder`.

    Indexes on this machine's disk are left out: a build does not see them.
    """
    settings = _settings()
    cert = settings.get("cert") or os.environ.get("REQUESTS_CA_BUNDLE")
    lines = ["[global]"]
    for name in _FORWARDED:
        urls = [url for url in settings.get(name, "").split() if not url.startswith("file:")]
        if urls:
            lines.append(f"{name} = {' '.join(urls)}")
    if cert:
        lines.append("cert = /run/secrets/ca.crt")
    if len(lines) == 1:
        return []
    config = folder / "pip.conf"
    config.write_text("\n".join(lines) + "\n")
    return ["--secret", f"id=pip.conf,src={config}"] + (
        ["--secret", f"id=ca.crt,src={cert}"] if cert else []
    )


def _settings() -> dict[str, str]:
    """By name without its section; pip lists the environment's, which win, last."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    pairs = sorted(
        (line.split("=", 1) for line in listing.stdout.splitlines() if "=" in line),
        key=lambda pair: pair[0].startswith(":env:"),
    )
    return {name.rpartition(".")[2]: str(ast.literal_eval(value)) for name, value in pairs}
