"""The request handlers: routes, options, reading, watching, writing and deleting. No I/O: bytes in, bytes out."""
