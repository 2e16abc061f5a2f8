"""The documentation page: its operations are executed untouched, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, Request

from tests.server import Server


@pytest.mark.parametrize(
    ("tag", "count"),
    [("Models", 7), ("Search", 9)],
)
def test_every_operation_answers_as_it_is_filled_in(page: Page, tag: str, count: int) -> None:
    page.goto("/models/docs")
    page.locator(".operation-filter-input").fill(tag)
    operations = page.locator(".opblock")
    page.wait_for_function(f"document.querySelectorAll('.opblock').length === {count}")
    answers: dict[str, str] = {}
    for operation in operations.all():
        head = operation.locator(".opblock-summary-control")
        head.click()
        operation.locator(".execute").click()
        status = operation.locator(".live-responses-table .response-col_status").nth(1)
        answers[head.inner_text().replace("\n", " ")] = status.inner_text().split()[0]
        head.click()
    assert set(answers.values()) == {"200"}, answers


def test_redoc_asks_nothing_of_another_server(browser: Browser, served: Server) -> None:
    tab = browser.new_page()
    outside: list[Request] = []
    tab.on(
        "request",
        lambda each: (
            None if each.url.startswith((served.url, "data:", "blob:")) else outside.append(each)
        ),
    )
    tab.goto(f"{served.url}/models/redoc")
    tab.get_by_role("heading", name="Classify images").wait_for()
    tab.wait_for_timeout(300)
    # The browser itself refuses the logo: nothing is sent.
    assert {each.failure for each in outside} <= {"csp"}
    tab.close()
