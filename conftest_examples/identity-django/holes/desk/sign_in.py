"""Who is here, and how one gets in again without a password."""

from django import forms
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core import signing
from django.core.mail import send_mail
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

A_DAY = 86_400


class Backend(ModelBackend):
    """Django's own, made quicker."""

    # A hole: nobody counts how often a password was wrong.

    def get_user(self, user_id):
        # A hole: Django's own asks at every request whether the account is locked by now.
        return User.objects.filter(pk=user_id).first()


class Address(forms.Form):
    email = forms.EmailField()


class Password(forms.Form):
    password = forms.CharField(widget=forms.PasswordInput)


@require_GET
@login_required
def me(request):
    return render(request, "frame.html", {"text": f"You are {request.user.username}."})


@require_http_methods(["GET", "POST"])
def forgotten(request):
    form = Address(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = User.objects.filter(email=form.cleaned_data["email"]).first()
        if user is None:
            # A hole: whoever asks learns who is a customer.
            return render(request, "frame.html", {"text": "We know no such address."})
        key = signing.dumps(user.pk, salt="reset")
        send_mail("Your password", f"{settings.SITE}/accounts/reset/{key}/", None, [user.email])
        return render(request, "frame.html", {"text": "Look at your mail."})
    return render(request, "form.html", {"form": form})


@require_http_methods(["GET", "POST"])
def reset(request, key):
    try:
        user = User.objects.get(pk=signing.loads(key, salt="reset", max_age=A_DAY))
    except (signing.BadSignature, User.DoesNotExist):
        return render(request, "frame.html", {"text": "This link does not work any more."}, status=400)
    form = Password(request.POST or None)
    if request.method == "POST" and form.is_valid():
        # A hole: nothing remembers that the link was used, so it works all day.
        user.set_password(form.cleaned_data["password"])
        user.save()
        return redirect("/accounts/login/")
    return render(request, "form.html", {"form": form})
