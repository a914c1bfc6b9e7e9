"""Check under which host name a browser opens the page, so that other web sites cannot send requests to it.

A web site can let its own name point to 127.0.0.1 (DNS rebinding). The browser then sends that site's requests to this
page, and only the Host header reveals it. If a script of another site sends a request directly, the browser adds the
name of that site as the Origin header.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::")  # addresses to listen on; they name no machine
REFUSED = (
    "expected one of the names under which this page may be opened, got another; open http://localhost with the port "
    "that the page printed, or start it with `facekit demo --host NAME`"
)


def allowed_names(*names: str) -> set[str]:
    """Collect the host names under which the page may be opened.

    Args:
        *names: Host names or addresses that the user gave, for instance "my-pc.local" or "192.168.1.5".

    Returns:
        These names in lower case, and the names of this machine itself.
    """
    return {*LOOPBACK, *(name.lower().strip("[]") for name in names if name not in EVERYWHERE)}


def logins(auth: Sequence[str]) -> list[tuple[str, str]] | None:
    """Split the logins of visitors into names and passwords.

    Args:
        auth: Texts NAME:PASSWORD. A password may contain further colons.

    Returns:
        Name and password of each, or None if there are none: then nobody must log in.

    Raises:
        ValueError: If a name or a password is missing. The message does not contain the text.
    """
    pairs = [(name, password) for name, _, password in (text.partition(":") for text in auth)]
    for number, pair in enumerate(pairs, 1):
        if not all(pair):
            raise ValueError(f"--auth: expected NAME:PASSWORD, got something else as login {number}; write both parts")
    return pairs or None


class AllowedHosts:
    """Middleware that answers with status 403 if the Host or Origin header of a request has another name.

    Args:
        app: The application behind this middleware.
        names: The allowed host names, in lower case. Names that are added later are allowed, too.

    Attributes:
        app: As above.
        names: As above.
    """

    def __init__(self, app: ASGIApp, names: set[str]) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on to the application (ASGI interface)."""
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            host, origins = headers.get("host", ""), headers.getlist("origin")
            if not all(_host_name(url) in self.names for url in (f"//{host}", *origins)):
                await PlainTextResponse(REFUSED, 403)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _host_name(url: str) -> str | None:
    """Return the host name of a URL in lower case, or None if it has none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
