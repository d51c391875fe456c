"""Authlib's Starlette client, as its documentation shows it; a login that fails is an answer of its own."""

import os
import secrets
from urllib.parse import urlencode

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from httpx import HTTPError
from joserfc.errors import JoseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.routing import Route

idp = OAuth().register(
    "idp",
    client_id="portal",
    client_secret="portal-secret",
    server_metadata_url=os.environ["OIDC_ISSUER"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)


async def login(request):
    return await idp.authorize_redirect(request, str(request.url_for("callback")))


async def callback(request):
    try:
        token = await idp.authorize_access_token(request)
        claims = token["userinfo"]
        more = await idp.userinfo(token=token)
    except (AuthlibBaseError, JoseError, HTTPError, KeyError, ValueError) as error:
        return PlainTextResponse(f"Not logged in: {error!r}", 400)
    if more.get("sub") != claims["sub"]:
        return PlainTextResponse("Not logged in: userinfo is of somebody else", 400)
    request.session.clear()
    request.session["user"] = dict(more, iss=claims["iss"])
    request.session["tokens"] = {name: token[name] for name in ("refresh_token", "id_token")}
    return RedirectResponse("/me", 303)


async def me(request):
    user = request.session.get("user")
    return JSONResponse(user) if user else PlainTextResponse("Log in", 401)


async def refresh(request):
    held = request.session["tokens"]["refresh_token"]
    token = await idp.fetch_access_token(grant_type="refresh_token", refresh_token=held)
    request.session["tokens"]["refresh_token"] = token["refresh_token"]
    return JSONResponse(await idp.userinfo(token=token))


async def logout(request):
    hint = request.session["tokens"]["id_token"]
    request.session.clear()
    end = (await idp.load_server_metadata())["end_session_endpoint"]
    query = {"id_token_hint": hint, "post_logout_redirect_uri": str(request.base_url)}
    return RedirectResponse(f"{end}?{urlencode(query)}", 303)


async def home(request):
    return PlainTextResponse("Welcome")


app = Starlette(
    routes=[Route(f"/{view.__name__}", view) for view in (login, callback, me, refresh, logout)] + [Route("/", home)],
    middleware=[Middleware(SessionMiddleware, secret_key=secrets.token_hex(16))],
)
