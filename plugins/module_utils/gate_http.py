"""The gate's HTTP probe: one request over a release's socket, judged as a visitor would see it."""

from __future__ import annotations

import http.client
import json

from ansible_collections.asgiway.django.plugins.module_utils import unix_http
from ansible_collections.asgiway.django.plugins.module_utils.gate_checks import Outcome, Site


def get_once(path: str, site: Site, timeout: float) -> Outcome:
    """GET the health path (or /) once over the socket at path and judge the answer."""
    headers = {"Host": site.host, "User-Agent": "asgiway-gate", "Accept": "*/*", **site.headers()}
    try:
        answer = unix_http.get(path, site.health_path or "/", headers, timeout)
    except unix_http.NotYet as error:
        return Outcome("wait", str(error))
    except TimeoutError:
        return Outcome("error", f"no answer within {timeout:.0f} s", "The application hangs on this request.")
    except (OSError, http.client.HTTPException) as error:
        return Outcome("error", f"the connection broke: {type(error).__name__} {error}".rstrip())
    return judge(answer, site)


def judge(answer: unix_http.Answer, site: Site) -> Outcome:
    """Say whether an answer is good: 2xx and the right release, or below 500 on a site without health path."""
    status = answer.status
    came = f"status {status}" + (f": {answer.text()}" if answer.body else "")
    if status == 400:
        hint = f"Host '{site.host}' was sent: a 400 usually means that it is not in the project's ALLOWED_HOSTS."
        return Outcome("final", came, hint)
    if status >= 500:
        return Outcome("error", came)
    if not site.health_path:
        return Outcome("good", f"status {status}")
    if 300 <= status < 400:
        location = answer.headers.get("location", "")
        hint = "A health path must answer by itself."
        if location.startswith("https://") and site.scheme == "http":
            hint = (
                "A redirect to https usually means SECURE_SSL_REDIRECT: X-Forwarded-Proto: http was sent, since this "
                "site has no TLS."
            )
        elif location.startswith("https://"):
            hint = (
                "X-Forwarded-Proto: https was sent, yet the application redirects to https (SECURE_SSL_REDIRECT): "
                "set SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https')."
            )
        return Outcome("final", f"status {status}, Location: {location}", hint)
    if status >= 400:
        kind = "error" if status in (408, 425, 429) else "final"
        return Outcome(kind, came, f"The health path is '{site.health_path}'." if status == 404 else "")
    found = _release_of(answer)
    if site.release and found is not None and found != site.release:
        return Outcome(
            "final", f"release '{found}' answered, not '{site.release}'", "Another release owns this socket."
        )
    return Outcome("good", f"status {status}" + (f", release {found}" if found else ""))


def _release_of(answer: unix_http.Answer) -> str | None:
    """Return the "release" value of a JSON answer, None when there is none."""
    try:
        data = json.loads(answer.body)
    except ValueError:
        return None
    value = data.get("release") if isinstance(data, dict) else None
    return None if value is None else str(value)
