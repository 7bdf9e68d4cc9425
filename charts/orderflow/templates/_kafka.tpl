{{- define "orderflow.kafkaNamespace" -}}
{{ .Values.kafka.namespace | default .Release.Namespace }}
{{- end }}

{{- define "orderflow.bootstrapServers" -}}
{{- $address := printf "%s-kafka-bootstrap.%s.svc:9093" .Values.kafka.clusterName (include "orderflow.kafkaNamespace" .) -}}
{{ .Values.kafka.bootstrapServers | default $address }}
{{- end }}

{{- /* The Secret with the authorities of Kafka's certificates; nothing: without TLS, or the system's. */}}
{{- define "orderflow.kafkaCaSecret" -}}
{{- with .Values.kafka -}}
{{- if .tls.enabled -}}
{{ .tls.existingSecret | default (ternary (printf "%s-cluster-ca-cert" .clusterName) "" .strimzi.enabled) }}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* The Secret of a Kafka user's login; nothing: no login. In: root; user, its name without the release's. */}}
{{- define "orderflow.kafkaUserSecret" -}}
{{- with .root.Values.kafka -}}
{{- if .strimzi.enabled -}}
{{ include "orderflow.fullname" $.root }}-{{ $.user }}
{{- else if ne .saslMechanism "none" -}}
{{- $secret := get (.login.existingSecrets | default dict) $.user | default .login.existingSecret -}}
{{- if not $secret -}}
{{- fail (printf "kafka.login: %s needs a Secret to log in with %s: set kafka.login.existingSecret, or kafka.login.existingSecrets.%s; kafka.saslMechanism=none is without a login" $.user .saslMechanism $.user) -}}
{{- end -}}
{{ $secret }}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* Key and path of that Secret's password or token. */}}
{{- define "orderflow.kafkaUserItem" -}}
{{- with .Values.kafka -}}
{{- if .strimzi.enabled -}}
{ key: password, path: password }
{{- else if eq .saslMechanism "oauthbearer" -}}
{ key: {{ .login.tokenKey }}, path: token }
{{- else -}}
{ key: {{ .login.passwordKey }}, path: password }
{{- end -}}
{{- end -}}
{{- end }}

{{- /* The settings of a process that uses Kafka, as YAML. In: root, user. */}}
{{- define "orderflow.kafkaEnv" -}}
{{- with .root.Values.kafka -}}
KAFKA_BROKERS: {{ include "orderflow.bootstrapServers" $.root | quote }}
TOPIC_PREFIX: {{ .topicPrefix | quote }}
{{- if include "orderflow.kafkaCaSecret" $.root }}
KAFKA_SSL_CA_FILE: /etc/kafka/ca/ca.crt
{{- else if .tls.enabled }}
KAFKA_SSL: "true"
{{- end }}
{{- if ne .saslMechanism "none" }}
KAFKA_SASL_MECHANISM: {{ .saslMechanism }}
{{- if eq .saslMechanism "oauthbearer" }}
KAFKA_SASL_TOKEN_FILE: /etc/kafka/user/token
{{- else }}
KAFKA_SASL_PASSWORD_FILE: /etc/kafka/user/password
{{- if .strimzi.enabled }}
KAFKA_SASL_USERNAME: {{ include "orderflow.kafkaUserSecret" $ }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
{{- end }}

{{- /* The name in the user's Secret, where it is not the Secret's own. In: root, user. */}}
{{- define "orderflow.kafkaUsernameFrom" -}}
{{- with .root.Values.kafka -}}
{{- if not (or .strimzi.enabled (has .saslMechanism (list "none" "oauthbearer"))) -}}
{ secretKeyRef: { name: {{ include "orderflow.kafkaUserSecret" $ }}, key: {{ .login.usernameKey }} } }
{{- end -}}
{{- end -}}
{{- end }}

{{- /* The ports of a NetworkPolicy to Kafka, as a YAML list: those of bootstrapServers, or what is said. */}}
{{- define "orderflow.kafkaPorts" -}}
{{- $ports := .Values.networkPolicy.kafkaPorts | default list -}}
{{- if not $ports -}}
{{- range splitList "," (include "orderflow.bootstrapServers" .) -}}
{{- $ports = append $ports (dict "port" (regexFind "[0-9]+$" . | int)) -}}
{{- end -}}
{{- end -}}
{{- range uniq $ports }}
- {{ merge (dict "protocol" "TCP") . | toJson }}
{{- end }}
{{- end }}
