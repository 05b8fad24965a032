"""Sessions with API servers for the watcher (reading) and the executor (writing, live reads).

Credentials come through the official ``kubernetes`` package; requests, lists and watches run on aiohttp as bytes, and
objects are never decoded further than their metadata. Not a general Kubernetes client: no typed models, no caches.

Guarantees: an answer is either returned whole or raised by its meaning (``errors``); a request is sent once unless the
server refused it unread; nothing waits or grows without a bound; no message repeats an object or a credential.
"""
