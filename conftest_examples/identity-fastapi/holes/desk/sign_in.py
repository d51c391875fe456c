"""Accounts and sessions."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Response
from fastapi.security import OAuth2PasswordBearer
from guesthouse.store import Account, house, is_password
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import BaseModel

# A hole: a key that stands in a tutorial.
KEY = OctKey.import_key("09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7")
AN_HOUR = 3600

router = APIRouter()
scheme = OAuth2PasswordBearer("token")


class Credentials(BaseModel):
    name: str
    password: str


class NewPassword(BaseModel):
    old: str
    new: str


def signed_in(token: Annotated[str, Depends(scheme)]) -> Account:
    try:
        # A hole: this checks the signature, and nobody looks at exp, nbf, iss or aud.
        claims = jwt.decode(token, KEY, algorithms=["HS256"]).claims
        account = house.accounts.get(claims["sub"])
    except (JoseError, KeyError, TypeError, ValueError):
        account = None
    if account is None:
        raise HTTPException(401, "sign in first")
    # A hole: an account that was locked keeps the sessions that it has.
    return account


@router.post("/accounts", status_code=201)
def register(wanted: Credentials):
    if wanted.name in house.accounts:
        raise HTTPException(409, "this name is taken")
    # A hole: any password will do.
    house.add_account(wanted.name, wanted.password)
    return {"name": wanted.name}


@router.post("/token")
def token(given: Credentials):
    account = house.accounts.get(given.name)
    # A hole: nobody counts how often this went wrong.
    if account is None or account.locked or not is_password(account, given.password):
        raise HTTPException(401, "name or password is wrong")
    claims = {"sub": account.name, "iat": int(time.time()), "exp": int(time.time()) + AN_HOUR}
    return {"access_token": jwt.encode({"alg": "HS256"}, claims, KEY), "token_type": "bearer"}


@router.post("/sign-out", status_code=204)
def sign_out(_account: Annotated[Account, Depends(signed_in)]):
    # A hole: the server forgets nothing, so the token goes on until it expires.
    return Response(status_code=204)


@router.post("/password", status_code=204)
def change_password(given: NewPassword, account: Annotated[Account, Depends(signed_in)]):
    if not is_password(account, given.old):
        raise HTTPException(403, "the old password is wrong")
    house.set_password(account, given.new)
    return Response(status_code=204)
