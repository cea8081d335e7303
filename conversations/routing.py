from django.urls import path, re_path

from conversations.consumers import RoomConsumer, nowhere

websocket_urlpatterns = [
    path("ws/c/<uuid:key>/", RoomConsumer.as_asgi()),
    # Without it any other address would be a defect in the log.
    re_path("", nowhere),  # type: ignore[arg-type]  # channels routes ASGI applications
]
