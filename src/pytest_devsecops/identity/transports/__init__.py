"""The ways to an application: ASGI and WSGI in process, a process of our own, a URL."""
