"""Real neighbours on loopback: nats-server and PostgreSQL as child processes.

The demo and the tests stand on them. Plain synchronous code: each call is short and bounded, and an asyncio program calls
it in a thread. What is started here ends with the program that started it, however that program ends.
"""
