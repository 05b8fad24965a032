"""Wires and stores of the gateway."""
