"""The API. Who may do what is in the package ``desk``, of which there are two: ``holes`` and ``repaired``."""

from typing import Annotated

from desk import bookings, sign_in
from fastapi import Depends, FastAPI

from guesthouse.store import Account

app = FastAPI(title="Guest house")
app.include_router(sign_in.router)
app.include_router(bookings.router)


@app.get("/me")
def me(account: Annotated[Account, Depends(sign_in.signed_in)]):
    return {"name": account.name, "staff": account.staff}
