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


def own(number):
    plot = store.plots.get(number)
    return plot if plot and plot.member == signed_in().email else None


@pages.get("/")
@for_members
def mine():
    member = signed_in()
    return render_template("plots.html", plots=[one for one in store.plots.values() if one.member == member.email])


@pages.get("/plots/<int:plot>")
@for_members
def show(plot):
    seen = store.plots.get(plot) if signed_in().committee else own(plot)
    return render_template("plot.html", plot=seen or abort(404))


@pages.post("/plots/<int:plot>")
@for_members
def change(plot):
    found = own(plot) or abort(404)
    found.grows = request.form["grows"]
    return redirect(f"/plots/{plot}")


@pages.get("/committee")
@for_members
def committee():
    if not signed_in().committee:
        abort(403)
    return render_template("plots.html", plots=store.plots.values())
