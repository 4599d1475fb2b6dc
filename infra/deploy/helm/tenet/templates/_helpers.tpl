{{- define "tenet.labels" -}}
app.kubernetes.io/name: tenet
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "tenet.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end }}

{{- define "tenet.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "tenet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "tenet.sharedEnvironment" -}}
- {name: TENET_STATE, value: /var/lib/tenet}
- {name: TENET_ISSUER_URL, value: {{ .Values.issuer.url | quote }}}
- {name: TENET_AUDIENCE, value: {{ .Values.issuer.audience | quote }}}
- {name: TENET_TENANCY_FIRST_ADMINISTRATOR, value: {{ .Values.issuer.firstAdministrator | quote }}}
- {name: TENET_LOG_NAME, value: {{ .Values.log.name | quote }}}
- {name: TENET_LOG_LEVEL, value: {{ .Values.telemetry.level | quote }}}
- {name: TENET_OTLP_ENDPOINT, value: {{ .Values.telemetry.otlpEndpoint | quote }}}
{{- end }}
