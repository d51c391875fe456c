"""Who is here, and how one gets in again without a password."""

import secrets
import time

from allotments import store
from flask import Blueprint, g, redirect, render_template, request

pages = Blueprint("sign_in", __name__)
FIELDS = [("email", "email"), ("password", "password")]
TRIES = 5
AN_HOUR = 3600
#: Has a password that nobody knows, so that a stranger's takes as long to check.
NOBODY = store.Member("", store.generate_password_hash(secrets.token_urlsafe(32)))


def signed_in():
    return store.members.get(store.sessions[g.key].get("member", ""))


@pages.get("/sign-in")
def ask():
    return render_template("form.html", fields=FIELDS)


@pages.post("/sign-in")
def sign_in():
    member = store.members.get(request.form["email"], NOBODY)
    right = store.is_password(member, request.form["password"])
    if not right or member.failures >= TRIES:
        if member is not NOBODY:
            member.failures += 1
        return render_template("form.html", fields=FIELDS, text="Address or password is wrong."), 401
    member.failures = 0
    del store.sessions[g.key]
    g.key = store.new_session(member=member.email)
    return redirect("/")


@pages.post("/sign-out")
def sign_out():
    del store.sessions[g.key]
    g.key = store.new_session()
    return redirect("/sign-in")


@pages.get("/forgotten")
def ask_for_link():
    return render_template("form.html", fields=FIELDS[:1])


@pages.post("/forgotten")
def send_link():
    member = store.members.get(request.form["email"])
    if member is not None:
        member.reset = f"{int(time.time()) + AN_HOUR}-{secrets.token_urlsafe(32)}"
        store.send(member.email, f"Choose a new password: https://allotments.example/reset/{member.reset}")
    return render_template("frame.html", text="If you are a member, look at your mail.")


@pages.get("/reset/<key>")
def ask_for_password(key):
    return render_template("form.html", fields=FIELDS[1:], text=f"Link {key}")


@pages.post("/reset/<key>")
def reset(key):
    member = next((one for one in store.members.values() if secrets.compare_digest(one.reset, key)), None)
    if member is None or int(key.partition("-")[0]) < time.time():
        return render_template("frame.html", text="This link does not work any more."), 400
    store.set_password(member, request.form["password"])
    member.reset = ""
    for session in [session for session, content in store.sessions.items() if content.get("member") == member.email]:
        del store.sessions[session]
    g.key = store.new_session()
    return redirect("/sign-in")
