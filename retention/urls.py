"""Addresses of retention: the pages that mix facts with what we conclude from them."""

from django.urls import URLPattern, path

from retention.scorecards import views as scorecards

urlpatterns: list[URLPattern] = [
    path("settings/scorecards/", scorecards.index, name="scorecards"),
]
