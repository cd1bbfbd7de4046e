"""What a Django project will meet on its way from WSGI to ASGI; needs nothing but the project's own Python."""
