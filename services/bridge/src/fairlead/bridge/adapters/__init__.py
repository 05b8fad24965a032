"""Where NATS and gRPC are spoken."""
