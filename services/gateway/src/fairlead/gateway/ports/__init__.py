"""What the gateway needs from outside, as small protocols."""
