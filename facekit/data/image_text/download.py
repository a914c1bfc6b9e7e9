"""Download of one file from the web, with limits on time, size and retries. Every failure is an OSError."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from typing import Any

AGENT = "facekit (images with texts for research)"
# Directives of sites that do not allow training on their images. img2dataset respects the same ones.
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
    """Download the file at an http or https address.

    A timeout, a broken connection and an error of the server (5xx, or 429) are tried again.

    Args:
        url: The address.
        timeout: Most seconds without data.
        whole_time: Most seconds of one attempt in total.
        retries: Number of further attempts.
        limit: Most bytes.
        wait: Seconds before the second attempt. The wait doubles with each attempt.

    Returns:
        The content.

    Raises:
        OSError: If the file cannot be downloaded, the address or a redirect is not http or https, or the site's
            X-Robots-Tag forbids it. The text gives the reason.
    """
    for attempt in range(retries + 1):
        try:
            return _download(url, timeout, whole_time, limit)
        except urllib.error.HTTPError as error:
            if (error.code < 500 and error.code != 429) or attempt == retries:
                raise OSError(f"the server answers {error.code} {error.reason}") from error
        except _FinalError:
            raise
        except (OSError, http.client.HTTPException) as error:
            if attempt == retries:
                raise OSError(f"{getattr(error, 'reason', None) or error or type(error).__name__}") from error
        except ValueError as error:
            raise OSError(f"expected an http or https address, got no address ({error})") from error
        time.sleep(wait * 2**attempt)
    raise AssertionError


class _FinalError(OSError):
    """A failure that another attempt would not change."""


class _WebRedirects(urllib.request.HTTPRedirectHandler):
    """Handler that follows redirects to http and https only. Others could name files and services of this machine."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_scheme(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener of http and https addresses only. It uses the user's proxies."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        _WebRedirects(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _check_scheme(url: str) -> None:
    """Raise _FinalError unless the address is http or https."""
    scheme = url.partition(":")[0].lower()
    if scheme not in ("http", "https"):
        raise _FinalError(f"expected http or https, got an address that begins with {scheme[:20]!r}")


def _download(url: str, timeout: float, whole_time: float, limit: int) -> bytes:
    """Download a file in one attempt."""
    _check_scheme(url)
    request = urllib.request.Request(url, headers={"User-Agent": AGENT})
    deadline = time.monotonic() + whole_time
    with _opener().open(request, timeout=timeout) as response:
        tags = ",".join(response.headers.get_all("X-Robots-Tag") or [])
        refusals = REFUSALS.intersection(tag.split(":")[-1].strip().lower() for tag in tags.split(","))
        if refusals:
            raise _FinalError(f"the site's X-Robots-Tag forbids it ({', '.join(sorted(refusals))})")
        parts, size = [], 0
        while chunk := response.read(_CHUNK):
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                raise _FinalError(f"larger than {limit} bytes")
            if time.monotonic() > deadline:
                raise _FinalError(f"not complete after {whole_time:g} seconds")
        length = response.headers.get("Content-Length")
    if length is not None and length.isdigit() and size < int(length):
        raise OSError(f"expected {length} bytes, got {size}")
    return b"".join(parts)
