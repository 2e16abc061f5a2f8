{{- define "lutrin.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "lutrin.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lutrin.labels" -}}
{{ include "lutrin.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "lutrin.serviceAccount" -}}
{{- if .Values.serviceAccount.name }}{{ .Values.serviceAccount.name }}{{ else if .Values.serviceAccount.create }}{{ include "lutrin.name" . }}{{ else }}default{{ end }}
{{- end }}

{{- /* What values.schema.json cannot say of two values together. */ -}}
{{- define "lutrin.check" -}}
{{- $several := or (gt (int .Values.replicas) 1) (ne .Values.autoscaling.type "none") }}
{{- if and $several (eq (lower (toString (get .Values.settings "ADMIN"))) "true") }}
{{- fail "ADMIN=true changes one pod alone, and there are several: set replicas to 1, or change models.plan instead" }}
{{- end }}
{{- if and (gt (int .Values.gpu.count) 0) (gt (int (get .Values.settings "WORKERS" | default 1)) 1) }}
{{- fail "a GPU is served by one process: leave WORKERS out, and raise replicas" }}
{{- end }}
{{- if and (eq .Values.models.source "init") .Values.models.cache.claim }}
{{- fail "init containers of several pods would write into one claim at once: leave models.cache.claim out" }}
{{- end }}
{{- if and .Values.models.cache.storageClass (ne .Values.kind "StatefulSet") }}
{{- fail "models.cache.storageClass gives each pod a volume, which needs kind: StatefulSet" }}
{{- end }}
{{- end }}
