"""A small real HTTP server on a Unix socket, answering what a test tells it to."""

import json
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/healthz" and ("GET", self.path) not in self.server.answers:
            self._send(200, "application/json", b"{}")  # nothing that a test would count
            return
        self.server.asked.append(self.path)
        self._answer()

    def _change(self):
        length = int(self.headers.get("Content-Length") or 0)
        content = self.rfile.read(length)
        if self.headers.get("Content-Type") == "text/csv":
            body = content.decode()
        else:
            body = json.loads(content) if content else None
        self.server.keys.append(self.headers.get("Idempotency-Key"))
        self.server.changes.append((self.command, self.path, body, self.headers.get("If-Match")))
        self._answer()

    do_POST = do_PATCH = do_DELETE = _change  # noqa: N815  the names that http.server calls

    def _answer(self):
        status, content_type, body = self.server.answers.get(
            (self.command, self.path),
            (404, "application/problem+json", problem(404, "NotFound", "not here")),
        )
        if status is None:
            return  # goes away without a word
        self._send(status, content_type, body)

    def _send(self, status, content_type, body):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if self.server.keeps_keys:
            self.send_header("Evenrack-Keeps-Keys", "all")
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "local"  # the peer of a Unix socket has no address to print

    def log_message(self, *words):
        pass


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    block_on_close = True

    def handle_error(self, request, client_address):
        pass  # a client that went away


class SmallApi:
    """The server's socket, what it was asked, and what it is to answer."""

    def __init__(self, path: Path):
        self.path = path
        self._server = _Server(str(path), _Answers)
        self._server.answers = {}
        self._server.asked = []
        self._server.keeps_keys = True
        self._server.changes = []
        self._server.keys = []

    @property
    def asked(self):
        return self._server.asked

    @property
    def changes(self):
        """What was to be changed: (method, path, body, If-Match)."""
        return self._server.changes

    @property
    def keys(self):
        """The keys that came with the changes."""
        return self._server.keys

    def is_of_the_version_before(self):
        """Keep keys of orders only, and say nothing of keys."""
        self._server.keeps_keys = False

    def answer(self, path, value, *, method="GET", status=200, content_type="application/json"):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self._server.answers[method, path] = (status, content_type, body)

    def refuse(self, path, status, code, detail, *, method="GET", **more):
        body = problem(status, code, detail, **more)
        kind = "application/problem+json"
        self.answer(path, body, method=method, status=status, content_type=kind)

    def say_nothing(self, path, *, method):
        """Close the connection instead of answering."""
        self.answer(path, b"", method=method, status=None)


def problem(status, code, detail, **more):
    said = {"type": "about:blank", "title": code, "status": status, "detail": detail}
    return json.dumps({**said, "code": code, **more}).encode()


@contextmanager
def small_api(path: Path):
    api = SmallApi(path)
    thread = threading.Thread(target=api._server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield api
    finally:
        api._server.shutdown()
        thread.join()
        api._server.server_close()
