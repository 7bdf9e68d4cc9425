{{- define "orderflow.restrictedContainer" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- /*
The names by which a process may be asked over HTTP, beside addresses, which probes and Prometheus use:
those of analytics' Service, and those from outside.
*/}}
{{- define "orderflow.allowedHosts" -}}
{{- $service := printf "%s-analytics" (include "orderflow.fullname" .) -}}
{{- $full := printf "%s.%s.svc" $service .Release.Namespace -}}
{{- $names := list $service (printf "%s.%s" $service .Release.Namespace) $full (printf "%s.cluster.local" $full) -}}
{{- with .Values.ingress -}}
{{- if .enabled }}{{ $names = concat $names .hosts }}{{ end -}}
{{- end -}}
{{- with .Values.httpRoute -}}
{{- /* Without names of its own it has those of the Gateway's listener, which only the Gateway knows. */ -}}
{{- if .enabled }}{{ $names = concat $names (.hostnames | default (list "*")) }}{{ end -}}
{{- end -}}
{{- $written := list -}}
{{- range $names }}{{ $written = append $written (ternary . (trimPrefix "*" .) (eq . "*")) }}{{ end -}}
{{- join "," (uniq $written) -}}
{{- end }}

{{- /* Labels and annotations of a pod. In: root, component. */}}
{{- define "orderflow.podMetadata" -}}
labels:
  {{- include "orderflow.labels" . | nindent 2 }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .root.Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Who a pod is, and where it may run; that of a database, too. */}}
{{- define "orderflow.podPlace" -}}
serviceAccountName: {{ include "orderflow.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- /* The template of a process's pod. In: as podSpec. */}}
{{- define "orderflow.podTemplate" -}}
metadata:
  {{- include "orderflow.podMetadata" . | nindent 2 }}
spec:
  {{- include "orderflow.podSpec" . | nindent 2 }}
{{- end }}

{{- /*
The pod of a process. In: root; component; args, or nothing where a person gives them; kafkaUser, its
name without the release's, or nothing for none; tables, whether it has any; http, whether it answers
there; spread, whether its copies avoid each other's node; env and resources of its own; restartPolicy;
deadlineS, after which it is ended; storage, the largest size of a data folder that goes with the pod.
*/}}
{{- define "orderflow.podSpec" -}}
{{- $values := .root.Values -}}
{{- $env := dict "LOG_LEVEL" $values.logLevel "LOG_FORMAT" "json" "DRAIN_TIMEOUT_MS" $values.drainTimeoutMs -}}
{{- $user := dict "root" .root "user" .kafkaUser -}}
{{- $caSecret := "" -}}
{{- $userSecret := "" -}}
{{- if .kafkaUser -}}
{{- $env = merge $env (include "orderflow.kafkaEnv" $user | fromYaml) -}}
{{- $caSecret = include "orderflow.kafkaCaSecret" .root -}}
{{- $userSecret = include "orderflow.kafkaUserSecret" $user -}}
{{- end -}}
{{- if .http -}}
{{- $env = merge $env (dict "HTTP_HOST" "0.0.0.0" "HTTP_PORT" "8080" "HTTP_ALLOWED_HOSTS" (include "orderflow.allowedHosts" .root)) -}}
{{- end -}}
{{- $env = mergeOverwrite $env (deepCopy ($values.env | default dict)) (.env | default dict) -}}
{{- $from := dict -}}
{{- if .http -}}
{{- $_ := set $from "MEMBER_NAME" "{ fieldRef: { fieldPath: metadata.name } }" -}}
{{- end -}}
{{- if .tables -}}
{{- $_ := set $from "DATABASE_URL" (printf "{ secretKeyRef: { name: %s, key: DATABASE_URL } }" (include "orderflow.databaseSecret" .root)) -}}
{{- end -}}
{{- if .kafkaUser -}}
{{- with include "orderflow.kafkaUsernameFrom" $user -}}
{{- $_ := set $from "KAFKA_SASL_USERNAME" . -}}
{{- end -}}
{{- end -}}
{{- $extra := dict -}}
{{- range $values.extraEnv -}}
{{- if or (hasKey $env .name) (hasKey $from .name) -}}
{{- fail (printf "extraEnv: %s is set already: override a setting with `env`" .name) -}}
{{- else if hasKey $extra .name -}}
{{- fail (printf "extraEnv: %s is there twice" .name) -}}
{{- end -}}
{{- $_ := set $extra .name true -}}
{{- end -}}
{{- include "orderflow.podPlace" .root }}
{{- if .spread }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "orderflow.selector" . | nindent 8 }}
{{- end }}
{{- with .restartPolicy }}
restartPolicy: {{ . }}
{{- end }}
{{- with .deadlineS }}
activeDeadlineSeconds: {{ . }}
{{- end }}
{{- /* A process may use the drain time twice: for its batch, and to close its connections. */}}
terminationGracePeriodSeconds: {{ add (div (mul 2 (int $values.drainTimeoutMs)) 1000) 10 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1993
  runAsGroup: 1993
  fsGroup: 1993
  seccompProfile: { type: RuntimeDefault }
containers:
  - name: {{ .component }}
    image: {{ include "orderflow.image" .root | quote }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    {{- with .args }}
    args: {{ toJson . }}
    {{- end }}
    env:
      {{- range $name, $value := $env }}
      - name: {{ $name }}
        value: {{ $value | toString | quote }}
      {{- end }}
      {{- range $name, $source := $from }}
      {{- if not (hasKey $env $name) }}
      - name: {{ $name }}
        valueFrom: {{ $source }}
      {{- end }}
      {{- end }}
      {{- with $values.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- with $values.envFrom }}
    envFrom:
      {{- toYaml . | nindent 6 }}
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
    {{- if or $caSecret $userSecret .storage }}
    volumeMounts:
      {{- if $caSecret }}
      - { name: kafka-ca, mountPath: /etc/kafka/ca, readOnly: true }
      {{- end }}
      {{- if $userSecret }}
      - { name: kafka-user, mountPath: /etc/kafka/user, readOnly: true }
      {{- end }}
      {{- if .storage }}
      - { name: data, mountPath: /app/.data }
      {{- end }}
    {{- end }}
{{- if or $caSecret $userSecret .storage }}
# A pod waits for its Secrets; Strimzi makes them.
volumes:
  {{- with $caSecret }}
  - name: kafka-ca
    secret:
      secretName: {{ . }}
      items: [{ key: {{ $values.kafka.tls.caKey }}, path: ca.crt }]
  {{- end }}
  {{- with $userSecret }}
  - name: kafka-user
    secret:
      secretName: {{ . }}
      items: [{{ include "orderflow.kafkaUserItem" $.root }}]
      defaultMode: 0440
  {{- end }}
  {{- with .storage }}
  - name: data
    emptyDir: { sizeLimit: {{ . }} }
  {{- end }}
{{- end }}
{{- end }}
