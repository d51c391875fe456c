"""The web application: people sign in with the company's provider and see their parcels."""

import json
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl

from parcel_desk import store
from parcel_desk.sign_in import Provider, RefusedError

OPERATIONS = ["GET /sign-in", "GET /sign-in/done", "POST /sign-out", "GET /me", "GET /parcels/{parcel}"]
COOKIE = "__Host-desk"
FLAGS = "; Path=/; Secure; HttpOnly; SameSite=Lax"


class Desk:
    """The WSGI application."""

    def __init__(self, database, issuer, ca_file):
        self.database = database
        self.provider = Provider(issuer, ca_file)
        self.waiting = {}
        self.public = {
            ("GET", "/sign-in"): self.begin,
            ("GET", "/sign-in/done"): self.done,
            ("POST", "/sign-out"): self.sign_out,
        }

    def __call__(self, environ, start_response):
        status, content, headers = self.answer(Request(environ))
        start_response(f"{status} .", [("Content-Type", "application/json"), *headers])
        return [json.dumps(content).encode()]

    def answer(self, request):
        handler = self.public.get((request.method, request.path))
        if handler:
            return handler(request)
        if request.method != "GET":
            return 405, {"error": "nothing is changed here"}, []
        sender = store.sender_of(self.database, request.cookie(COOKIE))
        if sender is None:
            return 401, {"error": "sign in first"}, []
        if request.path == "/me":
            return 200, {"sender": sender}, []
        # A hole, on purpose: whoever is signed in sees everybody's parcels.
        return self.parcel(request.path.removeprefix("/parcels/"))

    def begin(self, request):
        try:
            address, pending = self.provider.begin(f"{request.site}/sign-in/done")
        except RefusedError:
            return 400, {"error": "the provider cannot be trusted now"}, []
        self.waiting[pending["state"]] = pending
        return 302, {}, [("Location", address), ("Set-Cookie", f"{COOKIE}-state={pending['state']}{FLAGS}")]

    def done(self, request):
        pending = self.waiting.pop(request.cookie(f"{COOKIE}-state"), None)
        if pending is None:
            return 400, {"error": "nobody is signing in here"}, []
        try:
            sender = self.provider.finish(request.query, pending)
        except (RefusedError, KeyError, ValueError, TypeError):
            return 400, {"error": "the provider's answer is refused"}, []
        session = store.open_session(self.database, sender)
        return 302, {}, [("Location", "/me"), ("Set-Cookie", f"{COOKIE}={session}{FLAGS}")]

    def sign_out(self, request):
        store.end_session(self.database, request.cookie(COOKIE))
        return 200, {}, [("Set-Cookie", f"{COOKIE}=; Max-Age=0{FLAGS}")]

    def parcel(self, number):
        found = store.parcel(self.database, number)
        if found is None:
            return 404, {"error": "no such parcel"}, []
        sender, address, cents = found
        return 200, {"sender": sender, "address": address, "cents": cents}, []


class Request:
    """What the application needs to know of one request."""

    def __init__(self, environ):
        self.method, self.path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        self.query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        self.site = f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}"
        self.cookies = SimpleCookie(environ.get("HTTP_COOKIE", ""))

    def cookie(self, name):
        return self.cookies[name].value if name in self.cookies else ""
