{{- define "hubaudit.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "hubaudit.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "hubaudit.labels" -}}
{{ include "hubaudit.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "hubaudit.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "hubaudit.fullname" .) .Values.serviceAccount.name }}
{{- else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{/* The cluster role's name holds the namespace: releases in two namespaces must not share it. */}}
{{- define "hubaudit.clusterRoleName" -}}
{{- printf "%s-%s" .Release.Namespace (include "hubaudit.fullname" .) }}
{{- end }}

{{- define "hubaudit.longhornNamespace" -}}
{{- dig "longhorn" "namespace" "longhorn-system" .Values.config }}
{{- end }}

{{/* Whether the role for Longhorn's events is made; the cluster tells where it is left to it. */}}
{{- define "hubaudit.readsEvents" -}}
{{- if eq (toString .Values.rbac.longhornEvents) "auto" }}
{{- or (.Capabilities.APIVersions.Has "longhorn.io/v1beta2") (.Capabilities.APIVersions.Has "longhorn.io/v1beta1") }}
{{- else }}{{ .Values.rbac.longhornEvents }}{{ end }}
{{- end }}

{{/* Whether anything is written that has to last: a history that is not on a database server, messages or metrics in a file. */}}
{{- define "hubaudit.keepsFiles" -}}
{{- or (not (hasPrefix "postgres" (default "" .Values.config.history))) (contains "\"/var/lib/hubaudit/" (toJson .Values.config)) }}
{{- end }}

{{/* The PromQL matchers of this audit's metrics, by the way in which they get to Prometheus. */}}
{{- define "hubaudit.matchers" -}}
{{- if .Values.prometheusRule.matchers }}{{ .Values.prometheusRule.matchers }}
{{- else if .Values.serviceMonitor.enabled }}{{ printf "namespace=%q,service=%q" .Release.Namespace (include "hubaudit.fullname" .) }}
{{- else if dig "metrics" "pushgateway" "" .Values.config }}{{ printf "job=\"hubaudit\",instance=%q" (dig "cluster" "name" "" .Values.config | default "hubaudit") }}
{{- end }}
{{- end }}
