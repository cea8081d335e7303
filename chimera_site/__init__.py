"""The site: users, audit and the wiring of conversations and providers into the web."""

__version__ = "0.1.0"
