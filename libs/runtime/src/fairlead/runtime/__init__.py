"""What makes a program a Fairlead service.

Lifecycle, the bus, settings, health, logs, metrics, tracing, back-off and the classes of errors. No base class: a service
is a value with a name and a function that starts it.
"""
