"""social-auth-app-django with python-social-auth's OpenID Connect backend."""

import os

from django_common import ISSUER, configure, me, serve

configure(
    apps=["social_django"],
    middleware=["social_django.middleware.SocialAuthExceptionMiddleware"],
    AUTHENTICATION_BACKENDS=["social_core.backends.open_id_connect.OpenIdConnectAuth"],
    SOCIAL_AUTH_OIDC_OIDC_ENDPOINT=ISSUER,
    SOCIAL_AUTH_OIDC_KEY="portal",
    SOCIAL_AUTH_OIDC_SECRET="portal-secret",
    SOCIAL_AUTH_OIDC_JWT_ALGORITHMS=[os.environ["OIDC_ALGORITHM"]],
    SOCIAL_AUTH_LOGIN_ERROR_URL="/",
    SOCIAL_AUTH_LOGIN_REDIRECT_URL="/me",
)

from django.http import HttpResponse  # noqa: E402 - after the settings
from django.middleware.csrf import get_token  # noqa: E402
from django.urls import include, path  # noqa: E402


def home(request):
    """Offer the login as a button, as the library asks for."""
    token = f'<input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">'
    return HttpResponse(f'<form method="post" action="/auth/login/oidc/">{token}<button>Log in</button></form>')


urlpatterns = [path("auth/", include("social_django.urls", namespace="social")), path("me", me), path("", home)]

if __name__ == "__main__":
    serve()
