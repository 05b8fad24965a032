"""What the server tells about its types: OpenAPI documents v2 (JSON and protobuf) and v3, from one compact table."""
