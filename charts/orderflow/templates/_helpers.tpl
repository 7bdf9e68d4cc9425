{{- /* What the app is called in labels. */}}
{{- define "orderflow.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* What all names begin with: the release's name; it contains the app's name once. */}}
{{- define "orderflow.fullname" -}}
{{- $name := include "orderflow.name" . -}}
{{- $fullname := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $fullname | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "orderflow.serviceAccountName" -}}
{{- with .Values.serviceAccount -}}
{{ .name | default (ternary (include "orderflow.fullname" $) "default" .create) }}
{{- end -}}
{{- end }}

{{- /*
Selects all pods. Strimzi's pods have the cluster's name as their `instance`, which may be this release's,
and a `name` that nameOverride may be, too; their `part-of` is strimzi-….
*/}}
{{- define "orderflow.allPods" -}}
app.kubernetes.io/name: {{ include "orderflow.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: {{ .Chart.Name }}
{{- end }}

{{- define "orderflow.allPodsBut" -}}
matchLabels:
  {{- include "orderflow.allPods" .root | nindent 2 }}
matchExpressions:
  - { key: app.kubernetes.io/component, operator: NotIn, values: {{ toJson .components }} }
{{- end }}

{{- /* Selects a component's pods. In: root, component. */}}
{{- define "orderflow.selector" -}}
app.kubernetes.io/name: {{ include "orderflow.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "orderflow.labels" -}}
{{ include "orderflow.selector" . }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | replace "+" "_" | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "orderflow.topology" -}}
{{ .Files.Get "topology.yaml" }}
{{- end }}

{{- define "orderflow.databaseSecret" -}}
{{ .Values.database.existingSecret | default (printf "%s-postgres" (include "orderflow.fullname" .)) }}
{{- end }}

{{- /* The image of all processes; a digest wins over a tag. */}}
{{- define "orderflow.image" -}}
{{- with .Values.image -}}
{{- $tag := .tag | default $.Chart.AppVersion -}}
{{ .repository }}{{ ternary (printf ":%s" $tag) (printf "@%s" .digest) (empty .digest) }}
{{- end -}}
{{- end }}
