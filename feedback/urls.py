"""Addresses of feedback: surveys for staff, and the public pages that customers answer."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
