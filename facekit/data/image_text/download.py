"""Fetching one file from the web: small, patient within limits, never fatal."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from typing import Any

AGENT = "facekit (images with texts for research)"
# What sites write who do not want their images to train models, and what img2dataset heeds too.
REFUSALS = frozenset(("noai", "noimageai", "noindex", "noimageindex"))
_CHUNK = 1 << 16


def fetch(
    url: str,
    timeout: float = 10.0,
    whole_time: float = 60.0,
    retries: int = 2,
    limit: int = 20_000_000,
    wait: float = 1.0,
) -> bytes:
    """The bytes behind an http or https address.

    timeout: seconds of silence; whole_time: seconds in all, of one try. retries: how often it is tried again after a
    silence, a broken connection or a server's error, waiting `wait`, 2 `wait`, ... seconds. limit: bytes.
    Raises OSError that says why; also for another kind of address, itself or by a redirect, and where the site's
    X-Robots-Tag forbids it.
    """
    for attempt in range(retries + 1):
        try:
            return _once(url, timeout, whole_time, limit)
        except urllib.error.HTTPError as error:
            if (error.code < 500 and error.code != 429) or attempt == retries:
                raise OSError(f"the server answers {error.code} {error.reason}") from error
        except _Refused:
            raise
        except (OSError, http.client.HTTPException) as error:
            if attempt == retries:
                raise OSError(f"{getattr(error, 'reason', None) or error or type(error).__name__}") from error
        except ValueError as error:
            raise OSError(f"not an address ({error})") from error
        time.sleep(wait * 2**attempt)
    raise AssertionError


class _Refused(OSError):
    """Trying again would change nothing."""


class _SameWeb(urllib.request.HTTPRedirectHandler):
    """Follow redirects to http and https only: others could name files and services of this machine."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_scheme(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """An opener that can do nothing but http and https, through the user's proxies."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(), _SameWeb(),
        urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor(), urllib.request.UnknownHandler(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener


def _check_scheme(url: str) -> None:
    scheme = url.partition(":")[0].lower()
    if scheme not in ("http", "https"):
        raise _Refused(f"an address that begins with {scheme[:20]!r} came, expected http or https")


def _once(url: str, timeout: float, whole_time: float, limit: int) -> bytes:
    _check_scheme(url)
    request = urllib.request.Request(url, headers={"User-Agent": AGENT})
    deadline = time.monotonic() + whole_time
    with _opener().open(request, timeout=timeout) as answer:
        tags = ",".join(answer.headers.get_all("X-Robots-Tag") or [])
        refused = REFUSALS.intersection(tag.split(":")[-1].strip().lower() for tag in tags.split(","))
        if refused:
            raise _Refused(f"the site does not want it ({', '.join(sorted(refused))})")
        parts, size = [], 0
        while chunk := answer.read(_CHUNK):
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                raise _Refused(f"larger than {limit} bytes")
            if time.monotonic() > deadline:
                raise _Refused(f"not there after {whole_time:g} seconds")
        wanted = answer.headers.get("Content-Length")
    if wanted is not None and wanted.isdigit() and size < int(wanted):
        raise OSError(f"{size} of {wanted} bytes came")
    return b"".join(parts)
