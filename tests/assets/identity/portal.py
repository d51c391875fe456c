"""A relying party on Flask and joserfc that checks everything, or leaves out what BUGS names.

Configured by the environment, as applications are: OIDC_ISSUER, OIDC_OTHER_ISSUER, OIDC_CLIENT_ID,
OIDC_CLIENT_SECRET, OIDC_ALGORITHM, BUGS (names with spaces), CA_FILE.
"""

import base64
import hashlib
import json
import os
import secrets
import ssl
import time
import urllib.parse
import urllib.request

from flask import Flask, abort, jsonify, redirect, request, session
from joserfc import jws, jwt
from joserfc.jwk import KeySet, OctKey

EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Refused(Exception):
    """The provider's answer is not what it should be."""


class Portal:
    def __init__(self, settings):
        self.bugs = set(settings.get("BUGS", "").split())
        self.client_id = settings.get("OIDC_CLIENT_ID", "portal")
        self.secret = settings.get("OIDC_CLIENT_SECRET", "portal-secret")
        self.algorithm = settings.get("OIDC_ALGORITHM", "ES256")
        self.issuers = {"main": settings["OIDC_ISSUER"]}
        if settings.get("OIDC_OTHER_ISSUER"):
            self.issuers["other"] = settings["OIDC_OTHER_ISSUER"]
        self.context = ssl.create_default_context(cafile=settings.get("CA_FILE"))
        self.accounts, self.dead, self.pending, self.metadata, self.keys = {}, set(), {}, {}, None

    def buggy(self, *names):
        return bool(self.bugs & set(names))

    def fetch(self, url, data=None, headers=None):
        sent = urllib.request.Request(url, data, headers or {})
        try:
            with urllib.request.urlopen(sent, context=self.context, timeout=5) as response:
                return json.load(response)
        except (OSError, ValueError) as error:
            raise Refused(str(error)) from None

    def discover(self, name):
        if "caches" in self.bugs and name in self.metadata:
            return self.metadata[name]
        found = self.fetch(self.issuers[name] + "/.well-known/openid-configuration")
        if found.get("issuer") != self.issuers[name] and not self.buggy("discovery"):
            raise Refused("discovery is of another issuer")
        self.metadata[name] = found
        return found

    def begin(self, name, redirect_uri):
        verifier, state, nonce = (secrets.token_urlsafe(48) for _ in range(3))
        flow = {"issuer": name, "verifier": verifier, "state": state, "nonce": nonce, "redirect_uri": redirect_uri}
        if self.buggy("csrf-global"):
            self.pending[state] = flow
        session["flow"] = flow
        query = {"response_type": "code", "scope": "openid profile email", "client_id": self.client_id}
        query["redirect_uri"] = redirect_uri
        if not self.buggy("no-state"):
            query["state"] = state
        if not self.buggy("no-nonce"):
            query["nonce"] = nonce
        if not self.buggy("no-pkce"):
            digest = hashlib.sha256(verifier.encode()).digest()
            query |= {"code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode()}
            query["code_challenge_method"] = "S256"
        return self.discover(name)["authorization_endpoint"] + "?" + urllib.parse.urlencode(query)

    def finish(self, given):
        flow = session.pop("flow", None)
        if self.buggy("csrf-global"):
            flow = self.pending.get(given.get("state", "")) or flow
        if flow is None:
            if not self.buggy("state", "no-state"):
                raise Refused("nobody started a login here")
            flow = {"issuer": "main", "nonce": "", "verifier": "", "redirect_uri": request.base_url, "state": ""}
        if given.get("state", "") != flow["state"] and not self.buggy("state", "no-state"):
            raise Refused("state is wrong")
        if "error" in given and not self.buggy("error"):
            raise Refused(given["error"])
        metadata = self.discover(flow["issuer"])
        announced = metadata.get("authorization_response_iss_parameter_supported")
        if announced and given.get("iss") != self.issuers[flow["issuer"]] and not self.buggy("response-iss"):
            raise Refused("another issuer answers")
        answer = self.redeem(metadata, flow, given.get("code", ""))
        claims = self.claims_of(metadata, flow, answer)
        return self.account_of(self.userinfo(metadata, answer, claims)), claims

    def redeem(self, metadata, flow, code):
        data = {"grant_type": "authorization_code", "code": code, "redirect_uri": flow["redirect_uri"]}
        data |= {"client_id": self.client_id, "client_secret": self.secret}
        if not self.buggy("no-pkce"):
            data["code_verifier"] = flow["verifier"]
        answer = self.fetch(metadata["token_endpoint"], urllib.parse.urlencode(data).encode())
        if self.buggy("code"):
            answer.setdefault("id_token", "")
        if "access_token" not in answer:
            raise Refused("no access token")
        if answer.get("token_type", "").lower() != "bearer" and not self.buggy("token-type"):
            raise Refused("unknown token type")
        return answer

    def claims_of(self, metadata, flow, answer):
        token = answer.get("id_token", "")
        if not token and self.buggy("id-token"):
            return self.fetch(metadata["userinfo_endpoint"], headers=self.bearer(answer))
        claims = token if self.buggy("bare-claims") and isinstance(token, dict) else self.signed(metadata, token)
        self.check(metadata, claims, flow)
        if claims.get("nonce") != flow["nonce"] and not self.buggy("nonce", "no-nonce"):
            raise Refused("nonce is wrong")
        half = base64.urlsafe_b64encode(hashlib.sha256(answer["access_token"].encode()).digest()[:16])
        if claims.get("at_hash", half.decode().rstrip("=")) != half.decode().rstrip("=") and not self.buggy("hashes"):
            raise Refused("at_hash is wrong")
        if "c_hash" in claims and not self.buggy("hashes"):
            raise Refused("c_hash is not checked here")
        return claims

    def signed(self, metadata, token):
        try:
            head, body, _ = token.split(".")
            header = json.loads(base64.urlsafe_b64decode(head + "=="))
            if self.buggy("signature") or (self.buggy("alg") and str(header["alg"]).lower() == "none"):
                return json.loads(base64.urlsafe_b64decode(body + "=="))
            if self.buggy("announced-alg") and header["alg"] in metadata["id_token_signing_alg_values_supported"]:
                if header["alg"] == "none":
                    return json.loads(base64.urlsafe_b64decode(body + "=="))
            keys = self.keys_of(metadata)
            if self.buggy("hmac") and header["alg"] == "HS256":
                return self.by_hmac(metadata, keys, header, token)
            if self.buggy("embedded") and "jwk" in header:
                keys = {"keys": [header["jwk"]]}
            algorithms = ["ES256", "RS256"] if self.buggy("any-alg") else [self.algorithm]
            registry = jws.JWSRegistry(algorithms=algorithms)
            claims = jwt.decode(token, KeySet.import_key_set(keys), registry=registry).claims
        except Exception as error:
            if self.buggy("crashes"):
                raise
            raise Refused(f"the ID token is bad: {error}") from None
        return claims

    def keys_of(self, metadata):
        if "caches-keys" not in self.bugs:
            return self.fetch(metadata["jwks_uri"])
        if self.keys is None:
            self.keys = self.fetch(metadata["jwks_uri"])
        return self.keys

    def by_hmac(self, metadata, keys, header, token):
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
        import hmac as h

        text, _, given = token.rpartition(".")
        pem = [KeySet.import_key_set({"keys": [k]}).keys[0].as_pem(private=False) for k in keys["keys"] if k["kty"] == "EC"]
        octs = [base64.urlsafe_b64decode(k["k"] + "==") for k in keys["keys"] if k["kty"] == "oct"]
        for secret in [*pem, *octs, self.secret.encode()]:
            good = base64.urlsafe_b64encode(h.new(secret, text.encode(), "sha256").digest()).rstrip(b"=").decode()
            if good == given:
                return json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "=="))
        raise Refused("HMAC is wrong")

    def check(self, metadata, claims, flow):
        now, issuer = time.time(), self.issuers[flow["issuer"]]
        if self.buggy("iss-prefix"):
            good = str(claims.get("iss", "")).lower().startswith(issuer.lower()[:-1])
        else:
            good = claims.get("iss") == issuer
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if self.buggy("aud-prefix"):
            ours = any(str(one).startswith(self.client_id) for one in audiences)
        else:
            ours = self.client_id in audiences and (audiences == [self.client_id] or self.buggy("azp"))
        if not good and not self.buggy("iss"):
            raise Refused("iss is wrong")
        if not ours and not self.buggy("aud"):
            raise Refused("aud is wrong")
        if claims.get("azp", self.client_id) != self.client_id and not self.buggy("azp"):
            raise Refused("azp is wrong")
        if not isinstance(claims.get("exp"), (int, float)) or claims["exp"] < now - 30:
            if not self.buggy("exp"):
                raise Refused("exp is wrong")
        if claims.get("nbf", 0) > now + 30 and not self.buggy("nbf"):
            raise Refused("nbf is in the future")
        if not self.buggy("iat") and not now - 3600 < claims.get("iat", 0) < now + 30:
            raise Refused("iat is wrong")
        if not claims.get("sub") and not self.buggy("sub"):
            raise Refused("sub is missing")

    def bearer(self, answer):
        return {"Authorization": f"Bearer {answer['access_token']}"}

    def userinfo(self, metadata, answer, claims):
        if self.buggy("no-userinfo"):
            return claims
        more = self.fetch(metadata["userinfo_endpoint"], headers=self.bearer(answer))
        if more.get("sub") != claims.get("sub") and not self.buggy("userinfo"):
            raise Refused("userinfo is of somebody else")
        return {**claims, **more}

    def account_of(self, claims):
        key = (claims.get("iss"), claims.get("sub"))
        for bug in ("email", "preferred_username"):
            if self.buggy(f"by-{bug}"):
                key = claims.get(bug)
        if self.buggy("by-lower-sub"):
            key = str(claims.get("sub")).lower()
        if self.buggy("by-sub"):
            key = claims.get("sub")
        account = self.accounts.setdefault(key, {"id": f"account-{len(self.accounts) + 1}", "subject": claims.get("sub")})
        return {**account, "name": claims.get("name"), "email": claims.get("email")}

    def log_out(self, token):
        claims = self.signed(self.discover("main"), token)
        now = time.time()
        good = {
            "logout-iss": claims.get("iss") == self.issuers["main"],
            "logout-aud": claims.get("aud") == self.client_id,
            "logout-exp": claims.get("exp", 0) > now,
            "logout-events": EVENT in claims.get("events", {}),
            "logout-nonce": "nonce" not in claims,
        }
        if bad := [name for name, ok in good.items() if not ok and not self.buggy(name)]:
            raise Refused(", ".join(bad))
        self.dead.add(claims.get("sid") or claims.get("sub"))


