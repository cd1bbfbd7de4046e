"""What a visitor sends must not change what Django believes, nor reach what is not the site's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from live_site import WS_LIMIT, Site

ADDRESS, HOST = "6.6.6.6", "evil.example"
PATHS = ["/whoami/", "/events/whoami/"]
FORGED = {
    "X-Forwarded-For": ADDRESS,
    "X-Real-IP": ADDRESS,
    "True-Client-IP": ADDRESS,
    "Forwarded": f"for={ADDRESS};proto=https;host={HOST}",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Protocol": "ssl",
    "X-Forwarded-Scheme": "https",
    "X-Forwarded-Ssl": "on",
    "X-Url-Scheme": "https",
    "Front-End-Https": "on",
    "X-Forwarded-Host": HOST,
    "X-Forwarded-Server": HOST,
    "X-Forwarded-Port": "6666",
    "X-Forwarded-Prefix": "/evil",
    "X-Script-Name": "/evil",
    "Script-Name": "/evil",
    "Daphne-Root-Path": "/evil",
    "X-Original-URL": "/evil",
    "X-Rewrite-URL": "/evil",
    "X_Forwarded_For": ADDRESS,
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": HOST,
    "SCRIPT_NAME": "/evil",
    "REMOTE_ADDR": ADDRESS,
    # a header that is named here would be taken away by a proxy that believes the visitor
    "Connection": "close, X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port",
}
EVERYTHING = "all of them"
STATIC_TRICKS = [
    "/static/../manage.py",
    "/static/%2e%2e/manage.py",
    "/static/..%2fmanage.py",
    "/static/%2e%2e%2fmanage.py",
    "/static/..%5cmanage.py",
    "/static../manage.py",
    "/static..%2fmanage.py",
    "/static/./../manage.py",
    "/static//etc/passwd",
    "/static/%2fetc/passwd",
    "/static/....//manage.py",
    "/static/x.0123456789ab./../../manage.py",
    "/static/\x00/manage.py",
    "/static/%00/manage.py",
    "//static/../../etc/passwd",
]

pytestmark = pytest.mark.behind_nginx


def forged(name: str) -> dict[str, str]:
    return FORGED if name == EVERYTHING else {name: FORGED[name]}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", [*FORGED, EVERYTHING])
def test_no_header_changes_what_django_sees(site: Site, path: str, name: str) -> None:
    assert site.json(path, headers=forged(name)) == site.json(path)


@pytest.mark.needs_websockets
@pytest.mark.parametrize("name", [*(name for name in FORGED if name != "Connection"), EVERYTHING])
def test_no_header_changes_what_a_websocket_sees(site: Site, name: str) -> None:
    def seen(**options: Any) -> dict[str, Any]:
        with site.websocket("/ws/whoami/", **options) as socket:
            answer: dict[str, Any] = json.loads(socket.recv(timeout=WS_LIMIT))
        return answer

    honest = seen()
    assert honest["remote_addr"] == honest["forwarded_for"] == site.json("/whoami/")["remote_addr"]
    assert honest["forwarded_proto"] == site.url.partition(":")[0]
    headers = {key: value for key, value in forged(name).items() if key != "Connection"}
    assert seen(additional_headers=headers) == honest


@pytest.mark.parametrize("path", PATHS)
def test_h2c_is_never_offered_to_an_engine(site: Site, path: str) -> None:
    status, answer = site.raw(
        f"GET {path} HTTP/1.1\r\nHost: {{host}}\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"
    )
    assert status == 200, answer
    assert '"url"' in answer


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /whoami/ HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n",
        "GET /whoami/ HTTP/1.1\r\nHost: evil.example\r\nHost: {host}\r\n\r\n",
        "GET /whoami/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        "GET http://evil.example/whoami/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        "GET /whoami/ HTTP/1.1\r\nConnection: close\r\n\r\n",
        "POST /whoami/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /whoami/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        "POST /whoami/ HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: xchunked\r\nConnection: close\r\n\r\n",
        "TRACE /whoami/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        "CONNECT evil.example:443 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
    ],
)
def test_a_request_that_could_be_read_in_two_ways_is_refused(site: Site, request_text: str) -> None:
    status, answer = site.raw(request_text)
    assert status == 0 or 400 <= status < 600, answer
    assert '"url"' not in answer


@pytest.mark.parametrize(
    ("target", "host"), [("SCHEME://{host}", HOST), ("", f"{{host}}@{HOST}"), ("", f"{{host}}/{HOST}")]
)
def test_the_name_that_chose_the_site_is_the_one_that_django_sees(site: Site, target: str, host: str) -> None:
    target = target.replace("SCHEME", site.url.partition(":")[0])
    status, answer = site.raw(f"GET {target}/whoami/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    assert status in (0, 200, 400), answer
    assert HOST not in answer


@pytest.mark.parametrize("path", STATIC_TRICKS)
def test_no_path_leads_out_of_the_static_files(site: Site, path: str) -> None:
    status, answer = site.raw(f"GET {path} HTTP/1.1\r\nHost: {{host}}\r\nConnection: close\r\n\r\n")
    assert status in (400, 403, 404), answer
    for inside in ("DJANGO_SETTINGS_MODULE", "root:x:"):
        assert inside not in answer
