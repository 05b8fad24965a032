"""What makes a program a Fairlead service.

Lifecycle, the bus, settings, health, logs, metrics, tracing, back-off and the classes of errors. No base class: a service
is a value with a name and a function that starts it.
"""

from fairlead.runtime.first_process import obey_sigterm

obey_sigterm()  # a program imports this package before most others, and imports take longest of a start
