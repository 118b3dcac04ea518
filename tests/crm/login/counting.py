"""A password hasher that counts how often it is asked: an evaluated guess is one that reaches it."""

from django.contrib.auth.hashers import MD5PasswordHasher


class Counting(MD5PasswordHasher):
    asked = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).asked += 1
        return super().encode(password, salt)


PATH = f"{Counting.__module__}.Counting"
