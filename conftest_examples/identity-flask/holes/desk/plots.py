"""Plots, and the committee's view of them."""

from functools import wraps

from allotments import store
from flask import Blueprint, abort, redirect, render_template, request

from desk.sign_in import signed_in

pages = Blueprint("plots", __name__)


def for_members(view):
    @wraps(view)
    def shown(**arguments):
        return view(**arguments) if signed_in() else redirect("/sign-in")

    return shown


@pages.get("/")
@for_members
def mine():
    member = signed_in()
    return render_template("plots.html", plots=[one for one in store.plots.values() if one.member == member.email])


@pages.get("/plots/<int:plot>")
@for_members
def show(plot):
    # A hole: whoever is signed in sees everybody's plot by its number.
    return render_template("plot.html", plot=store.plots.get(plot) or abort(404))


@pages.post("/plots/<int:plot>")
@for_members
def change(plot):
    # A hole: whoever is signed in digs in everybody's plot.
    found = store.plots.get(plot) or abort(404)
    found.grows = request.form["grows"]
    return redirect(f"/plots/{plot}")


@pages.get("/committee")
@for_members
def committee():
    # A hole: there is no link to this page for members, and that is all that keeps them out.
    return render_template("plots.html", plots=store.plots.values())
