"""Daphne, but it lets the site finish before it cuts the connections."""

from typing import Any

from daphne.server import Server
from twisted.internet.defer import Deferred

from chimera_site.asgi import process


class OrderlyServer(Server):  # type: ignore[misc]  # daphne has no types
    def kill_all_applications(self) -> Deferred[Any]:
        """Called first at shutdown: drain while sockets can still be told, then cut them."""
        drained = Deferred.fromFuture(process.drain())
        return drained.addBoth(lambda _: super(OrderlyServer, self).kill_all_applications())
