"""Accounts and sessions."""

import os
import secrets
import time
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Response
from fastapi.security import OAuth2PasswordBearer
from guesthouse.store import Account, house, is_password
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import BaseModel

KEY = OctKey.import_key(os.environ.get("GUESTHOUSE_KEY") or secrets.token_hex(32))
AN_HOUR = 3600
CLAIMS = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": "guesthouse"},
    aud={"essential": True, "value": "guesthouse"},
    sub={"essential": True},
    exp={"essential": True},
)
TRIES = 5
SHORTEST = 15
NEVER = {"passwordpassword", "1234567890123456", "qwertyuiopasdfgh"}

router = APIRouter()
scheme = OAuth2PasswordBearer("token")


class Credentials(BaseModel):
    name: str
    password: str


class NewPassword(BaseModel):
    old: str
    new: str


def signed_in(token: Annotated[str, Depends(scheme)]) -> Account:
    return session_of(token)[0]


def session_of(token: Annotated[str, Depends(scheme)]) -> tuple[Account, str]:
    try:
        claims = jwt.decode(token, KEY, algorithms=["HS256"]).claims
        CLAIMS.validate(claims)
        account, session = house.accounts.get(claims["sub"]), claims["sid"]
    except (JoseError, KeyError, TypeError, ValueError):
        account, session = None, ""
    # The token says who it was; the house says whether that still holds.
    if account is None or account.locked or session not in account.sessions:
        raise HTTPException(401, "sign in first")
    return account, session


@router.post("/accounts", status_code=201)
def register(wanted: Credentials):
    if wanted.name in house.accounts:
        raise HTTPException(409, "this name is taken")
    refuse_bad(wanted.password, wanted.name)
    house.add_account(wanted.name, wanted.password)
    return {"name": wanted.name}


@router.post("/token")
def token(given: Credentials):
    account = house.accounts.get(given.name)
    if account is None:
        raise HTTPException(401, "name or password is wrong")
    if account.failures >= TRIES:
        raise HTTPException(429, "too many wrong passwords; ask at the desk")
    if account.locked or not is_password(account, given.password):
        account.failures += 1
        raise HTTPException(401, "name or password is wrong")
    account.failures = 0
    session, now = secrets.token_urlsafe(16), int(time.time())
    account.sessions.add(session)
    claims = {"iss": "guesthouse", "aud": "guesthouse", "sub": account.name, "sid": session}
    signed = jwt.encode({"alg": "HS256"}, claims | {"iat": now, "exp": now + AN_HOUR}, KEY)
    return {"access_token": signed, "token_type": "bearer"}


@router.post("/sign-out", status_code=204)
def sign_out(here: Annotated[tuple[Account, str], Depends(session_of)]):
    account, session = here
    account.sessions.discard(session)
    return Response(status_code=204)


@router.post("/password", status_code=204)
def change_password(given: NewPassword, account: Annotated[Account, Depends(signed_in)]):
    if not is_password(account, given.old):
        raise HTTPException(403, "the old password is wrong")
    refuse_bad(given.new, account.name)
    house.set_password(account, given.new)
    account.sessions.clear()
    return Response(status_code=204)


def refuse_bad(password, name):
    # NIST SP 800-63B-4, section 3.1.1.2: long, not common, not the name; no other rules.
    if len(password) < SHORTEST or password.lower() in NEVER or not password.lower().replace(name.lower(), ""):
        raise HTTPException(422, "choose a longer password that nobody else has")
