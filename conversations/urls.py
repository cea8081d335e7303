from django.urls import path

from conversations.views import commands, keeping, pages
from conversations.views.since import since

app_name = "conversations"

urlpatterns = [
    path("", pages.rooms, name="list"),
    path("new/", pages.new, name="new"),
    path("c/<uuid:key>/", pages.room, name="room"),
    path("c/<uuid:key>/since/<int:revision>/", since, name="since"),
    path("c/<uuid:key>/messages/", commands.post, name="post"),
    path("c/<uuid:key>/messages/<int:sequence>/again/", commands.again, name="again"),
    path("c/<uuid:key>/messages/<int:sequence>/delete/", commands.delete_message, name="delete-message"),
    path("c/<uuid:key>/messages/<int:sequence>/restore/", commands.restore_message, name="restore-message"),
    path("c/<uuid:key>/stop/", commands.stop, name="stop"),
    path("c/<uuid:key>/continue/", commands.go_on, name="continue"),
    path("c/<uuid:key>/title/", commands.rename, name="rename"),
    path("c/<uuid:key>/policy/", commands.policy, name="policy"),
    path("c/<uuid:key>/participants/<int:participant>/model/", commands.participant_model, name="participant-model"),
    path("c/<uuid:key>/delete/", keeping.delete, name="delete"),
    path("c/<uuid:key>/restore/", keeping.restore, name="restore"),
]
