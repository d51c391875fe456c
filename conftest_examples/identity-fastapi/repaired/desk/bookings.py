"""Bookings, and what they bring in."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Response
from guesthouse.store import Account, Booking, house
from pydantic import BaseModel

from desk.sign_in import signed_in

router = APIRouter()
SignedIn = Annotated[Account, Depends(signed_in)]


class Wanted(BaseModel):
    wishes: str
    nights: int = 2


class Change(BaseModel):
    wishes: str


def found(booking: int, account: SignedIn):
    one = house.bookings.get(booking)
    if one is None or not (account.staff or one.guest == account.name):
        raise HTTPException(404, "no such booking")
    return one


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
    booking.wishes = wanted.wishes
    return booking


@router.delete("/bookings/{booking}", status_code=204)
def cancel(booking: Found):
    del house.bookings[booking.number]
    return Response(status_code=204)


@router.get("/takings")
def takings(account: SignedIn):
    if not account.staff:
        raise HTTPException(403, "for the staff")
    return {"takings": sum(one.price for one in house.bookings.values()), "bookings": len(house.bookings)}
