"""Orders, and what the staff sees of them."""

from bakery.models import Order
from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods


class OrderForm(forms.ModelForm):
    class Meta:
        model = Order
        fields = ("wish",)


@require_GET
@login_required
def mine(request):
    return render(request, "orders.html", {"orders": Order.objects.filter(customer=request.user)})


@require_http_methods(["GET", "POST"])
@login_required
def order(request, order):
    reads_all = request.method == "GET" and request.user.is_staff
    visible = Order.objects.all() if reads_all else Order.objects.filter(customer=request.user)
    found = get_object_or_404(visible, pk=order)
    form = OrderForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect(request.path)
    return render(request, "order.html", {"order": found, "form": form})


@require_GET
@login_required
def oven(request):
    if not request.user.is_staff:
        raise PermissionDenied
    return render(request, "orders.html", {"orders": Order.objects.all()})
