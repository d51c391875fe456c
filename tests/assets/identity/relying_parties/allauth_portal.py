"""django-allauth's openid_connect provider."""

from django_common import ISSUER, configure, home, me, serve

configure(
    apps=["allauth", "allauth.account", "allauth.socialaccount", "allauth.socialaccount.providers.openid_connect"],
    middleware=["allauth.account.middleware.AccountMiddleware"],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    ACCOUNT_EMAIL_VERIFICATION="none",
    SOCIALACCOUNT_PROVIDERS={
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "idp",
                    "name": "The provider",
                    "client_id": "portal",
                    "secret": "portal-secret",
                    "settings": {"server_url": ISSUER},
                }
            ],
        }
    },
)

from django.urls import include, path  # noqa: E402 - after the settings

urlpatterns = [path("accounts/", include("allauth.urls")), path("me", me), path("", home)]

if __name__ == "__main__":
    serve()
