"""The watcher's use cases: follow a resource, keep an account, hand batches to the scrubbers, tell states."""
