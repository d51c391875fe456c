"""Django in process, in a test run of its own with pytest-django."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

_SETTINGS = """
SECRET_KEY = "for tests only"
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}  # from Django 6.1 on
DEBUG = False
ALLOWED_HOSTS = []
ROOT_URLCONF = "site_urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": ["templates"], "OPTIONS": {
    "context_processors": ["django.template.context_processors.request"]}}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "real.sqlite3"}}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/api/me"
LOGOUT_REDIRECT_URL = "/accounts/login/"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SECURE_SSL_REDIRECT = True
CSRF_COOKIE_NAME = "csrftoken"
SESSION_COOKIE_NAME = "__Host-session"
# A hash that takes no time; only reveals_no_accounts minds.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""

_URLS = """
from django.contrib.auth import views
from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.urls import path

def me(request):
    if not request.user.is_authenticated:
        return JsonResponse({}, status=401)
    return JsonResponse({"name": request.user.username})

urlpatterns = [
    path("api/me", me),
    path("accounts/login/", views.LoginView.as_view(template_name="form.html")),
    path("accounts/logout/", views.LogoutView.as_view()),
    path("accounts/reset/", views.PasswordResetView.as_view(
        template_name="form.html", success_url="/accounts/login/", email_template_name="mail.txt",
        subject_template_name="subject.txt")),
    path("accounts/reset/<uidb64>/<token>/", views.PasswordResetConfirmView.as_view(
        template_name="form.html", success_url="/accounts/login/"), name="password_reset_confirm"),
    path("accounts/change/", login_required(views.PasswordChangeView.as_view(
        template_name="form.html", success_url="/api/me"))),
]
"""

_CONFTEST = """
import itertools
import pytest
from django.contrib.auth.models import User
from pytest_devsecops.identity import django_target, form

numbers = itertools.count()

def make_customer():
    number = next(numbers)
    return User.objects.create_user(f"customer{number}", f"customer{number}@shop.example")

@pytest.fixture
def identity_target(DATABASE, mailoutbox):
    return django_target(personas={"customer": make_customer},
        login=form("/accounts/login/"), whoami="/api/me", logout="POST /accounts/logout/",
        request_reset=form("/accounts/reset/"), mailbox=lambda: [m.body for m in mailoutbox],
        change_password=form("/accounts/change/"))
"""

_TESTS = """
import sqlite3
from datetime import timedelta
from django.contrib.auth.models import User
from django.db import connection
from pytest_devsecops.identity.live import Live

def test_it_runs_on_the_test_database_and_only_there(identity, identity_target):
    assert "real.sqlite3" not in str(connection.settings_dict["NAME"])
    with Live(identity_target) as live:
        persona = live.persona()
        browser = live.log_in(persona)
        assert live.controls(persona, browser) == ""
        assert [one.name for one in browser.cookies.all() if one.name.startswith("__Host-")]
        live.step(identity_target.hooks.logout, browser, persona)
        assert not live.is_logged_in(browser, persona)
    assert User.objects.count() == 1

def test_nothing_is_left_behind(db):
    assert User.objects.count() == 0

def test_reset(identity):
    assert identity.reset_is_safe()

def test_passwords(identity):
    assert identity.passwords_follow_policy()

def test_inventory(identity_target):
    assert "* /api/me" in [str(one) for one in identity_target.inventory()]

def test_protection_against_cross_site_requests_is_on(identity_target):
    with Live(identity_target) as live:
        assert live.browser().post_form("/accounts/login/", {"username": "a", "password": "b"}).status == 403
"""

_SESSION_URLS = """
from site_urls import urlpatterns
from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

@login_required
def name(request):
    return JsonResponse({"name": request.user.username, "first": request.user.first_name})

@require_POST
@login_required
def rename(request):
    request.user.first_name = request.POST["first"]
    request.user.save()
    return JsonResponse({})

urlpatterns = [*urlpatterns, path("name/", name), path("rename/", rename), path("exempt/", csrf_exempt(rename))]
"""

_SESSION_CONFTEST = """
from datetime import timedelta
from django.utils import timezone
from pytest_devsecops.identity import Clock, Payload

@pytest.fixture
def clock(monkeypatch):
    real, ahead = timezone.now, [timedelta(0)]
    monkeypatch.setattr(timezone, "now", lambda: real() + ahead[0])
    return Clock(lambda by: ahead.__setitem__(0, ahead[0] + by), timezone.now)

@pytest.fixture
def identity_target(db, clock):
    writes = Payload(form={"first": "{canary}"})
    return django_target(personas={"customer": make_customer}, whoami="/api/me", logout="POST /accounts/logout/",
        change_password=form("/accounts/change/"), clock=clock,
        payloads={"POST /rename/": writes, "POST /exempt/": writes})
"""

