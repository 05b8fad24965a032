"""The watcher: observes clusters and publishes raw observations.

In: lists and watches of API servers. Out: numbered parts on the raw subject, which only scrubbers read. It remembers
identity and version of what it has seen, never an object, and never writes to a cluster.
"""
