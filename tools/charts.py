"""The templates of the Helm charts, made from the kustomize bases: one source for each object, and templates that read like it.

Each edit names the text of the base that it replaces; a base that no longer has it exactly once is told, so that nothing gets
lost silently. `tools/docs.py` writes what this makes; NOTES.txt, helpers, settings and values are written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASE = ROOT / "infra/kubernetes/base"
HELM = ROOT / "infra/helm"
CHARTS = {
    "fairlead-agent": ("nats", "watcher", "scrubber", "bridge", "executor"),
    "fairlead-gateway": ("gateway",),
}
READS_CLUSTERS = ("watcher", "executor")
"""Services with rights, or with kubeconfigs."""
CLIENT_CERTIFICATE = "FAIRLEAD_BRIDGE__CLOUDDRIVER__TLS__CLIENT_"
CLIENT_AUTHORITY = "FAIRLEAD_GATEWAY__GATEWAY__LINK__TLS__CLIENT_CA_FILE"

_NAMESPACE = "  namespace: {{ .Release.Namespace }}\n"
_ROLE_KIND = "{{ if .Values.rbac.namespaced }}Role{{ else }}ClusterRole{{ end }}"
_KUBECONFIGS = """\
        {{- with .Values.kubeconfigs }}
        - name: kubeconfigs
          projected:
            defaultMode: 0440
            sources:
              {{- range $account, $file := . }}
              - secret: { name: {{ $file.secret }}, items: [{ key: {{ $file.file }}, path: {{ $account }} }] }
              {{- end }}
        {{- end }}
