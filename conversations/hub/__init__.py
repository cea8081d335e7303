"""One process's listener for one open conversation: bell or tick -> what changed -> fragments -> its sockets.

frames.py    what goes over a socket, both ways, as JSON
outbox.py    what waits to be sent to one socket, bounded, with its own writer
sockets.py   what a hub knows of one socket: whose it is, what it may see, what it holds
reading.py   the one way to read what a viewer lacks, and who may see it
sessions.py  whether the sessions of sockets still hold
speaking.py  what a hub knows of the texts that stream
replies.py   one piece of such a text on its way to sockets
room.py      the hub itself
process.py   all hubs of this process and their tick
"""

from conversations.hub.frames import Window
from conversations.hub.process import Hubs, hubs
from conversations.hub.reading import Changes, changes_since
from conversations.hub.room import Hub
from conversations.hub.sockets import Socket

__all__ = ["Changes", "Hub", "Hubs", "Socket", "Window", "changes_since", "hubs"]
