"""The bridge: holds the one connection out of a zone and carries everything over it, in both directions.

Clean batches go up and are acknowledged to the clean log once the gateway has committed them; calls of watchers and
executors go up and their answers come back; operations and notices come down. It never looks inside a batch, keeps nothing
but what is under way, and takes work only when there is room for it.
"""
