"""The real Kubernetes control plane of the session, and a namespace of it per test."""

from __future__ import annotations

import contextlib
import secrets
import urllib.error
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.processes import SESSION_PROCESSES
from tests.support.real_parts import require_part
from tools.parts.build import missing_binaries, parts_directory

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def _session_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    missing = missing_binaries()
    if missing:
        require_part("Kubernetes control plane", f"{', '.join(missing)} not built: run `make parts`")
    control_plane = ControlPlane(tmp_path_factory.mktemp("control-plane"), parts_directory())
    with contextlib.ExitStack() as stack:
        stack.callback(control_plane.stop)
        control_plane.start()
        SESSION_PROCESSES.extend(control_plane.processes)
        yield control_plane


@pytest.fixture
def control_plane(_session_control_plane: ControlPlane) -> ControlPlane:
    """The session's control plane, up and running even when the test before left its API server down."""
    for process in _session_control_plane.processes:
        process.resume()
    if not _session_control_plane.api_server.running:
        _session_control_plane.start_api()
    if not _session_control_plane.controller_manager.running:
        _session_control_plane.controller_manager.start()
    return _session_control_plane


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A fresh namespace that takes pods; it is deleted afterwards, without waiting until it is gone."""
    name = f"test-{secrets.token_hex(4)}"
    control_plane.make_namespace(name)
    yield name
    if control_plane.api_server.running:
        try:
            control_plane.request("DELETE", f"/api/v1/namespaces/{name}")
        except urllib.error.HTTPError as refusal:
            if refusal.code != HTTPStatus.NOT_FOUND:  # a test may have deleted it
                raise
