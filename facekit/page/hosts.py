"""The names under which browsers may open the page. Other sites must not reach a page that runs on this machine.

A site can let its own name point to 127.0.0.1 (DNS rebinding). The browser then sends requests of that site here, and
only their Host header shows it. Requests that another site's script sends directly carry that site as their Origin.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::")  # to listen on, no name of a machine
REFUSED = (
    "expected one of the names under which this page may be opened, got another; open http://localhost with the port "
    "that the page printed, or start it with `facekit demo --host NAME`"
)


def known_names(*names: str) -> set[str]:
    """Collect the host names that the page answers to.

    Args:
        names: What the user named, for instance "my-pc.local" or "192.168.1.5".

    Returns:
        These names in lower case, and those of this machine itself.
    """
    return {*LOOPBACK, *(name.lower().strip("[]") for name in names if name not in EVERYWHERE)}


class KnownHosts:
    """Middleware that answers with 403 where the Host or the Origin of a request is not a known name."""

    def __init__(self, app: ASGIApp, names: set[str]) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            host, origins = headers.get("host", ""), headers.getlist("origin")
            if not all(_name(url) in self.names for url in (f"//{host}", *origins)):
                await PlainTextResponse(REFUSED, 403)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _name(url: str) -> str | None:
    """The host name in a URL, None where there is none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
