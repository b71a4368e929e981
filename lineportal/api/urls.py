from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.permissions import AllowAny
from rest_framework.routers import DefaultRouter

from lineportal.api import (
    accounts,
    answering,
    audiences,
    campaigns,
    catalogue,
    control,
    conversations,
    counts,
    desk,
    errors,
    forwarding,
    friends,
    imports,
    links,
    messages,
    recipients,
    requests,
    retention,
    suppressions,
    templates,
)

router = DefaultRouter()
router.include_root_view = False
router.register("accounts", accounts.Accounts, basename="account")
router.register("templates", templates.Templates, basename="template")
router.register("catalogue", catalogue.Catalogue, basename="catalogue")
router.register("recipients/imports", imports.Imports, basename="import")
router.register("recipients", recipients.Recipients, basename="recipient")
router.register("suppressions", suppressions.Suppressions, basename="suppression")
router.register("links", links.Links, basename="link")
router.register("link-conflicts", links.LinkConflicts, basename="link-conflict")
router.register("audiences", audiences.Audiences, basename="audience")
router.register("subject-requests", requests.SubjectRequests, basename="subject-request")
router.register("campaigns", campaigns.Campaigns, basename="campaign")
router.register("conversations", conversations.Conversations, basename="conversation")
router.register("stops", control.Stops, basename="stop")
router.register("reconciliation", counts.Reconciliation, basename="reconciliation")
router.register("incidents", counts.Incidents, basename="incident")
router.register("canned-answers", answering.CannedAnswers, basename="canned-answer")
router.register("answer-rules", answering.AnswerRules, basename="answer-rule")
router.register("messages", messages.Messages, basename="message")

# The schema is public knowledge; it holds no data.
open_to_all = {"authentication_classes": [], "permission_classes": [AllowAny]}

suppression_list = suppressions.Suppressions.as_view(
    {"get": "list", "post": "create", "delete": "lift"}
)

account_policy = control.Policies.as_view({"get": "retrieve", "patch": "partial_update"})

account_retention = retention.Retentions.as_view({"get": "retrieve", "patch": "partial_update"})

account_answering = answering.Settings.as_view({"get": "retrieve", "patch": "partial_update"})

account_forwarding = forwarding.Forwardings.as_view(
    {"get": "retrieve", "put": "update", "delete": "destroy"}
)

friend_days = friends.FriendSyncs.as_view({"get": "figures"})
friend_sync = friends.FriendSyncs.as_view({"get": "retrieve", "post": "create"})

urlpatterns = [
    path("v1/accounts/<slug:slug>/friends/", friend_days, name="friend-days"),
    path("v1/accounts/<slug:slug>/friends/sync/", friend_sync, name="friend-sync"),
    path("v1/accounts/<slug:slug>/policy/", account_policy, name="account-policy"),
    path("v1/accounts/<slug:slug>/retention/", account_retention, name="account-retention"),
    path("v1/accounts/<slug:slug>/answering/", account_answering, name="account-answering"),
    path("v1/accounts/<slug:slug>/forwarding/", account_forwarding, name="account-forwarding"),
    path("v1/suppressions/", suppression_list, name="suppression-list"),
    path("v1/desk/", desk.Desk.as_view(), name="desk"),
    path("v1/", include(router.urls)),
    re_path("^v1/", errors.no_such_address),
    path("schema/", SpectacularAPIView.as_view(**open_to_all), name="schema"),
    path(
        "docs/",
        SpectacularSwaggerView.as_view(url_name="schema", **open_to_all),
        name="api-docs",
    ),
]
