"""The site. Who may do what is in the package ``desk``, of which there are two: ``holes`` and ``repaired``."""

from desk import plots, sign_in
from flask import Flask, abort, g, request

from allotments import store

COOKIE = "__Host-allotments"

app = Flask(__name__)
app.register_blueprint(sign_in.pages)
app.register_blueprint(plots.pages)


@app.before_request
def open_session():
    g.key = request.cookies.get(COOKIE, "")
    if g.key not in store.sessions:
        g.key = store.new_session()
    if request.method == "POST" and request.form.get("csrf_token") != store.sessions[g.key]["token"]:
        abort(400, "this form is too old; open it again")


@app.after_request
def keep_session(response):
    response.set_cookie(COOKIE, g.key, secure=True, httponly=True, samesite="Lax")
    return response


@app.context_processor
def for_every_page():
    return {"token": store.sessions[g.key]["token"], "member": sign_in.signed_in()}