_SESSION_TESTS = """
from datetime import timedelta

IGNORED = dict.fromkeys(("* /accounts/*",), "not of this test")

def test_cookies(identity):
    assert identity.cookies_are_safe()

def test_login(identity):
    assert identity.starts_new_session_at_login()

def test_end(identity):
    assert identity.ends_sessions(on=("logout", "password change", "disable", "delete"))

def test_expiry(identity, settings):
    settings.SESSION_COOKIE_AGE = 1800
    settings.SESSION_SAVE_EVERY_REQUEST = True
    assert identity.expires_sessions(idle=timedelta(minutes=30))
    verdict = identity.expires_sessions(absolute=timedelta(hours=8))
    assert {found.rule for found in verdict.findings} == {"outlives-absolute-limit"}
    settings.SESSION_COOKIE_AGE = 14400
    verdict = identity.expires_sessions(idle=timedelta(minutes=30))
    assert {found.rule for found in verdict.findings} == {"outlives-idle-limit"}

def test_other_sites(identity):
    verdict = identity.refuses_cross_site_writes(siblings=True, ignore=IGNORED)
    assert {(found.rule, found.subject) for found in verdict.findings} == {("cross-site-write", "POST /exempt/")}
    assert verdict.evidence["judged_by"]["POST /rename/"] == "witness"

def test_model(identity):
    assert identity.sessions_follow_model(examples=4, steps=4)
"""

_FAST = """
from site_settings import *
AUTH_PASSWORD_VALIDATORS = []
SESSION_COOKIE_SECURE = False
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytest.importorskip("pytest_django")
    pytester.makepyfile(site_settings=_SETTINGS, site_urls=_URLS, fast_settings=_FAST)
    templates = pytester.mkdir("templates")
    (templates / "form.html").write_text("<form method=post>{% csrf_token %}{{ form }}<button>Go</button></form>")
    (templates / "mail.txt").write_text(
        "Go to {{ protocol }}://{{ domain }}{% url 'password_reset_confirm' uidb64=uid token=token %}"
    )
    (templates / "subject.txt").write_text("Reset")
    pytester.makeini("[pytest]\npythonpath = .\n")
    return pytester


def _run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess(
        "-p", "devsecops", "-p", "pytest_django", "-p", "no:cacheprovider", "-W", "error", *arguments
    )


@pytest.mark.parametrize("database", ["db", "transactional_db"])
def test_the_whole_preset_works_on_the_tests_own_connection(project: pytest.Pytester, database: str) -> None:
    project.makeconftest(_CONFTEST.replace("DATABASE", database))
    project.makepyfile(test_identity=_TESTS)
    result = _run(project, "--ds=site_settings")
    result.assert_outcomes(passed=6)
    assert not (project.path / "real.sqlite3").exists()


def test_the_life_of_djangos_own_sessions(project: pytest.Pytester) -> None:
    project.makepyfile(session_urls=_SESSION_URLS, session_settings="""
        from site_settings import *
        ROOT_URLCONF = "session_urls"
    """)  # fmt: skip
    project.makeconftest(_CONFTEST.replace("DATABASE", "db") + _SESSION_CONFTEST)
    project.makepyfile(test_identity=_SESSION_TESTS)
    _run(project, "--ds=session_settings").assert_outcomes(passed=6)


def test_settings_for_fast_tests_make_the_affected_checks_unverified(project: pytest.Pytester) -> None:
    project.makeconftest(_CONFTEST.replace("DATABASE", "db"))
    project.makepyfile(
        test_identity="""
        def test_accounts(identity):
            assert identity.reveals_no_accounts(flows=["login"])

        def test_passwords(identity):
            assert identity.passwords_follow_policy()
        """
    )
    result = _run(project, "--ds=fast_settings")
    result.assert_outcomes(failed=2)
    text = result.stdout.str()
    assert "PASSWORD_HASHERS[0] = django.contrib.auth.hashers.MD5PasswordHasher" in text
    assert "AUTH_PASSWORD_VALIDATORS = []" in text
    assert "violated" not in text


def test_asgi_and_process_targets_under_rollback_are_unverified_with_the_remedy(project: pytest.Pytester) -> None:
    project.makeconftest(_CONFTEST.replace("DATABASE", "db"))
    project.makepyfile(
        test_identity="""
        import sys
        from pytest_devsecops.identity import asgi_target, process_target

        def test_asgi(identity):
            from django.core.asgi import get_asgi_application
            assert identity.on(asgi_target(get_asgi_application(), whoami="/api/me")).throttles_login(after=3)

        def test_process(identity):
            assert identity.on(process_target([sys.executable, "-c", ""], whoami="/api/me")).throttles_login(after=3)
        """
    )
    result = _run(project, "--ds=site_settings")
    result.assert_outcomes(failed=2)
    assert result.stdout.str().count("use transactional_db instead of db") >= 2
    assert "isolated-target" in result.stdout.str()
