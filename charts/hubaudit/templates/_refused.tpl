{{/* What no schema refuses, or not without showing a secret, in words that tell what to do instead. */}}
{{- define "hubaudit.refuse" -}}
{{- include "hubaudit.refuseSecrets" (dict "at" "config" "value" .Values.config) }}
{{- if and (not .Values.secretName) (contains "\"/etc/hubaudit/secrets/" (toJson .Values.config)) }}
{{- fail "config names files in /etc/hubaudit/secrets: set secretName to the Secret whose keys they are" }}
{{- end }}
{{- if .Values.watch.enabled }}
{{- range .Values.hubDatabases }}
{{- if .placeBeside }}
{{- fail (printf "watch.enabled: a pod that stays holds claim %s on its node, and the hub cannot start on another one until somebody deletes that pod. Leave watch.enabled off, which audits by a CronJob; or set hubDatabases[].placeBeside to {} if several nodes can mount the claim or there is only one node" .claim) }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.serviceMonitor.enabled }}
{{- if not .Values.watch.enabled }}
{{- fail "serviceMonitor.enabled: only audit watch can be asked for metrics: set watch.enabled, or let the CronJob push them with config.metrics.pushgateway" }}
{{- end }}
{{- if not .Values.watch.allowFrom }}
{{- fail "serviceMonitor.enabled: the NetworkPolicy lets nobody ask for metrics: name Prometheus in watch.allowFrom, such as [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]" }}
{{- end }}
{{- end }}
{{- if and .Values.prometheusRule.enabled (not .Values.watch.enabled) (not .Values.config.metrics) }}
{{- fail "prometheusRule.enabled: no metrics get to Prometheus, so HubauditAbsent would never end: set config.metrics.pushgateway, or watch.enabled with serviceMonitor.enabled" }}
{{- end }}
{{- end }}

{{/* Refuses each secret in value, which stands at a path of the values. */}}
{{- define "hubaudit.refuseSecrets" -}}
{{- $at := .at }}
{{- if kindIs "map" .value }}
{{- range $key, $value := .value }}
{{- $path := printf "%s.%s" $at $key }}
{{- if kindIs "string" $value }}
{{- include "hubaudit.refuseSecret" (dict "at" $path "key" $key "value" $value) }}
{{- else if not (has $key (list "checks" "labels")) }}
{{- include "hubaudit.refuseSecrets" (dict "at" $path "value" $value) }}
{{- end }}
{{- end }}
{{- else if kindIs "slice" .value }}
{{- range $i, $value := .value }}
{{- $path := printf "%s[%d]" $at $i }}
{{- if kindIs "string" $value }}
{{- include "hubaudit.refuseSecret" (dict "at" $path "key" "url" "value" $value) }}
{{- else }}
{{- include "hubaudit.refuseSecrets" (dict "at" $path "value" $value) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "hubaudit.refuseSecret" -}}
{{- $elsewhere := "and a ConfigMap is no place for it: put it into the Secret of secretName, and name its file as" }}
{{- $secrets := list "token" "password" "databasePassword" "historyPassword" "scratchPassword" "secret" "key" "privacyKey" "routingKey" "webhookURL" }}
{{- if and (has .key $secrets) (not (regexMatch "^(\\$\\{[^}]+\\})?$" .value)) }}
{{- fail (printf "%s is a secret, %s %sFile: /etc/hubaudit/secrets/KEY; or write ${NAME}, and set that in env" .at $elsewhere .key) }}
{{- end }}
{{- if and (has .key (list "database" "history" "scratch")) (regexMatch "^\\s*[A-Za-z0-9_+]+://[^:/]*:[^@$]+@|[?&](password|passwd)=[^$&]" .value) }}
{{- fail (printf "%s holds a password, %s %sPasswordFile: /etc/hubaudit/secrets/KEY" .at $elsewhere .key) }}
{{- end }}
{{- if and (has .key (list "url" "apiURL" "pushgateway" "heartbeatURL" "reportURL")) (regexMatch "^[a-z]+://[^/?#]*@" .value) }}
{{- fail (printf "%s holds a login, and a ConfigMap is no place for it: see username, passwordFile and tokenFile in docs/configuration.md" .at) }}
{{- end }}
{{- if or (hasSuffix "webhook.url" .at) (eq .key "heartbeatURL") }}
{{- range regexFindAll "[/?][^/?]{16,}|[?].*" (regexReplaceAll "\\$\\{[^}]+\\}" .value "") -1 }}
{{- if regexMatch "[0-9?]" . }}
{{- fail (printf "%s is a secret, %s %sFile: /etc/hubaudit/secrets/KEY" $.at $elsewhere $.key) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
