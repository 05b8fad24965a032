"""The link: gRPC on the side that is dialled."""
