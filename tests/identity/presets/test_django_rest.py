"""Django REST framework in process, in a test run of its own with pytest-django."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

_SETTINGS = """
SECRET_KEY = "for tests only, and long enough for HMAC with SHA-256"
DEBUG = False
ROOT_URLCONF = "site_urls"
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "rest_framework",
    "rest_framework.authtoken",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": ["templates"], "OPTIONS": {
    "context_processors": ["django.template.context_processors.request"]}}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "real.sqlite3"}}
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "csrftoken"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_URL, LOGIN_REDIRECT_URL = "/login/", "/me"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.AUTHENTICATION"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}
"""

_URLS = """
from django.contrib.auth import views as auth
from django.contrib.auth.models import User
from django.urls import path
from rest_framework.authtoken.models import Token
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

class Me(APIView):
    def get(self, request):
        return Response({"name": request.user.username, "mail": request.user.email})
    def put(self, request):
        request.user.email = request.data["mail"]
        request.user.save()
        return Response({})
    post = put

class Logout(APIView):
    def post(self, request):
        Token.objects.filter(user=request.user).delete()
        return Response({})

urlpatterns = [
    path("me", Me.as_view()),
    path("logout", Logout.as_view()),
    PATTERNS
]
"""

_OWN = 'path("api/token/", ObtainAuthToken.as_view())'
_JWT = 'path("jwt/", TokenObtainPairView.as_view()), path("jwt/refresh/", TokenRefreshView.as_view())'
_SESSION = 'path("login/", auth.LoginView.as_view(template_name="form.html"))'

_CONFTEST = """
import itertools
import pytest
from django.contrib.auth.models import User
from pytest_devsecops.identity import Payload, django_rest_target

numbers = itertools.count()

def make_user():
    number = next(numbers)
    return User.objects.create_user(f"user{number}", f"user{number}@shop.example")

@pytest.fixture
def identity_target(db):
    return django_rest_target(
        personas={"user": make_user}, whoami="/me", logout="POST /logout",
        payloads=dict.fromkeys(("PUT /me", "POST /me"), Payload(json={"mail": "{canary}@shop.example"})),
    )
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    (pytester.mkdir("templates") / "form.html").write_text("<form method=post>{% csrf_token %}{{ form }}</form>")
    pytester.makeconftest(_CONFTEST)
    pytester.makeini("[pytest]\npythonpath = .\n")
    return pytester


def _run(project: pytest.Pytester, patterns: str, authentication: str, tests: str) -> pytest.RunResult:
    project.makepyfile(
        site_settings=_SETTINGS.replace("rest_framework.authentication.AUTHENTICATION", authentication),
        site_urls=_URLS.replace("PATTERNS", patterns),
        test_identity=tests,
    )
    return project.runpytest_subprocess(
        "-p", "devsecops", "-p", "pytest_django", "-p", "no:cacheprovider", "--ds=site_settings"
    )


def test_tokens_of_the_framework_are_used_and_revoked(project: pytest.Pytester) -> None:
    tests = """
        from pytest_devsecops.identity.live import Live

        def test_login(identity_target):
            with Live(identity_target) as live:
                browser = live.log_in(live.persona())
                assert browser.headers["Authorization"].startswith("Token ")

        def test_logout(identity):
            # One token for each user: every session ends with it.
            assert identity.ends_sessions(on=("logout", "disable", "delete"))

        def test_cross_site(identity):
            verdict = identity.refuses_cross_site_writes()
            assert {found.rule for found in verdict.findings} >= {"not-applicable"}
    """
    result = _run(project, _OWN, "rest_framework.authentication.TokenAuthentication", tests)
    result.assert_outcomes(passed=3)


def test_json_web_tokens_are_told_as_what_nobody_can_take_back(project: pytest.Pytester) -> None:
    tests = """
        from pytest_devsecops.identity.live import Live

        def test_login(identity_target):
            with Live(identity_target) as live:
                persona = live.persona()
                browser = live.log_in(persona)
                before = browser.headers["Authorization"]
                identity_target.hooks.refresh(browser)
                assert before != browser.headers["Authorization"]
                assert live.is_logged_in(browser, persona)

        def test_logout(identity):
            verdict = identity.ends_sessions(on="logout")
            assert {found.rule for found in verdict.findings} == {"stateless-session", "refresh-token-survives"}

        def test_disable(identity):
            assert identity.ends_sessions(on="disable")
    """
    result = _run(project, _JWT, "rest_framework_simplejwt.authentication.JWTAuthentication", tests)
    result.assert_outcomes(passed=3)


def test_sessions_are_protected_against_other_sites(project: pytest.Pytester) -> None:
    tests = """
        def test_login(identity):
            assert identity.starts_new_session_at_login()

        def test_cookies(identity):
            assert identity.cookies_are_safe()

        def test_cross_site(identity):
            verdict = identity.refuses_cross_site_writes(siblings=True, ignore={"POST /logout": "tokens only"})
            assert verdict, verdict.explain()
            assert verdict.evidence["judged_by"] == {"POST /me": "witness", "PUT /me": "witness"}
    """
    result = _run(project, _SESSION, "rest_framework.authentication.SessionAuthentication", tests)
    result.assert_outcomes(passed=3)


def test_an_api_that_forgets_the_token_against_other_sites_is_told(project: pytest.Pytester) -> None:
    (project.path / "own.py").write_text(
        "from rest_framework.authentication import SessionAuthentication\n"
        "class WithoutToken(SessionAuthentication):\n"
        "    def enforce_csrf(self, request):\n"
        "        return\n"
    )
    tests = """
        def test_cross_site(identity):
            verdict = identity.refuses_cross_site_writes(siblings=True, ignore={"POST /logout": "tokens only"})
            assert {(found.rule, found.subject) for found in verdict.findings} == {("cross-site-write", "POST /me")}
    """
    _run(project, _SESSION, "own.WithoutToken", tests).assert_outcomes(passed=1)


def test_a_second_path_that_only_says_the_format_needs_no_line_of_its_own(project: pytest.Pytester) -> None:
    """Routers of the framework add ``.{format}`` to each path; the same word elsewhere is a parameter."""
    patterns = """
        *router.urls,
        path("exports/<str:format>", Me.as_view()),
        path("odd.<str:format>", Logout.as_view()),
    """
    views = """
from rest_framework import routers, viewsets
class Things(viewsets.ViewSet):
    def list(self, request):
        return Response([])
    def retrieve(self, request, pk=None):
        return Response({})
router = routers.DefaultRouter()
router.register("things", Things, basename="thing")

urlpatterns = ["""
    tests = """
        from pytest_devsecops.identity.inventory.django import operations_of_django

        def test_inventory(db):
            found = {str(one): one.provided for one in operations_of_django()}
            assert {text for text, provided in found.items() if provided} == {
                "GET /things.{format}", "GET /things/{pk}.{format}", "GET /{format}",
            }, found
            assert found["GET /things/"] is found["GET /things/{pk}/"] is found["POST /odd.{format}"] is False
            assert found["GET /exports/{format}"] is False
    """
    project.makepyfile(
        site_settings=_SETTINGS.replace("AUTHENTICATION", "TokenAuthentication"),
        site_urls=_URLS.replace("urlpatterns = [", views).replace("PATTERNS", patterns),
        test_identity=tests,
    )
    result = project.runpytest_subprocess(
        "-p", "devsecops", "-p", "pytest_django", "-p", "no:cacheprovider", "--ds=site_settings"
    )
    result.assert_outcomes(passed=1)