"""


class ChartError(Exception):
    """A base no longer looks as an edit expects; the message names both."""


@dataclass
class Template:
    """A file of a base on its way into a chart."""

    service: str
    name: str
    text: str

    def swap(self, old: str, new: str) -> None:
        """Replace a text that is there exactly once."""
        if (times := self.text.count(old)) != 1:
            raise ChartError(f"base/{self.service}/{self.name} has {old!r} {times} times: mend tools/charts.py")
        self.text = self.text.replace(old, new)

    def before(self, mark: str, new: str) -> None:
        """Put lines before a text that is there exactly once."""
        self.swap(mark, new + mark)

    def rewrite(self, pattern: str, new: str) -> None:
        """Replace what a pattern matches, which it does exactly once; ``^`` is the beginning of a line."""
        self.text, times = re.subn(pattern, new, self.text, flags=re.MULTILINE)
        if times != 1:
            raise ChartError(f"base/{self.service}/{self.name} matches {pattern!r} {times} times: mend tools/charts.py")

    def end_block(self, key: str, new: str) -> None:
        """Put lines at the end of the block under a key, which is there exactly once."""
        self.rewrite(rf"^(( *){key}:\n(?:\2 +.*\n)+)", rf"\1{new}")

    def only_if(self, condition: str) -> None:
        """Make everything depend on a condition."""
        self.text = f"{{{{- if {condition} }}}}\n{self.text}{{{{- end }}}}\n"


def rendered() -> dict[Path, str]:
    """Every template that is made from a base, by its file."""
    return {
        HELM / chart / "templates" / service / template.name: _header(service, template.name) + template.text
        for chart, services in CHARTS.items()
        for service in services
        for template in _templates(service)
    }


def _header(service: str, name: str) -> str:
    return f"{{{{- /* Made from infra/kubernetes/base/{service}/{name} by `make docs`; do not edit. */ -}}}}\n"


def _templates(service: str) -> Iterator[Template]:
    for file in sorted((BASE / service).glob("*.yaml")):
        if file.name == "kustomization.yaml":
            continue
        template = Template(service, file.name, file.read_text(encoding="utf-8"))
        edit = _EDITS.get(file.name, _namespaced)
        edit(template)
        yield template


def _namespaced(template: Template) -> None:
    template.rewrite(r"^(metadata:\n  name: .*\n)", rf"\1{_NAMESPACE}")


def _deployment(template: Template) -> None:
    service = template.service
    _namespaced(template)
    _replicas(template)
    _pod(template)
    template.swap(
        f"image: fairlead/{service}\n",
        f'image: "{{{{ .Values.image.repository }}}}/{service}:{{{{ .Values.image.tag | default .Chart.AppVersion }}}}"\n'
        "          {{- with .Values.image.imagePullPolicy }}\n"
        "          imagePullPolicy: {{ . }}\n"
        "          {{- end }}\n",
    )
    settings = "fairlead-gateway-settings" if service == "gateway" else "fairlead-settings"
    template.swap(
        f"{{ name: {settings}, optional: true }}",
        f'{{ name: {settings}-{{{{ include "fairlead.settings" . | sha256sum | trunc 10 }}}}, optional: true }}',
    )
    _environment(template)
    if service in READS_CLUSTERS:
        _clusters(template)
    if service == "bridge":
        _client_certificate(template)


def _replicas(template: Template) -> None:
    value = {
        "gateway": ".Values.replicas",
        "scrubber": ".Values.replicas.scrubber",
        "executor": ".Values.replicas.executor",
    }
    if template.service in value:
        template.rewrite(r"^  replicas: (\d+)$", rf"  replicas: {{{{ {value[template.service]} | default \1 }}}}")


def _pod(template: Template) -> None:
    name = f"app.kubernetes.io/name: fairlead-{template.service}\n"
    template.swap(
        f"      labels:\n        {name}",
        f"      labels:\n        {name}"
        "        {{- with .Values.podLabels }}\n"
        "        {{- toYaml . | nindent 8 }}\n"
        "        {{- end }}\n"
        "      {{- with .Values.podAnnotations }}\n"
        "      annotations:\n"
        "        {{- toYaml . | nindent 8 }}\n"
        "      {{- end }}\n",
    )
    template.before(
        "      automountServiceAccountToken:",
        "      {{- with .Values.image.imagePullSecrets }}\n      imagePullSecrets: [{ name: {{ . }} }]\n      {{- end }}\n",
    )
    value = ".Values.podResources" if template.service == "gateway" else f".Values.podResources.{template.service}"
    template.rewrite(
        r"^(          resources:.*\n)((?:            .*\n)+)",
        rf"\1            {{{{- with {value} }}}}\n            {{{{- toYaml . | nindent 12 }}}}\n"
        rf"            {{{{- else }}}}\n\2            {{{{- end }}}}\n",
    )


def _environment(template: Template) -> None:
    variables = (
        "            {{- with .Values.env }}\n            {{- toYaml . | nindent 12 }}\n            {{- end }}\n"
    )
    if template.service == "gateway":
        authority = f"            - {{ name: {CLIENT_AUTHORITY}, value: /run/fairlead/ca.crt }}\n"
        variables = "            {{- if .Values.mtls }}\n" + authority + "            {{- end }}\n" + variables
    template.before("          ports:\n", variables)


def _clusters(template: Template) -> None:
    template.swap(
        "automountServiceAccountToken: false", "automountServiceAccountToken: {{ empty .Values.kubeconfigs }}"
    )
    template.end_block(
        "volumeMounts",
        "            {{- if .Values.kubeconfigs }}\n"
        "            - { name: kubeconfigs, mountPath: /run/kubeconfigs, readOnly: true }\n"
        "            {{- end }}\n",
    )
    template.end_block("volumes", _KUBECONFIGS)


def _client_certificate(template: Template) -> None:
    def only_mtls(indent: str, *lines: str) -> str:
        return "".join(f"{indent}{line}\n" for line in ("{{- if .Values.mtls }}", *lines, "{{- end }}"))

    template.before(
        "            {{- with .Values.env }}\n",
        only_mtls(
            " " * 12,
            f"- {{ name: {CLIENT_CERTIFICATE}CERT_FILE, value: /run/client/agent.crt }}",
            f"- {{ name: {CLIENT_CERTIFICATE}KEY_FILE, value: /run/client/agent.key }}",
        ),
    )
    template.end_block(
        "volumeMounts", only_mtls(" " * 12, "- { name: client, mountPath: /run/client, readOnly: true }")
    )
    volume = "- { name: client, secret: { secretName: fairlead-bridge-client, defaultMode: 0440 } }"
    template.end_block("volumes", only_mtls(" " * 8, volume))


def _stateful_set(template: Template) -> None:
    _namespaced(template)
    _pod(template)
    template.swap("image: nats\n", "image: {{ .Values.nats.image }}\n")
    template.swap("storage: 1Gi", "storage: {{ .Values.nats.storage }}")
    template.before(
        "        accessModes:",
        "        {{- with .Values.nats.storageClassName }}\n        storageClassName: {{ . }}\n        {{- end }}\n",
    )


def _rbac(template: Template) -> None:
    if template.service not in READS_CLUSTERS:
        _namespaced(template)
        return
    documents = []
    for text in template.text.split("---\n"):
        document = Template(template.service, template.name, text)
        _role(document) if "rules:\n" in text else _binding(document)
        if "-writes\n" in text and "rules:\n" in text:
            document.swap("rules:\n", "rules:{{ if .Values.rbac.readOnly }} []{{ else }}\n")
            document.text += "{{- end }}\n"
        documents.append(document.text)
    template.text = "---\n".join(documents)
    template.only_if("not .Values.kubeconfigs")


def _role(document: Template) -> None:
    document.swap("kind: ClusterRole\n", f"kind: {_ROLE_KIND}\n")
    document.before("rules:\n", f"  {{{{- if .Values.rbac.namespaced }}}}\n{_NAMESPACE}  {{{{- end }}}}\n")
    document.before("  # Of the whole cluster\n", "  {{- if not .Values.rbac.namespaced }}\n")
    document.before("  # In namespaces\n", "  {{- end }}\n")


def _binding(document: Template) -> None:
    document.swap("kind: ClusterRoleBinding\n", f"kind: {_ROLE_KIND}Binding\n")
    document.swap("  kind: ClusterRole\n", f"  kind: {_ROLE_KIND}\n")
    document.before("roleRef:\n", f"  {{{{- if .Values.rbac.namespaced }}}}\n{_NAMESPACE}  {{{{- end }}}}\n")
    document.text += "    namespace: {{ .Release.Namespace }}\n"


def _network_policy(template: Template) -> None:
    _namespaced(template)
    if template.service == "bridge":
        template.swap("port: 9091 }", 'port: {{ include "fairlead.linkPort" . }} }')
    if template.service != "nats":
        template.text += (
            '    {{- with include "fairlead.tracingPort" . }}\n'
            "    - ports: [{ protocol: TCP, port: {{ . }} }] # the collector of traces\n"
            "    {{- end }}\n"
        )
    template.only_if(".Values.networkPolicies")


def _service(template: Template) -> None:
    _namespaced(template)
    if template.service == "gateway":
        template.before(
            "spec:\n",
            "  {{- with .Values.service.annotations }}\n  annotations:\n    {{- toYaml . | nindent 4 }}\n  {{- end }}\n",
        )
        template.swap("spec:\n", "spec:\n  {{- with .Values.service.type }}\n  type: {{ . }}\n  {{- end }}\n")


_EDITS = {
    "deployment.yaml": _deployment,
    "networkpolicy.yaml": _network_policy,
    "rbac.yaml": _rbac,
    "service.yaml": _service,
    "statefulset.yaml": _stateful_set,
}
