"""Changes over the network: off by default, and then for the one who knows the token."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from service.access import admin
from service.errors import Forbidden, Unauthorized
from service.settings import Settings

TOKEN = "correct-horse-battery"  # noqa: S105 — of this test alone


@pytest.fixture
def settings() -> Settings:
    return Settings(admin=True, admin_token=SecretStr(TOKEN))


def test_nobody_may_until_it_is_switched_on() -> None:
    with pytest.raises(Forbidden, match="ADMIN=true"):
        admin.require_admin(f"Bearer {TOKEN}", Settings(admin_token=SecretStr(TOKEN)))


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer  {TOKEN} "])
def test_the_token_opens(settings: Settings, given: str) -> None:
    admin.require_admin(given, settings)


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ü"]
)
def test_nothing_else_does(settings: Settings, given: str) -> None:
    with pytest.raises(Unauthorized):
        admin.require_admin(given, settings)


@pytest.mark.parametrize("token", [None, SecretStr("short")])
def test_switching_it_on_takes_a_token_that_is_hard_to_guess(token: SecretStr | None) -> None:
    with pytest.raises(ValidationError, match=r"ADMIN_TOKEN of 16"):
        Settings(admin=True, admin_token=token)


def test_the_token_does_not_show(settings: Settings) -> None:
    assert TOKEN not in repr(settings)
