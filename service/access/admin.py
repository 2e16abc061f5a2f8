"""Who may change what is served: whoever knows the ADMIN_TOKEN, where ADMIN is on."""

from __future__ import annotations

import secrets

from service.errors import Forbidden, Unauthorized
from service.settings import Settings


def require_admin(authorization: str, settings: Settings) -> None:
    """Let `authorization`, the value of the header or metadata of that name, pass or not.

    Raises:
        Forbidden: nobody may: ADMIN is off.
        Unauthorized: it is not `Bearer` and the ADMIN_TOKEN.
    """
    if not settings.admin or settings.admin_token is None:
        raise Forbidden(
            "what is served cannot be changed over the network: ADMIN is off; "
            "set ADMIN=true and an ADMIN_TOKEN to allow it"
        )
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("this takes the header 'Authorization: Bearer <the ADMIN_TOKEN>'")
    expected = settings.admin_token.get_secret_value()
    # Comparing in constant time tells nobody how much of a guess was right.
    if not secrets.compare_digest(token.strip().encode(), expected.encode()):
        raise Unauthorized("the token is not the service's ADMIN_TOKEN")
