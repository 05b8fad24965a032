"""Reading a kubeconfig or a pod's service account, once, into what a connection needs.

Everything here may block (files, exec plug-ins) and belongs on a thread. The parsing, the precedence of users'
credentials and the exec protocol are the official ``kubernetes`` package's; this module adds what that package leaves
out: faults that name the place, no silent fall to anonymous requests, and no key material left in temporary files.
"""

from __future__ import annotations

import base64
import copy
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from kubernetes.client import Configuration
from kubernetes.config import ConfigException, exec_provider, incluster_config, kube_config

from fairlead.kube.errors import CredentialsError
from fairlead.kube.material import Material, material_of

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE_ACCOUNT_DIRECTORY = Path("/var/run/secrets/kubernetes.io/serviceaccount")

# The package is typed, but not these parts of it.
_ExecProvider: Any = exec_provider.ExecProvider
_InClusterConfigLoader: Any = incluster_config.InClusterConfigLoader
_KubeConfigLoader: Any = kube_config.KubeConfigLoader
_ConfigNode: Any = kube_config.ConfigNode

_LOADER_FAULTS = (ConfigException, OSError, ValueError, KeyError, TypeError, AttributeError)


def read_kubeconfig(source: Path | str, context: str | None, *, insecure: bool, no_proxy: bool) -> Material:
    """Read one context of a kubeconfig: a file (``Path``) or its contents (``str``).

    Runs the user's exec plug-in when there is one. Relative paths inside a file are relative to it.

    Raises:
        CredentialsError: anything is missing, malformed or refused; the message names it.

    """
    where, base, config = _parse(source)
    chosen = _choose(config, context, where)
    place = f"{where}, context {chosen.context!r}"
    expires = None
    if "exec" in chosen.user:
        user, expires = _run_exec_plugin(chosen, base)
        chosen.replace_user(user)
    held = sorted(chosen.user)
    with tempfile.TemporaryDirectory(prefix="fairlead-") as scratch:
        try:
            _unpack(chosen, Path(scratch), place)
            configuration = Configuration()
            _KubeConfigLoader(chosen.config, active_context=chosen.context, config_base_path=base).load_and_set(
                configuration
            )
        except _LOADER_FAULTS as error:
            raise CredentialsError(f"{place}: {_told(error)}") from error
        if held and not configuration.api_key.get("BearerToken") and not configuration.cert_file:
            raise CredentialsError(
                f"{place}: its user holds no usable credentials "
                f"(found only {', '.join(held)}); give a token, tokenFile, client certificate or exec plug-in"
            )
        material = material_of(configuration, place, insecure=insecure, no_proxy=no_proxy)
    return replace(material, expires=expires, rotates="tokenFile" in held)


def read_service_account(
    directory: Path, environ: Mapping[str, str] | None, *, insecure: bool, no_proxy: bool
) -> Material:
    """Read the pod's own service account: token and CA from ``directory``, the server from the pod's environment.

    Raises:
        CredentialsError: this process does not run in a pod, or its service account is not mounted.

    """
    source = {} if environ is None else {"environ": environ}
    configuration = Configuration()
    try:
        _InClusterConfigLoader(
            token_filename=str(directory / "token"),
            cert_filename=str(directory / "ca.crt"),
            try_refresh_token=False,
            **source,
        ).load_and_set(configuration)
    except _LOADER_FAULTS as error:
        raise CredentialsError(
            f"service account in {directory}: {_told(error)} Outside a pod, or with "
            "automountServiceAccountToken: false, configure a kubeconfig instead."
        ) from error
    place = f"service account in {directory}"
    return replace(material_of(configuration, place, insecure=insecure, no_proxy=no_proxy), rotates=True)


@dataclass(slots=True)
class _Chosen:
    """One context of a parsed kubeconfig, with copies of what the loader will read."""

    config: dict[str, Any]
    context: str
    user: dict[str, Any]
    cluster: dict[str, Any]

    def replace_user(self, user: dict[str, Any]) -> None:
        """Let the loader see ``user`` in place of the one that the file holds."""
        name = self.config["contexts"][0]["context"]["user"]
        self.config["users"] = [{"name": name, "user": user}]
        self.user = user


def _parse(source: Path | str) -> tuple[str, str, dict[str, Any]]:
    if isinstance(source, Path):
        where, base = f"kubeconfig {source}", str(source.absolute().parent)
        try:
            text = source.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise CredentialsError(f"{where}: no such file") from error
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialsError(f"{where}: cannot be read: {_told(error)}") from error
    else:
        where, base, text = "inline kubeconfig", "", source
    try:
        config = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise CredentialsError(f"{where}: no valid YAML{line}: {error.problem}") from None  # the cause quotes the text
    except yaml.YAMLError:
        raise CredentialsError(f"{where}: no valid YAML") from None  # as above
    if not isinstance(config, dict) or not isinstance(config.get("contexts"), list):
        raise CredentialsError(f"{where}: no kubeconfig: it has no list of contexts")
    return where, base, config


