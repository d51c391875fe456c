"""The identity family: who gets in, as whom, until when, to what.

The names that a test suite uses. Importing them loads no framework and no HTTP client.
"""

from pytest_devsecops.identity.flows import TokenLogin, basic, bearer, call, form
from pytest_devsecops.identity.inventory.openapi import operations_of_openapi
from pytest_devsecops.identity.payload import Payload
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.presets.django import django_target
from pytest_devsecops.identity.presets.django_rest import django_rest_target
from pytest_devsecops.identity.presets.fastapi import fastapi_target
from pytest_devsecops.identity.presets.flask import flask_login_target, flask_target
from pytest_devsecops.identity.presets.plain import asgi_target, process_target, url_target, wsgi_target
from pytest_devsecops.identity.provider.login import idp_login
from pytest_devsecops.identity.provider.model import Client
from pytest_devsecops.identity.provider.provider import keycloak_claims
from pytest_devsecops.identity.registration import ClientRegistration
from pytest_devsecops.identity.target import Clock, Operation, Resource, Target
from pytest_devsecops.identity.tokens.decorator import forged_tokens

__all__ = [
    "Client",
    "ClientRegistration",
    "Clock",
    "Operation",
    "Payload",
    "Persona",
    "Resource",
    "Target",
    "TokenLogin",
    "asgi_target",
    "basic",
    "bearer",
    "call",
    "django_rest_target",
    "django_target",
    "fastapi_target",
    "flask_login_target",
    "flask_target",
    "forged_tokens",
    "form",
    "idp_login",
    "keycloak_claims",
    "operations_of_openapi",
    "process_target",
    "url_target",
    "wsgi_target",
]
