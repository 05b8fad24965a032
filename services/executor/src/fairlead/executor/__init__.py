"""The executor runs operations against API servers and brings their true results back.

It takes operations from the bus, claims each one in a bucket that all executors share, sends the requests, and reports.
Guarantees: a write takes effect at most once, or its outcome is told as unknown with what may have happened; nothing of
an object is kept; one account's trouble never takes the room of another. It never does what it was not asked.
"""
