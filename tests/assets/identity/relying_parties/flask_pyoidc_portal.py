"""Flask-pyoidc, on pyoidc (oic)."""

import os
import secrets

from flask import Flask, abort, jsonify
from flask import session as flask_session
from flask_pyoidc import OIDCAuthentication
from flask_pyoidc.provider_configuration import ClientMetadata, ProviderConfiguration
from flask_pyoidc.user_session import UserSession
from werkzeug.exceptions import HTTPException

app = Flask(__name__)
app.secret_key = secrets.token_hex(16)
app.config["OIDC_REDIRECT_URI"] = f"http://127.0.0.1:{os.environ['PORT']}/callback"
configuration = ProviderConfiguration(
    issuer=os.environ["OIDC_ISSUER"],
    client_metadata=ClientMetadata("portal", "portal-secret", post_logout_redirect_uris=[f"http://127.0.0.1:{os.environ['PORT']}/"]),
    auth_request_params={"scope": ["openid", "profile", "email"]},
)
auth = OIDCAuthentication({"idp": configuration}, app)


@auth.error_view
def error(error=None, error_description=None):
    return f"Not logged in: {error} {error_description}", 400


@app.errorhandler(Exception)  # of pyoidc, pyjwkest, requests; and KeyError, where something is missing
def failed(error):
    if isinstance(error, HTTPException):
        return error
    return f"Not logged in: {error!r}", 400


@app.get("/refresh")
def refresh():
    auth.valid_access_token(force_refresh=True)
    return jsonify(auth.clients["idp"].userinfo_request(UserSession(flask_session).access_token).to_dict())


@app.get("/login")
@auth.oidc_auth("idp")
def login():
    return "You are logged in"


@app.get("/me")
def me():
    user = UserSession(flask_session)
    if not user.is_authenticated():
        abort(401)
    return jsonify({**(user.id_token or {}), **(user.userinfo or {})})


@app.get("/logout")
@auth.oidc_logout
def logout():
    return "Logged out"


@app.get("/")
def home():
    return "Welcome"
