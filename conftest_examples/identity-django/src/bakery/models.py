from django.conf import settings
from django.db import models


class Order(models.Model):
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    wish = models.CharField(max_length=200)
    paid = models.BooleanField(default=False)

    def __str__(self):
        return f"{self.wish} for {self.customer}"
