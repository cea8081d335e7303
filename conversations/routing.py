from django.urls import path

from conversations.consumers import RoomConsumer

websocket_urlpatterns = [path("ws/c/<uuid:key>/", RoomConsumer.as_asgi())]
