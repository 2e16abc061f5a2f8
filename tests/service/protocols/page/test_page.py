"""The page in a real browser, from a person's side."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.server import Server
from tests.service.protocols.page.conftest import TOKEN


def _open(page: Page, view: str = "") -> None:
    page.goto(f"/models/#{view}")


def _expect(page: Page, label: str) -> None:
    """Wait until the best class is `label`: while one draws, answers follow each other."""
    expect(page.locator(".bars .label").first).to_have_text(label)


def _draw_a_one(page: Page) -> None:
    box = page.locator("canvas.sheet").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + 50
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 6, y + box["height"] - 100, steps=8)
    page.mouse.up()


def test_a_drawing_is_classified_while_it_is_drawn(page: Page) -> None:
    _open(page)
    _draw_a_one(page)
    _expect(page, "1")
    assert page.locator(".saw").evaluate("canvas => [canvas.width, canvas.height]") == [28, 28]
    facts = page.locator(".facts").inner_text()
    assert "mnist-lenet5, version 1" in facts
    assert re.search(r"Round trip\n[\d.]+ ms", facts)


def test_it_says_where_the_model_looked(page: Page) -> None:
    _open(page)
    page.get_by_label("Sample: a seven").click()
    _expect(page, "7")
    page.get_by_role("button", name="Where did it look?").click()
    expect(page.locator(".legend")).to_contain_text("“7” loses its score")
    expect(page.locator(".legend")).to_contain_text("50 runs")


def test_the_copied_curl_works_as_it_is(page: Page, served: Server, tmp_path: Path) -> None:
    _open(page)
    page.get_by_label("Sample: a four").click()
    _expect(page, "4")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save a four.png").click()
    download.value.save_as(tmp_path / "a four.png")
    command = page.locator(".copy code").inner_text().replace("\\\n", " ")
    reply = subprocess.run(
        shlex.split(command), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert '"label":"4"' in reply.stdout


def test_a_copied_python_program_works_as_it_is(page: Page) -> None:
    _open(page, "try/dates-transformer")
    expect(page.locator("output.big")).to_have_text("1987-04-03")
    page.get_by_role("button", name="Python", exact=True).click()
    program = page.locator(".copy code").inner_text()
    reply = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "log_probability" in reply.stdout, reply.stderr


def test_labels_of_ones_own_and_a_heat_map(page: Page) -> None:
    _open(page, "try/emoji-clip")
    page.get_by_label("Sample: a heart").click()
    _expect(page, "red heart")
    page.get_by_role("button", name="Similarity").click()
    cells = page.locator(".heat tbody tr").first.locator("td")
    expect(cells).to_have_count(4)
    scores = [float(text) for text in cells.all_inner_texts()]
    assert scores.index(max(scores)) == 0  # a smiling face is nearest to the smile


def test_an_autoencoder_restores_what_was_drawn(page: Page) -> None:
    _open(page, "try/fashion-mnist-autoencoder")
    page.get_by_label("Sample: a shirt").click()
    page.wait_for_selector(".answered .restored")
    middle = page.locator(".restored").evaluate(
        "canvas => canvas.getContext('2d').getImageData(14, 14, 1, 1).data[0]"
    )
    assert middle > 100


def test_an_index_is_filled_and_asked(page: Page) -> None:
    _open(page, "search")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("4 of 4 added")).to_be_visible()
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".results li")).to_have_count(4)
    expect(page.locator(".results li").first).to_contain_text("birthday cake")


def test_an_operator_signs_in_and_moves_a_share(page: Page) -> None:
    _open(page, "models")
    row = page.get_by_role("row", name="mnist-lenet5")
    expect(row).to_contain_text("ready")
    expect(row.get_by_role("button")).to_have_count(0)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Key").fill(TOKEN)
    page.get_by_role("button", name="Use this key").click()
    page.get_by_role("button", name="Label mnist-lenet5").click()
    page.locator("#confirm-input").fill("best = 1")
    page.get_by_role("button", name="Yes, do it").click()
    expect(page.get_by_role("status").first).to_contain_text("mnist-lenet5: version 1 ready")
    expect(row).to_contain_text("best")
    page.get_by_role("button", name="Roll back mnist-lenet5").click()
    page.get_by_role("button", name="Yes, do it").click()
    expect(page.locator(".operate .problem")).to_contain_text("has traffic of its own")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("nothing.png", b"", "empty"),
        ("notes.txt", b"buy milk", "image"),
    ],
)
def test_a_file_that_is_no_image_is_refused_in_the_services_words(
    page: Page, name: str, content: bytes, said: str
) -> None:
    _open(page)
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": content}
    )
    expect(page.locator(".answer .problem")).to_contain_text(said)
    expect(page.locator(".answer .problem")).to_contain_text("request ")
    _draw_a_one(page)  # and goes on
    _expect(page, "1")
    expect(page.locator(".answer .problem")).to_be_hidden()


def test_a_server_that_is_gone_is_said_and_the_drawing_stays(page: Page) -> None:
    _open(page)
    _draw_a_one(page)
    _expect(page, "1")
    page.context.set_offline(True)
    page.get_by_role("button", name="Invert").click()
    expect(page.locator(".answer .problem")).to_contain_text("does not answer")
    page.context.set_offline(False)
    page.get_by_role("button", name="Invert").click()
    expect(page.locator(".answer .problem")).to_be_hidden()
    _expect(page, "1")


def test_the_keyboard_alone_suffices(page: Page) -> None:
    _open(page)
    sample = page.get_by_label("Sample: a two")
    expect(sample).to_be_visible()
    for _ in range(40):
        page.keyboard.press("Tab")
        if sample.evaluate("each => each === document.activeElement"):
            break
    page.keyboard.press("Enter")
    _expect(page, "2")


@pytest.mark.parametrize("view", ["try", "search", "models", "try/emoji-clip"])
def test_nothing_is_wider_than_a_phone(browser: Browser, served: Server, view: str) -> None:
    phone = {"width": 360, "height": 740}
    context = browser.new_context(base_url=served.url, viewport=phone, color_scheme="dark")  # type: ignore[arg-type]  # a TypedDict
    page = context.new_page()
    _open(page, view)
    page.wait_for_selector("main > div")
    assert page.evaluate("document.documentElement.scrollWidth") <= phone["width"]
    context.close()


def test_the_page_is_small_and_its_policy_strict(served: Server) -> None:
    reply = served.client.get("/")
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    names = re.findall(r'(?:src|href)="page/([^"]+)"', reply.text)
    script = served.client.get("/page/app.js").text
    assert '<base href="/models/">' in reply.text
    assert {"app.js", "page.css", "icon.svg"} <= set(names)
    assert "import" in script
    etag = reply.headers["etag"]
    assert served.client.get("/", headers={"if-none-match": etag}).status_code == 304
    assert served.client.get("/page/none.js").status_code == 404
