"""Draw docs/page.png, the page at work on its own sample: `python -m tests.docs.page`."""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests import ROOT
from tests.server import Server

IMAGE: Final = ROOT / "docs" / "page.png"
_COLORS: Final = 128
"""Of the palette: the file is a third as large, and looks the same."""


def screenshot() -> bytes:
    """The page with a sample classified and explained, as a PNG file."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        (Path(folder) / "mnist-lenet5").symlink_to(ROOT / "models" / "mnist-lenet5")
        chromium = shutil.which("chromium") or "chromium"
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with Server(MODELS_DIR=folder, INDEXES="off") as server:
            page = browser.new_page(viewport={"width": 1100, "height": 800})
            page.goto(server.url)
            _ask(page)
            file = page.screenshot(full_page=True)
        browser.close()
    small = io.BytesIO()
    Image.open(io.BytesIO(file)).convert("RGB").quantize(_COLORS).save(small, "PNG", optimize=True)
    return small.getvalue()


def _ask(page: Page) -> None:
    page.get_by_label("Sample: a four").click()
    page.wait_for_selector(".answered .bars li")
    page.get_by_role("button", name="Where did it look?").click()
    page.get_by_text("runs in").wait_for()


if __name__ == "__main__":
    IMAGE.write_bytes(screenshot())
