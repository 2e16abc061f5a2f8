"""One server and one browser for all tests of the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.server import Server

MODELS = ("mnist-lenet5", "emoji-clip", "fashion-mnist-autoencoder", "dates-transformer")
TOKEN = "the-token-of-the-page"  # noqa: S105 — of the test alone
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    if _CHROMIUM is None:
        pytest.skip("no chromium is installed: the page is tested in a real browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server below a path, of four of the models that come with Lutrin, each labelled stable."""
    folder = tmp_path_factory.mktemp("page")
    for name in MODELS:
        (folder / name).symlink_to(_ROOT / "models" / name)
    plans = "".join(f"  {name}: {{labels: {{stable: 1}}}}\n" for name in MODELS)
    (folder / "models.yaml").write_text(f"models:\n{plans}", encoding="utf-8")
    indexes = tmp_path_factory.mktemp("indexes")
    settings: dict[str, Any] = {"ADMIN": True, "ADMIN_TOKEN": TOKEN, "INDEXES": indexes}
    with Server(MODELS_DIR=folder, ROOT_PATH="/models", **settings) as server:
        yield server


@pytest.fixture
def page(browser: Browser, served: Server) -> Iterator[Page]:
    """A tab; nothing that it asks for is elsewhere, and no script of it fails."""
    context = browser.new_context(base_url=served.url)
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda message: wrong.append(message.text) if _is_csp(message.text) else None)
    tab.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((served.url, "data:", "blob:"))
            else wrong.append(request.url)
        ),
    )
    yield tab
    context.close()
    assert not wrong


def _is_csp(text: str) -> bool:
    return "Content Security Policy" in text
