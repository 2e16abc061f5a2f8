"""Write docs/settings.md from the settings' own docstrings: `python -m tests.docs.settings`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from service.settings import Settings
from tests import ROOT

PAGE: Final = ROOT / "docs" / "settings.md"

_INTRODUCTION: Final = (
    "# Settings\n\n"
    "Each setting is an environment variable, a line of `.env`, or a flag: `MAX_QUEUE=512`, or "
    "`python -m service --max-queue 512`. `python -m service --help` prints this list. "
    "`make docs` writes this page from `service/settings.py`, and a test fails when they differ."
    "\n\n| setting | default | meaning |\n| --- | --- | --- |\n"
)

_END: Final = "\nTraining has one setting, `DATASETS_DIR`: [training](training.md#data-sets).\n"


def page() -> str:
    """The page as Markdown."""
    rows = [
        f"| `{name.upper()}` | {_shown(field.default)} | {_line(field.description)} |\n"
        for name, field in Settings.model_fields.items()
    ]
    return _INTRODUCTION + "".join(rows) + _END


def _line(description: str | None) -> str:
    return " ".join((description or "").split())


def _shown(default: Any) -> str:
    if default is None or default == "":
        return "–"
    if isinstance(default, str | Path):
        return f"`{default}`"
    if isinstance(default, BaseModel):
        return f"`{default.model_dump_json()}`"
    return f"`{json.dumps(to_jsonable_python(default))}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
