"""mozilla-django-oidc with the settings that its documentation asks for."""

import json
import os
import urllib.request

from django_common import ISSUER, configure, home, me, serve

with urllib.request.urlopen(ISSUER + "/.well-known/openid-configuration") as answer:
    provider = json.load(answer)
if provider.get("issuer") != ISSUER:
    raise SystemExit("the discovery document is of another issuer")

configure(
    apps=["mozilla_django_oidc"],
    AUTHENTICATION_BACKENDS=["mozilla_django_oidc.auth.OIDCAuthenticationBackend"],
    OIDC_RP_CLIENT_ID="portal",
    OIDC_RP_CLIENT_SECRET="portal-secret",
    OIDC_RP_SIGN_ALGO=os.environ["OIDC_ALGORITHM"],
    OIDC_RP_SCOPES="openid profile email",
    OIDC_USE_PKCE=True,
    OIDC_OP_JWKS_ENDPOINT=provider["jwks_uri"],
    OIDC_OP_AUTHORIZATION_ENDPOINT=provider["authorization_endpoint"],
    OIDC_OP_TOKEN_ENDPOINT=provider["token_endpoint"],
    OIDC_OP_USER_ENDPOINT=provider["userinfo_endpoint"],
    LOGIN_REDIRECT_URL_FAILURE="/",
    LOGOUT_REDIRECT_URL="/",
)

from django.urls import include, path  # noqa: E402 - after the settings

urlpatterns = [path("oidc/", include("mozilla_django_oidc.urls")), path("me", me), path("", home)]

if __name__ == "__main__":
    serve()
