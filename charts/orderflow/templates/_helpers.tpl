{{- /* The release's name; it contains the chart's name once. */}}
{{- define "orderflow.fullname" -}}
{{- $name := .Release.Name -}}
{{- if not (contains .Chart.Name $name) -}}{{- $name = printf "%s-%s" $name .Chart.Name -}}{{- end -}}
{{- $name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- /* Selects a component's pods. In: root, component. */}}
{{- define "orderflow.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "orderflow.labels" -}}
{{ include "orderflow.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "orderflow.topology" -}}
{{ .Files.Get "topology.yaml" }}
{{- end }}

{{- define "orderflow.kafkaNamespace" -}}
{{ .Values.kafka.namespace | default .Release.Namespace }}
{{- end }}

{{- define "orderflow.bootstrapServers" -}}
{{- $address := printf "%s-kafka-bootstrap.%s.svc:9093" .Values.kafka.clusterName (include "orderflow.kafkaNamespace" .) -}}
{{ .Values.kafka.bootstrapServers | default $address }}
{{- end }}

{{- define "orderflow.databaseSecret" -}}
{{ .Values.database.existingSecret | default (printf "%s-postgres" (include "orderflow.fullname" .)) }}
{{- end }}

{{- define "orderflow.restrictedContainer" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- /*
The pod of a process. In: root; component; args, or nothing where a person gives them; kafkaUser, its
name without the release's, or nothing for none; tables, whether it has any; http, whether it answers
there; env and resources of its own; restartPolicy; deadlineS, after which it is ended; storage, the
largest size of a data folder that goes with the pod.
*/}}
{{- define "orderflow.podSpec" -}}
{{- $values := .root.Values -}}
{{- $fullname := include "orderflow.fullname" .root -}}
{{- $env := dict "LOG_LEVEL" $values.logLevel "LOG_FORMAT" "json" "DRAIN_TIMEOUT_MS" $values.drainTimeoutMs -}}
{{- with .kafkaUser -}}
{{- $env = merge $env (dict
    "KAFKA_BROKERS" (include "orderflow.bootstrapServers" $.root)
    "KAFKA_SSL_CA_FILE" "/etc/kafka/ca/ca.crt"
    "KAFKA_SASL_MECHANISM" $values.kafka.saslMechanism
    "KAFKA_SASL_USERNAME" (printf "%s-%s" $fullname .)
    "KAFKA_SASL_PASSWORD_FILE" "/etc/kafka/user/password"
    "TOPIC_PREFIX" $values.kafka.topicPrefix
) -}}
{{- end -}}
{{- if .http -}}
{{- $env = merge $env (dict "HTTP_HOST" "0.0.0.0" "HTTP_PORT" "8080") -}}
{{- end -}}
{{- $env = mergeOverwrite $env (deepCopy $values.env) (.env | default dict) -}}
serviceAccountName: {{ $fullname }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .restartPolicy }}
restartPolicy: {{ . }}
{{- end }}
{{- with .deadlineS }}
activeDeadlineSeconds: {{ . }}
{{- end }}
{{- /* A process may use the drain time twice: for its batch, and to close its connections. */}}
terminationGracePeriodSeconds: {{ add (div (mul 2 (int $values.drainTimeoutMs)) 1000) 10 }}
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1993
  runAsGroup: 1993
  fsGroup: 1993
  seccompProfile: { type: RuntimeDefault }
containers:
  - name: {{ .component }}
    image: "{{ $values.image.repository }}:{{ $values.image.tag }}"
    imagePullPolicy: {{ $values.image.pullPolicy }}
    {{- with .args }}
    args: {{ toJson . }}
    {{- end }}
    env:
      {{- range $name, $value := $env }}
      - name: {{ $name }}
        value: {{ $value | toString | quote }}
      {{- end }}
      {{- if .http }}
      - name: MEMBER_NAME
        valueFrom: { fieldRef: { fieldPath: metadata.name } }
      {{- end }}
      {{- if .tables }}
      - name: DATABASE_URL
        valueFrom: { secretKeyRef: { name: {{ include "orderflow.databaseSecret" .root }}, key: DATABASE_URL } }
      {{- end }}
    {{- if .http }}
    ports:
      - { name: http, containerPort: 8080 }
    # HTTP starts once database and catalog are there; until then the log says what it waits for.
    startupProbe:
      httpGet: { path: /livez, port: http }
      periodSeconds: 2
      failureThreshold: 150
    livenessProbe:
      httpGet: { path: /livez, port: http }
      periodSeconds: 10
      timeoutSeconds: 5
    readinessProbe:
      httpGet: { path: /readyz, port: http }
      periodSeconds: 3
      timeoutSeconds: 3
    {{- end }}
    resources:
      {{- toYaml (.resources | default $values.resources) | nindent 6 }}
    securityContext:
      {{- include "orderflow.restrictedContainer" . | nindent 6 }}
    {{- if .kafkaUser }}
    volumeMounts:
      - { name: kafka-ca, mountPath: /etc/kafka/ca, readOnly: true }
      - { name: kafka-user, mountPath: /etc/kafka/user, readOnly: true }
      {{- if .storage }}
      - { name: data, mountPath: /app/.data }
      {{- end }}
    {{- end }}
{{- with .kafkaUser }}
# Strimzi makes both Secrets; a pod waits for them.
volumes:
  - name: kafka-ca
    secret:
      secretName: {{ $values.kafka.clusterName }}-cluster-ca-cert
      items: [{ key: ca.crt, path: ca.crt }]
  - name: kafka-user
    secret:
      secretName: {{ $fullname }}-{{ . }}
      items: [{ key: password, path: password }]
      defaultMode: 0440
  {{- with $.storage }}
  - name: data
    emptyDir: { sizeLimit: {{ . }} }
  {{- end }}
{{- end }}
{{- end }}
