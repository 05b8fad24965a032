"""Where NATS is spoken."""