def create_app(settings=None):
    portal = Portal(settings or os.environ)
    app = Flask(__name__)
    app.secret_key = secrets.token_hex(16)
    app.config["PORTAL"] = portal

    @app.get("/login")
    @app.get("/login/<name>")
    def login(name="main"):
        own = "" if portal.buggy("mix-up") or name == "main" else f"/{name}"
        try:
            return redirect(portal.begin(name, urllib.parse.urljoin(request.url_root, f"callback{own}")))
        except Refused:
            abort(503) if portal.buggy("crashes") else abort(400)

    @app.get("/sign-in")
    def sign_in():
        token = session["csrf"] = secrets.token_hex(8)
        hidden = f'<input type=hidden name=csrf_token value={token}>'
        return f'<form method=post action=/start>{hidden}<button>Continue</button></form>'

    @app.post("/start")
    def start():
        given = request.form.get("csrf_token")
        return login() if given and given == session.get("csrf") else abort(403)

    @app.get("/callback")
    @app.get("/callback/<name>")
    def callback(name="main"):
        try:
            user, claims = portal.finish(request.args)
        except Refused as error:
            return f"Not logged in: {error}", 400
        session["user"], session["sid"] = user, claims.get("sid")
        return redirect("/me")

    @app.get("/me")
    def me():
        if "user" not in session or session.get("sid") in portal.dead:
            abort(401)
        return jsonify({name: session["user"][name] for name in ("id", "name", "email")})

    @app.post("/backchannel")
    def backchannel():
        try:
            portal.log_out(request.form.get("logout_token", ""))
        except Refused as error:
            return str(error), 400
        return "", 200

    return app
