from django.urls import path

from lineportal.webhooks import views

app_name = "webhooks"
urlpatterns = [path("<str:provider>/<str:webhook_id>/", views.receive, name="receive")]
