"""Addresses of retention: the pages that mix facts with what we conclude from them."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
