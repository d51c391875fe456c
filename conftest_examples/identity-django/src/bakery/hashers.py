from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickerHasher(PBKDF2PasswordHasher):
    iterations = 100_000
