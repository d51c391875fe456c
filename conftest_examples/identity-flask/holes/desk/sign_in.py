"""Who is here, and how one gets in again without a password."""

import secrets

from allotments import store
from flask import Blueprint, g, redirect, render_template, request

pages = Blueprint("sign_in", __name__)
FIELDS = [("email", "email"), ("password", "password")]


def signed_in():
    return store.members.get(store.sessions[g.key].get("member", ""))


@pages.get("/sign-in")
def ask():
    return render_template("form.html", fields=FIELDS)


@pages.post("/sign-in")
def sign_in():
    member = store.members.get(request.form["email"])
    # A hole: whoever asks learns who is a member, from the words and from the time that they take.
    if member is None:
        return render_template("form.html", fields=FIELDS, text="We know no such member."), 401
    # A hole: nobody counts how often this went wrong.
    if not store.is_password(member, request.form["password"]):
        return render_template("form.html", fields=FIELDS, text="The password is wrong."), 401
    # A hole: the session from before the sign-in goes on, whoever knows it.
    store.sessions[g.key]["member"] = member.email
    return redirect("/")


@pages.post("/sign-out")
def sign_out():
    # A hole: the browser gets another session, and the old one goes on for whoever has it.
    g.key = store.new_session()
    return redirect("/sign-in")


@pages.get("/forgotten")
def ask_for_link():
    return render_template("form.html", fields=FIELDS[:1])


@pages.post("/forgotten")
def send_link():
    member = store.members.get(request.form["email"])
    if member is not None:
        member.reset = member.reset or secrets.token_urlsafe(32)
        store.send(member.email, f"Choose a new password: https://allotments.example/reset/{member.reset}")
    return render_template("frame.html", text="If you are a member, look at your mail.")


@pages.get("/reset/<key>")
def ask_for_password(key):
    return render_template("form.html", fields=FIELDS[1:], text=f"Link {key}")


@pages.post("/reset/<key>")
def reset(key):
    member = next((one for one in store.members.values() if secrets.compare_digest(one.reset, key)), None)
    if member is None:
        return render_template("frame.html", text="This link does not work any more."), 400
    # Holes: the link goes on working, and so does every session from before.
    store.set_password(member, request.form["password"])
    return redirect("/sign-in")
