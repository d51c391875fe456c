"""Orders, and what the staff sees of them."""

from typing import ClassVar

from bakery.models import Order
from django import forms
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods


class OrderForm(forms.ModelForm):
    class Meta:
        model = Order
        # A hole: whoever sends more than the page's form has sets it, even that the order is paid.
        fields = "__all__"  # noqa: DJ007 - that is the hole
        widgets: ClassVar = {"customer": forms.HiddenInput, "paid": forms.HiddenInput}


@require_GET
@login_required
def mine(request):
    return render(request, "orders.html", {"orders": Order.objects.filter(customer=request.user)})


@require_http_methods(["GET", "POST"])
@login_required
def order(request, order):
    # A hole: whoever is signed in reads and changes everybody's order by its number.
    found = get_object_or_404(Order, pk=order)
    form = OrderForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect(request.path)
    return render(request, "order.html", {"order": found, "form": form})


@require_GET
@login_required
def oven(request):
    # A hole: this is for the staff, and everybody who is signed in may read it.
    return render(request, "orders.html", {"orders": Order.objects.all()})
