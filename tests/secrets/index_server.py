"""A private index of packages (PEP 503) with one package, greetings; run on a host: python3 FILE PORT VERSION DIGEST.

DIGEST is the sha256 of the one Authorization header that it accepts, so that the password is not on the host.
"""

from __future__ import annotations

import hashlib
import http.server
import io
import sys
import zipfile

PORT, VERSION, DIGEST = int(sys.argv[1]), sys.argv[2], sys.argv[3]
INFO = f"greetings-{VERSION}.dist-info"
FILES = {
    "greetings.py": f"TEXT = 'from the private index, {VERSION}'\n",
    f"{INFO}/METADATA": f"Metadata-Version: 2.1\nName: greetings\nVersion: {VERSION}\n",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{INFO}/RECORD": f"greetings.py,,\n{INFO}/METADATA,,\n{INFO}/WHEEL,,\n{INFO}/RECORD,,\n",
}
NAME = f"greetings-{VERSION}-py3-none-any.whl"


def wheel() -> bytes:
    """Make the package; its bytes are always the same, as a lock holds their hash."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in FILES.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return packed.getvalue()


class Index(http.server.BaseHTTPRequestHandler):
    """Answers who has the password."""

    def do_GET(self) -> None:
        """Give the page of the package, or its file."""
        self.wfile.write(self.answer())

    def do_HEAD(self) -> None:
        """Say how long it is."""
        self.answer()

    def answer(self) -> bytes:
        """Send the head, and return the body."""
        said = self.headers.get("Authorization", "")
        package, status = wheel(), 200
        page = f'<a href="/{NAME}#sha256={hashlib.sha256(package).hexdigest()}">{NAME}</a>'.encode()
        body = {"/simple/greetings/": page, f"/{NAME}": package}.get(self.path, b"")
        if hashlib.sha256(said.encode()).hexdigest() != DIGEST:
            status, body = 401, b""
        elif not body:
            status = 404
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.send_header("Content-Type", "text/html" if body == page else "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("0.0.0.0", PORT), Index).serve_forever()
