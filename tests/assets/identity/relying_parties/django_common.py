"""What the Django relying parties share: settings in memory, a page that shows the account, a server."""

import os
import secrets
import sys
import tempfile

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from werkzeug.serving import run_simple

ISSUER = os.environ["OIDC_ISSUER"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages"]


def configure(*, apps=(), middleware=(), **more):
    """Set Django up with what the relying party adds."""
    database = os.path.join(tempfile.mkdtemp(), "db.sqlite3")
    templates = {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
    templates["OPTIONS"] = {"context_processors": ["django.template.context_processors.request"]}
    settings.configure(
        SECRET_KEY=secrets.token_hex(32),
        ALLOWED_HOSTS=["127.0.0.1", "localhost"],
        ROOT_URLCONF="__main__",
        INSTALLED_APPS=[*APPS, *apps],
        MIDDLEWARE=[*MIDDLEWARE, *middleware],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        TEMPLATES=[templates],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        LOGIN_REDIRECT_URL="/me",
        **more,
    )
    django.setup()


def me(request):
    """Show the account."""
    user = request.user
    if not user.is_authenticated:
        return HttpResponse("Log in", status=401)
    return JsonResponse({"account": f"account-{user.pk}", "username": user.username, "email": user.email})


def home(request):
    return HttpResponse("Welcome")


def serve():
    """Make the tables and serve until the process is ended."""
    call_command("migrate", verbosity=0)
    run_simple("127.0.0.1", int(sys.argv[1]), get_wsgi_application(), threaded=True)
