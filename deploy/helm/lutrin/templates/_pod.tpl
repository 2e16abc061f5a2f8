{{- define "lutrin.pod" -}}
{{- include "lutrin.check" . }}
{{- $models := .Values.models }}
metadata:
  labels:
    {{- include "lutrin.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    checksum/plan: {{ toJson $models.plan | sha256sum }} # a changed plan starts new pods, one by one
    {{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "lutrin.serviceAccount" . }}
  automountServiceAccountToken: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile: {type: RuntimeDefault}
  terminationGracePeriodSeconds: {{ add .Values.drainSeconds .Values.shutdownSeconds 10 }}
  {{- if eq $models.source "init" }}
  initContainers:
    - name: models
      image: {{ required "models.source init needs models.init.image" $models.init.image }}
      {{- with $models.init.command }}
      command: {{ toYaml . | nindent 8 }}
      {{- end }}
      {{- with $models.init.env }}
      env: {{ toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.secrets }}
      envFrom:
        {{- range . }}
        - secretRef: {name: {{ . }}}
        {{- end }}
      {{- end }}
      securityContext: {{ include "lutrin.hardened" . | nindent 8 }}
      volumeMounts:
        - {name: cache, mountPath: /models}
        - {name: tmp, mountPath: /tmp}
  {{- end }}
  containers:
    - name: lutrin
      image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext: {{ include "lutrin.hardened" . | nindent 8 }}
      ports:
        - {name: http, containerPort: 8000}
        {{- if .Values.grpc.enabled }}
        - {name: grpc, containerPort: 8500}
        {{- end }}
      env: {{ include "lutrin.environment" . | nindent 8 }}
      {{- with .Values.secrets }}
      envFrom:
        {{- range . }}
        - secretRef: {name: {{ . }}}
        {{- end }}
      {{- end }}
      startupProbe: # until the port is open
        httpGet: {path: /health/live, port: http}
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe: # a model that failed does not restart the pod
        httpGet: {path: /health/live, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
      readinessProbe: # the models reproduced their goldens
        httpGet: {path: /health/ready, port: http}
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 1
      lifecycle:
        preStop:
          sleep: {seconds: {{ .Values.drainSeconds }}}
      resources: {{ include "lutrin.resources" . | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        {{- if eq $models.source "pvc" }}
        - {name: models, mountPath: /models, readOnly: true{{ with $models.pvc.subPath }}, subPath: {{ . }}{{ end }}}
        {{- else if eq $models.source "oci" }}
        - {name: models, mountPath: /models, readOnly: true}
        {{- else if eq $models.source "init" }}
        - {name: cache, mountPath: /models, readOnly: true}
        {{- else if eq $models.source "mirror" }}
        - {name: cache, mountPath: /cache}
        {{- end }}
        {{- if $models.plan }}
        - {name: plan, mountPath: /etc/lutrin, readOnly: true}
        {{- end }}
  volumes: {{ include "lutrin.volumes" . | nindent 4 }}
  {{- with .Values.topologyKeys }}
  topologySpreadConstraints:
    {{- range . }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{ include "lutrin.selector" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{ toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "lutrin.hardened" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "lutrin.resources" -}}
{{- $resources := deepCopy .Values.resources }}
{{- if gt (int .Values.gpu.count) 0 }}
{{- $limits := merge (dict .Values.gpu.resource (int .Values.gpu.count)) (default dict $resources.limits) }}
{{- $_ := set $resources "limits" $limits }}
{{- end }}
{{- toYaml $resources }}
{{- end }}

{{- /* What the chart decides goes over `settings`: probes and ports depend on it. */ -}}
{{- define "lutrin.environment" -}}
{{- $own := dict "HOST" "0.0.0.0" "PORT" 8000 "LOG_FORMAT" "json" "SHUTDOWN_TIMEOUT_S" .Values.shutdownSeconds }}
{{- if .Values.grpc.enabled }}{{ $_ := set $own "GRPC_PORT" 8500 }}{{ end }}
{{- if gt (int .Values.gpu.count) 0 }}{{ $_ := set $own "DEVICE" "gpu" }}{{ end }}
{{- if eq .Values.models.source "mirror" }}
{{- $_ := set $own "MODELS_DIR" (required "models.source mirror needs models.mirror.address, such as s3://bucket/models" .Values.models.mirror.address) }}
{{- $_ := set $own "CACHE_DIR" "/cache" }}
{{- $_ := set $own "REMOTE_POLL_S" .Values.models.mirror.pollSeconds }}
{{- else }}
{{- $_ := set $own "MODELS_DIR" "/models" }}
{{- end }}
{{- if .Values.models.plan }}{{ $_ := set $own "MODELS_FILE" "/etc/lutrin/models.yaml" }}{{ end }}
{{- if not .Values.indexes.secret }}{{ $_ := set $own "INDEXES" "off" }}{{ end }}
{{- range $name, $value := merge $own .Values.settings }}
- {name: {{ $name }}, value: {{ if kindIs "string" $value }}{{ $value | quote }}{{ else }}{{ toJson $value | quote }}{{ end }}}
{{- end }}
{{- with .Values.indexes.secret }}
- name: INDEXES
  valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $.Values.indexes.key }}}}
{{- end }}
{{- end }}

{{- define "lutrin.volumes" -}}
{{- $models := .Values.models }}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 1Gi}
{{- if eq $models.source "pvc" }}
- name: models
  persistentVolumeClaim: {claimName: {{ required "models.source pvc needs models.pvc.claim" $models.pvc.claim }}, readOnly: true}
{{- else if eq $models.source "oci" }}
- name: models
  image: {reference: {{ required "models.source oci needs models.oci.reference" $models.oci.reference }}, pullPolicy: {{ $models.oci.pullPolicy }}}
{{- else if has $models.source (list "mirror" "init") }}
{{- if $models.cache.claim }}
- name: cache
  persistentVolumeClaim: {claimName: {{ $models.cache.claim }}}
{{- else if not $models.cache.storageClass }}
- name: cache
  emptyDir: {sizeLimit: {{ $models.cache.size }}}
{{- end }}
{{- end }}
{{- if $models.plan }}
- name: plan
  configMap: {name: {{ include "lutrin.name" . }}-plan}
{{- end }}
{{- end }}
