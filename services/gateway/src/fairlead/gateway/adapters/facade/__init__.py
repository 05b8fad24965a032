"""The facade on the wire: ASGI in, requests and answers of the ports out."""
