"""How a command ends early: one clear sentence and an honest exit code (0 done, 1 failed, 2 used or configured wrongly)."""

from __future__ import annotations

from fairlead.runtime.errors import EXIT_CONFIGURATION, EXIT_FAILURE


class CommandError(Exception):
    """The command failed; the text is the whole message for the user."""

    exit_code = EXIT_FAILURE


class MisuseError(CommandError):
    """The command was called with something that cannot be right."""

    exit_code = EXIT_CONFIGURATION