def _choose(config: dict[str, Any], context: str | None, where: str) -> _Chosen:
    name = context or config.get("current-context")
    contexts = _named(config.get("contexts"))
    known = ", ".join(sorted(contexts)) or "none"
    if not name:
        raise CredentialsError(f"{where}: names no current-context; choose one of: {known}")
    if name not in contexts:
        raise CredentialsError(f"{where}: has no context {name!r}; it has: {known}")
    chosen = contexts[name].get("context") or {}
    clusters, users = _named(config.get("clusters")), _named(config.get("users"))
    for role, names in (("cluster", clusters), ("user", users)):
        wanted = chosen.get(role)
        if (role == "cluster" or wanted) and wanted not in names:
            raise CredentialsError(f"{where}, context {name!r}: its {role} {wanted!r} is not in the file")
    cluster = clusters[chosen["cluster"]]
    if not (cluster.get("cluster") or {}).get("server"):
        raise CredentialsError(f"{where}, context {name!r}: its cluster {chosen['cluster']!r} names no server")
    user = users.get(chosen.get("user") or "", {"user": {}})
    small: dict[str, Any] = copy.deepcopy(
        {
            "current-context": name,
            "contexts": [contexts[name]],
            "clusters": [cluster],
            "users": [user | {"user": user.get("user") or {}}],
        }
    )
    return _Chosen(small, name, small["users"][0]["user"], small["clusters"][0]["cluster"])


def _named(entries: object) -> dict[str, dict[str, Any]]:
    if not isinstance(entries, list):
        return {}
    return {entry["name"]: entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("name"), str)}


def _unpack(chosen: _Chosen, scratch: Path, place: str) -> None:
    """Put inline certificates and keys into files of this reading alone.

    The loader would keep them in a table that all threads share, until the process ends. It would also drop characters
    that are no base64, and fail later without a name.
    """
    provider = chosen.user.get("auth-provider")
    issuer = provider.get("config") if isinstance(provider, dict) else None
    places: tuple[tuple[dict[str, Any], str], ...] = (
        (chosen.cluster, "certificate-authority"),
        (chosen.user, "client-certificate"),
        (chosen.user, "client-key"),
        (issuer if isinstance(issuer, dict) else {}, "idp-certificate-authority"),
    )
    for entry, name in places:
        inline = entry.pop(f"{name}-data", None)
        if not inline:
            continue
        try:
            (scratch / name).write_bytes(base64.b64decode("".join(str(inline).split()), validate=True))
        except ValueError as error:
            raise CredentialsError(f"{place}: {name}-data is no base64") from error
        entry[name] = str(scratch / name)


def _run_exec_plugin(chosen: _Chosen, base: str) -> tuple[dict[str, Any], float | None]:
    """Ask the plug-in and give its answer the form of a kubeconfig user (client.authentication.k8s.io)."""
    place = f"context {chosen.context!r}: exec plug-in"
    try:
        status = _ExecProvider(
            _ConfigNode("exec", chosen.user["exec"]), base, _ConfigNode("cluster", chosen.cluster)
        ).run()
    except FileNotFoundError as error:
        raise CredentialsError(f"{place} {chosen.user['exec'].get('command')!r} is not installed") from error
    except _LOADER_FAULTS as error:
        raise CredentialsError(f"{place}: {_told(error)}") from error
    user: dict[str, Any] = {}
    if status.get("token"):
        user["token"] = status["token"]
    if status.get("clientCertificateData") and status.get("clientKeyData"):
        user["client-certificate-data"] = base64.b64encode(status["clientCertificateData"].encode()).decode()
        user["client-key-data"] = base64.b64encode(status["clientKeyData"].encode()).decode()
    if not user:
        raise CredentialsError(f"{place}: answered neither a token nor a client certificate with its key")
    try:
        until = status.get("expirationTimestamp")
        return user, datetime.fromisoformat(until).timestamp() if until else None
    except (TypeError, ValueError) as error:
        raise CredentialsError(f"{place}: its expirationTimestamp is no RFC 3339 time") from error


def _told(error: Exception) -> str:
    """Say what a loader's error means without its habit of bare KeyErrors."""
    if isinstance(error, KeyError):
        return f"{error} is missing."
    text = str(error) or type(error).__name__
    return text if text.endswith(".") else text + "."
