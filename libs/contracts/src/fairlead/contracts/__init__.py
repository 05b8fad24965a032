"""The shared language of the Fairlead services.

Messages, the envelope of the observation path, the table of subjects and streams, identities and versions: whatever two
services must agree on. Nothing here talks to anything; it is values and their encodings.
"""
