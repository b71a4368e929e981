from django.urls import path

from lineportal.customers import link

app_name = "customers"
urlpatterns = [path("<str:slug>/", link.page, name="link")]
