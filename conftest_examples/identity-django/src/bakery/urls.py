"""Addresses. Who may do what is in the package ``desk``, of which there are two: ``holes`` and ``repaired``."""

from desk import orders, sign_in
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

urlpatterns = [
    path("accounts/login/", LoginView.as_view(template_name="form.html")),
    path("accounts/logout/", LogoutView.as_view(next_page="/accounts/login/")),
    path("accounts/forgotten/", sign_in.forgotten),
    path("accounts/reset/<key>/", sign_in.reset),
    path("me", sign_in.me),
    path("orders/", orders.mine),
    path("orders/<int:order>", orders.order),
    path("oven/", orders.oven),
]
