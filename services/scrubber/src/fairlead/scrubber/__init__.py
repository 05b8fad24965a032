"""The scrubber: takes raw batches, removes secret data, and publishes what is left to the clean log.

It fails closed in two layers. Rules (`core.redaction`) take out what they name; a byte-level check that shares no code
with them (`core.proof`) looks at what is about to be published. An object about which either cannot decide is held back:
a stub goes out in its place. The scrubber holds nothing between batches, and must never let an object pass that it could
not decide about.
"""
