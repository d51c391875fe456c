"""Authlib's Flask client, as its documentation shows it; a login that fails is an answer of its own."""

import os
import secrets
from urllib.parse import urlencode

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import Flask, abort, jsonify, redirect, request, session, url_for
from joserfc.errors import JoseError
from requests import RequestException

app = Flask(__name__)
app.secret_key = secrets.token_hex(16)
oauth = OAuth(app)
idp = oauth.register(
    "idp",
    client_id="portal",
    client_secret="portal-secret",
    server_metadata_url=os.environ["OIDC_ISSUER"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)


@app.get("/login")
def login():
    return idp.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback():
    try:
        token = idp.authorize_access_token()
        claims = token["userinfo"]
        more = idp.userinfo(token=token)
    except (AuthlibBaseError, JoseError, RequestException, KeyError, ValueError) as error:
        return f"Not logged in: {error!r}", 400
    if more.get("sub") != claims["sub"]:
        return "Not logged in: userinfo is of somebody else", 400
    session.clear()
    session["user"] = dict(more, iss=claims["iss"], sid=claims.get("sid"))
    session["tokens"] = {name: token[name] for name in ("refresh_token", "id_token")}
    return redirect("/me")


@app.get("/me")
def me():
    if "user" not in session:
        abort(401)
    return jsonify(session["user"])


@app.get("/refresh")
def refresh():
    token = idp.fetch_access_token(grant_type="refresh_token", refresh_token=session["tokens"]["refresh_token"])
    session["tokens"] |= {"refresh_token": token["refresh_token"]}
    return jsonify(idp.userinfo(token=token))


@app.get("/logout")
def logout():
    hint = session["tokens"]["id_token"]
    session.clear()
    end = idp.load_server_metadata()["end_session_endpoint"]
    return redirect(end + "?" + urlencode({"id_token_hint": hint, "post_logout_redirect_uri": request.url_root}))


@app.get("/")
def home():
    return "Welcome"
