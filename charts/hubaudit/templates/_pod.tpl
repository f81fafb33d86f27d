{{/* The pod's metadata, as the Job and the Deployment have it. */}}
{{- define "hubaudit.podMetadata" -}}
labels:
  {{- include "hubaudit.selectorLabels" . | nindent 2 }}
  {{- with .Values.podLabels }}{{ toYaml . | nindent 2 }}{{ end }}
annotations:
  checksum/config: {{ include (print $.Template.BasePath "/configmap.yaml") . | sha256sum }}
  {{- with .Values.podAnnotations }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}

{{- define "hubaudit.args" -}}
{{- if .Values.watch.enabled -}}
- watch
- {{ printf "--schedule=%s" .Values.schedule | quote }}
{{- with .Values.timeZone }}
- {{ printf "--time-zone=%s" . | quote }}
{{- end }}
- --listen=:9732
- --grace={{ sub (int .Values.watch.gracePeriodSeconds) 5 }}s
{{- else -}}
- now
- --output=markdown
- --fail-on={{ .Values.failOn }}
{{- end }}
- --config=/etc/hubaudit/hubaudit.yaml
- --log-level={{ .Values.logLevel }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{- define "hubaudit.podSpec" -}}
serviceAccountName: {{ include "hubaudit.serviceAccountName" . }}
restartPolicy: {{ ternary "Always" "Never" .Values.watch.enabled }}
{{- if .Values.watch.enabled }}
# --grace is 5 seconds less: what was sent by then can still be noted.
terminationGracePeriodSeconds: {{ .Values.watch.gracePeriodSeconds }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- $pod := dict "runAsNonRoot" true "fsGroupChangePolicy" "OnRootMismatch" "seccompProfile" (dict "type" "RuntimeDefault") }}
  {{- mergeOverwrite $pod .Values.podSecurityContext | toYaml | nindent 2 }}
containers:
  - name: audit
    image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    args:
      {{- include "hubaudit.args" . | nindent 6 }}
    {{- with .Values.env }}
    env: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- if .Values.watch.enabled }}
    ports:
      - {name: http, containerPort: 9732}
    livenessProbe:
      httpGet: {path: /healthz, port: http}
      periodSeconds: 30
      timeoutSeconds: 10
      failureThreshold: 4
    readinessProbe:
      httpGet: {path: /readyz, port: http}
      periodSeconds: 10
      timeoutSeconds: 5
    {{- end }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    resources: {{- toYaml .Values.resources | nindent 6 }}
    volumeMounts:
      - {name: config, mountPath: /etc/hubaudit/hubaudit.yaml, subPath: hubaudit.yaml, readOnly: true}
      {{- if eq (include "hubaudit.keepsFiles" .) "true" }}
      - {name: history, mountPath: /var/lib/hubaudit}
      {{- end }}
      - {name: tmp, mountPath: /tmp}
      {{- if .Values.secretName }}
      - {name: secrets, mountPath: /etc/hubaudit/secrets, readOnly: true}
      {{- end }}
      {{- range .Values.hubDatabases }}
      - {name: hub-{{ .hub }}, mountPath: /hubs/{{ .hub }}, readOnly: true}
      {{- end }}
      {{- range $i, $b := .Values.backupVolumes }}
      - {name: backups-{{ $i }}, mountPath: {{ $b.mountPath }}, readOnly: true}
      {{- end }}
      {{- range $i, $h := .Values.homeVolumes }}
      - {name: homes-{{ $i }}, mountPath: {{ $h.mountPath }}, readOnly: true}
      {{- end }}
volumes:
  - name: config
    configMap: {name: {{ include "hubaudit.fullname" . }}}
  {{- if eq (include "hubaudit.keepsFiles" .) "true" }}
  - name: history
    persistentVolumeClaim:
      claimName: {{ .Values.persistence.existingClaim | default (include "hubaudit.fullname" .) }}
  {{- end }}
  - name: tmp
    emptyDir: {sizeLimit: {{ .Values.temporary.sizeLimit | quote }}}
  {{- with .Values.secretName }}
  - name: secrets
    secret: {secretName: {{ . }}, defaultMode: 288}
  {{- end }}
  {{- range .Values.hubDatabases }}
  - name: hub-{{ .hub }}
    persistentVolumeClaim: {claimName: {{ .claim }}, readOnly: true}
  {{- end }}
  {{- range $i, $b := .Values.backupVolumes }}
  - name: backups-{{ $i }}
    persistentVolumeClaim: {claimName: {{ $b.claim }}, readOnly: true}
  {{- end }}
  {{- range $i, $h := .Values.homeVolumes }}
  - name: homes-{{ $i }}
    persistentVolumeClaim: {claimName: {{ $h.claim }}, readOnly: true}
  {{- end }}
{{- $beside := list }}
{{- range .Values.hubDatabases }}{{ with .placeBeside }}{{ $beside = append $beside . }}{{ end }}{{ end }}
{{- if $beside }}
affinity:
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      {{- range $beside }}
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels: {{- toYaml . | nindent 12 }}
      {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
