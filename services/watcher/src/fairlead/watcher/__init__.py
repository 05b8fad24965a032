"""fairlead.watcher."""
