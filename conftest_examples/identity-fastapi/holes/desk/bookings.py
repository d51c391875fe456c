"""Bookings, and what they bring in."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Response
from guesthouse.store import Account, Booking, house
from pydantic import BaseModel, ConfigDict

from desk.sign_in import signed_in

router = APIRouter()
SignedIn = Annotated[Account, Depends(signed_in)]


class Wanted(BaseModel):
    wishes: str
    nights: int = 2


class Change(BaseModel):
    # A hole: whatever else is sent is written into the booking, its price included.
    model_config = ConfigDict(extra="allow")

    wishes: str


def found(booking: int, account: SignedIn):
    # A hole: whoever is signed in gets everybody's bookings by their number.
    if booking not in house.bookings:
        raise HTTPException(404, "no such booking")
    return house.bookings[booking]


Found = Annotated[Booking, Depends(found)]


@router.get("/bookings")
def bookings(account: SignedIn):
    return [one for one in house.bookings.values() if account.staff or one.guest == account.name]


@router.post("/bookings", status_code=201)
def book(wanted: Wanted, account: SignedIn):
    return house.bookings[house.add_booking(account.name, wanted.wishes, wanted.nights)]


@router.get("/bookings/{booking}")
def show(booking: Found):
    return booking


@router.patch("/bookings/{booking}")
def change(wanted: Change, booking: Found):
    for name, value in wanted.model_dump().items():
        setattr(booking, name, value)
    return booking


@router.delete("/bookings/{booking}", status_code=204)
def cancel(booking: Found):
    del house.bookings[booking.number]
    return Response(status_code=204)


@router.get("/takings")
def takings(_account: SignedIn):
    # A hole: this is for the staff, and everybody who is signed in may read it.
    return {"takings": sum(one.price for one in house.bookings.values()), "bookings": len(house.bookings)}
