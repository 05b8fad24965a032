"""Listening, and its end while somebody knocks."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import warnings

import pytest
from aiohttp import web

from fairlead.simcluster.listening import ListeningSite


@pytest.mark.parametrize("tls", [False, True])
async def test_a_connection_that_comes_with_the_end_is_not_lost(*, tls: bool) -> None:
    """It was accepted, and the server closes before it is set up: nothing is left to be collected unclosed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
    runner = web.AppRunner(web.Application(), shutdown_timeout=0.1)
    await runner.setup()
    await ListeningSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    gc.collect()  # what others left
    with warnings.catch_warnings(record=True) as warned, socket.create_connection(runner.addresses[0]):
        warnings.simplefilter("always")
        for _ in range(2):  # in the second turn it has been accepted
            await asyncio.sleep(0)
        await runner.cleanup()
        gc.collect()

    assert [str(each.message) for each in warned if each.category is ResourceWarning] == []
