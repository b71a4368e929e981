from django.urls import path

from lineportal.webhooks import views

app_name = "webhooks"
urlpatterns = [path("line/<str:webhook_id>/", views.line, name="line")]
