{{- /* What is yours, laid over the ConfigMap of the gateway. */ -}}
{{- define "fairlead.settings" -}}
{{- toYaml .Values.config -}}
{{- end -}}

{{- /* Port of the collector of traces, for the network policy; nothing where tracing is off. */ -}}
{{- define "fairlead.tracingPort" -}}
{{- with (.Values.config.tracing | default dict).endpoint -}}
  {{- $url := urlParse . -}}
  {{- regexFind "[0-9]+$" $url.host | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end -}}
{{- end -}}
