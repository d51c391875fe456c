"""Who is here, and how one gets in again without a password."""

import hashlib

from django import forms
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.core.mail import send_mail
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

TRIES = 5
A_QUARTER_HOUR = 900


class Backend(ModelBackend):
    """Django's own; after five wrong passwords it takes none for a quarter of an hour."""

    def authenticate(self, request, username=None, password=None, **credentials):
        spelled = str(username).strip().casefold().encode()
        key = f"failures-{hashlib.sha256(spelled).hexdigest()}"
        if cache.get_or_set(key, 0, A_QUARTER_HOUR) >= TRIES:
            raise PermissionDenied
        user = super().authenticate(request, username, password, **credentials)
        if user is None:
            cache.incr(key)
        else:
            cache.delete(key)
        return user


class Address(forms.Form):
    email = forms.EmailField()


class Password(forms.Form):
    password = forms.CharField(widget=forms.PasswordInput, validators=[validate_password])


@require_GET
@login_required
def me(request):
    return render(request, "frame.html", {"text": f"You are {request.user.username}."})


@require_http_methods(["GET", "POST"])
def forgotten(request):
    form = Address(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = User.objects.filter(email=form.cleaned_data["email"]).first()
        if user is not None:
            key = f"{user.pk}-{default_token_generator.make_token(user)}"
            send_mail("Your password", f"{settings.SITE}/accounts/reset/{key}/", None, [user.email])
        return render(request, "frame.html", {"text": "If you are a customer, look at your mail."})
    return render(request, "form.html", {"form": form})


@require_http_methods(["GET", "POST"])
def reset(request, key):
    number, _, token = key.partition("-")
    user = User.objects.filter(pk=number).first() if number.isdecimal() else None
    # The token is made from the digest of the password, so that it ends with the password.
    if user is None or not default_token_generator.check_token(user, token):
        return render(request, "frame.html", {"text": "This link does not work any more."}, status=400)
    form = Password(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user.set_password(form.cleaned_data["password"])
        user.save()
        return redirect("/accounts/login/")
    return render(request, "form.html", {"form": form})
