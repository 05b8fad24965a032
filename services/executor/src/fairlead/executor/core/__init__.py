"""The executor's decisions: what to send, what an answer means, who may run an operation."""
