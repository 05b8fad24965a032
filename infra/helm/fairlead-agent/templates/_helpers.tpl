{{- /* What is yours, laid over the ConfigMaps of the services: `agentyml`, over it `config`, and the accounts of `kubeconfigs`. */ -}}
{{- define "fairlead.settings" -}}
{{- $settings := dict "agent" (dict "mode" (ternary "agent" "infrastructure" (empty .Values.kubeconfigs))) -}}
{{- $file := fromYaml .Values.agentyml -}}
{{- with $file.Error }}{{ fail (printf "agentyml is no YAML file of settings: %s" .) }}{{ end -}}
{{- $settings = mustMergeOverwrite $settings $file (deepCopy .Values.config) -}}
{{- if not ($settings.clouddriver | default dict).grpc -}}
  {{- fail "config.clouddriver.grpc is not set: give host:port of the gateway" -}}
{{- end -}}
{{- $own := ($settings.kubernetes | default dict).accounts | default list -}}
{{- $accounts := list -}}
{{- $named := dict -}}
{{- range $own -}}
  {{- $_ := set $named .name true -}}
  {{- if and $.Values.rbac.namespaced (empty $.Values.kubeconfigs) (not .onlyNamespacedResources) -}}
    {{- fail (printf "rbac.namespaced is true, but account %s is not kept to a namespace: set its namespaces to [%s] and onlyNamespacedResources to true" .name $.Release.Namespace) -}}
  {{- end -}}
  {{- $file := dict -}}
  {{- if hasKey $.Values.kubeconfigs .name }}{{ $file = dict "kubeconfigFile" (printf "/run/kubeconfigs/%s" .name) }}{{ end -}}
  {{- $accounts = append $accounts (merge (deepCopy .) $file) -}}
{{- end -}}
{{- range $name, $_ := .Values.kubeconfigs -}}
  {{- if not (hasKey $named $name) -}}
    {{- $accounts = append $accounts (dict "name" $name "kubeconfigFile" (printf "/run/kubeconfigs/%s" $name)) -}}
  {{- end -}}
{{- end -}}
{{- if not $accounts -}}
  {{- fail "no account is set: give config.kubernetes.accounts (name, serviceAccount: true) for the cluster that the agent stands in, or kubeconfigs for others" -}}
{{- end -}}
{{- $settings = mustMergeOverwrite $settings (dict "kubernetes" (dict "accounts" $accounts)) -}}
{{- toYaml $settings -}}
{{- end -}}

{{- /* Port of the gateway, for the bridge's network policy. */ -}}
{{- define "fairlead.linkPort" -}}
{{- $settings := include "fairlead.settings" . | fromYaml -}}
{{- regexFind "[0-9]+$" (($settings.clouddriver | default dict).grpc | default "") -}}
{{- end -}}

{{- /* Port of the collector of traces, for network policies; nothing where tracing is off. */ -}}
{{- define "fairlead.tracingPort" -}}
{{- $settings := include "fairlead.settings" . | fromYaml -}}
{{- with ($settings.tracing | default dict).endpoint -}}
  {{- $url := urlParse . -}}
  {{- regexFind "[0-9]+$" $url.host | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end -}}
{{- end -}}
