"""Settings of the shop; tests use them as they are."""

import os
import secrets

SECRET_KEY = os.environ.get("BAKERY_KEY") or secrets.token_urlsafe(50)
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend"}}  # from Django 6.1 on
ALLOWED_HOSTS = ["bakery.example", "testserver"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "bakery"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "bakery.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.contrib.auth.context_processors.auth"]},
    }
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("BAKERY_DATABASE", ":memory:")}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTHENTICATION_BACKENDS = ["desk.sign_in.Backend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 15},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# Half a second for each sign-in is more than a test suite has; Django's own takes ten times as many rounds.
PASSWORD_HASHERS = ["bakery.hashers.QuickerHasher", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/orders/"
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SITE = "https://bakery.example"
