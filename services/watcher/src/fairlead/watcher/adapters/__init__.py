"""The watcher's outside: API servers and the bus."""
