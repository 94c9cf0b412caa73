{{- define "djankiserv.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Shorter than the limit of 63, as names are made from it. */}}
{{- define "djankiserv.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" -}}
{{- else if contains (include "djankiserv.name" .) .Release.Name -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "djankiserv.name" .) | trunc 48 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "djankiserv.matchLabels" -}}
app.kubernetes.io/name: {{ include "djankiserv.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "djankiserv.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "djankiserv.matchLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "djankiserv.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "djankiserv.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "djankiserv.image" -}}
{{- printf "%s:%s" .Values.djankiserv.image.repository (.Values.djankiserv.image.tag | default (printf "%s-slim" .Chart.AppVersion)) -}}
{{- end -}}

{{/* The bundled database: "postgresql", "mariadb" or nothing. Only where the main database is not somewhere else. */}}
{{- define "djankiserv.bundled" -}}
{{- if .Values.djankiserv.db.main.host -}}
{{- else if .Values.postgresql.enabled -}}postgresql
{{- else if .Values.mariadb.enabled -}}mariadb
{{- end -}}
{{- end -}}

{{- define "djankiserv.bundledHost" -}}
{{- printf "%s-%s" (include "djankiserv.fullname" .) (include "djankiserv.bundled" .) -}}
{{- end -}}

{{- define "djankiserv.bundledSecret" -}}
{{- $bundled := include "djankiserv.bundled" . -}}
{{- default (include "djankiserv.bundledHost" .) (index .Values $bundled).existingSecret -}}
{{- end -}}

{{/* What cannot work is said here, not found out by pods that do not start. */}}
{{- define "djankiserv.check" -}}
{{- if and .Values.postgresql.enabled .Values.mariadb.enabled (not .Values.djankiserv.db.main.host) -}}
{{- fail "postgresql.enabled and mariadb.enabled exclude each other" -}}
{{- end -}}
{{- $main := .Values.djankiserv.db.main -}}
{{- if not (or $main.host (include "djankiserv.bundled" .)) -}}
{{- fail "there is no database: set djankiserv.db.main.host, or postgresql.enabled or mariadb.enabled to true" -}}
{{- end -}}
{{- if and $main.host (not (or $main.password $main.existingSecret)) -}}
{{- fail "djankiserv.db.main.host needs djankiserv.db.main.existingSecret (or password)" -}}
{{- end -}}
{{- $user := .Values.djankiserv.db.user -}}
{{- if and $user.host (ne $user.host $main.host) (not (or $user.password $user.existingSecret)) -}}
{{- fail "djankiserv.db.user.host is another server than main's: it needs djankiserv.db.user.existingSecret (or password)" -}}
{{- end -}}
{{- $media := .Values.djankiserv.media -}}
{{- if and $media.url (not $media.existingSecret) (not (and $media.accessKey $media.secretKey)) -}}
{{- fail "djankiserv.media.url needs djankiserv.media.existingSecret (or accessKey and secretKey)" -}}
{{- end -}}
{{- $several := or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) -}}
{{- $persistence := .Values.djankiserv.persistence -}}
{{- if and $several (not $persistence.enabled) -}}
{{- fail "several replicas share the data folder: djankiserv.persistence.enabled must be true" -}}
{{- end -}}
{{- if and $several (ne $persistence.accessMode "ReadWriteMany") -}}
{{- fail "several replicas share the data folder: set djankiserv.persistence.accessMode to ReadWriteMany, and a storage class that can do it" -}}
{{- end -}}
{{- end -}}

{{/* The keys of the Secret that this chart makes; those that were made up stay what they are. */}}
{{- define "djankiserv.kept" -}}
{{- $existing := lookup "v1" "Secret" .root.Release.Namespace .secret -}}
{{- if and $existing (hasKey ($existing.data | default dict) .key) -}}
{{- index $existing.data .key -}}
{{- else -}}
{{- randAlphaNum 48 | b64enc -}}
{{- end -}}
{{- end -}}

{{/* One database: (dict "root" $ "which" "MAINDB" "db" values) */}}
{{- define "djankiserv.databaseEnv" -}}
{{- range $name, $value := dict "ENGINE" .db.engine "NAME" .db.name "USER" .db.user "HOST" .db.host "SSLMODE" .db.sslmode }}
{{- if $value }}
- name: DJANKISERV_{{ $.which }}_{{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- if .db.port }}
- name: DJANKISERV_{{ .which }}_PORT
  value: {{ .db.port | int | quote }}
{{- end }}
{{- if .db.sslRootCert }}
- name: DJANKISERV_{{ .which }}_SSLROOTCERT
  value: /run/secrets/djankiserv/{{ lower .which }}-ca/ca.crt
{{- end }}
{{- if .secret }}
- name: DJANKISERV_{{ .which }}_PASSWORD_FILE
  value: /run/secrets/djankiserv/{{ lower .which }}/password
{{- end }}
{{- end -}}

{{/* The Secrets with the databases' passwords, empty where there is none. */}}
{{- define "djankiserv.mainSecret" -}}
{{- if include "djankiserv.bundled" . -}}
{{- include "djankiserv.bundledSecret" . -}}
{{- else -}}
{{- .Values.djankiserv.db.main.existingSecret | default (printf "%s-maindb" (include "djankiserv.fullname" .)) -}}
{{- end -}}
{{- end -}}
{{- define "djankiserv.userSecret" -}}
{{- if .Values.djankiserv.db.user.existingSecret -}}
{{- .Values.djankiserv.db.user.existingSecret -}}
{{- else if .Values.djankiserv.db.user.password -}}
{{- printf "%s-userdb" (include "djankiserv.fullname" .) -}}
{{- end -}}
{{- end -}}
{{- define "djankiserv.keySecret" -}}
{{- .Values.djankiserv.existingSecret | default (include "djankiserv.fullname" .) -}}
{{- end -}}

{{- define "djankiserv.bucketSecret" -}}
{{- .Values.djankiserv.media.existingSecret | default (printf "%s-bucket" (include "djankiserv.fullname" .)) -}}
{{- end -}}

{{- define "djankiserv.env" -}}
{{- $bundled := include "djankiserv.bundled" . -}}
{{- $main := .Values.djankiserv.db.main -}}
{{- if $bundled -}}
{{- $main = dict "engine" $bundled "name" "djankiserv" "user" "djankiserv" "host" (include "djankiserv.bundledHost" .) "port" 0 -}}
{{- end -}}
- name: DJANKISERV_LISTEN_ADDRESS
  value: 0.0.0.0
- name: DJANKISERV_LISTEN_PORT
  value: {{ .Values.djankiserv.listenPort | int | quote }}
- name: DJANKISERV_DATA_ROOT
  value: {{ .Values.djankiserv.persistence.dataRoot | quote }}
- name: DJANKISERV_ALLOWED_HOSTS
  value: {{ .Values.djankiserv.host | quote }}
- name: DJANKISERV_TRUSTED_PROXIES
  value: {{ .Values.djankiserv.trustedProxies | quote }}
- name: DJANKISERV_DEBUG
  value: {{ .Values.djankiserv.debug | quote }}
- name: DJANKISERV_LOG_FORMAT
  value: {{ .Values.djankiserv.logFormat | quote }}
- name: DJANKISERV_SECRET_KEY_FILE
  value: /run/secrets/djankiserv/key/secret-key
{{- include "djankiserv.databaseEnv" (dict "which" "MAINDB" "db" $main "secret" true) }}
{{- include "djankiserv.databaseEnv" (dict "which" "USERDB" "db" .Values.djankiserv.db.user "secret" (include "djankiserv.userSecret" .)) }}
{{- with .Values.djankiserv.media }}
{{- if .url }}
- name: DJANKISERV_MEDIA_URL
  value: {{ .url | quote }}
- name: DJANKISERV_MEDIA_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "djankiserv.bucketSecret" $ }}
      key: access-key
- name: DJANKISERV_MEDIA_SECRET_KEY_FILE
  value: /run/secrets/djankiserv/bucket/secret-key
{{- end }}
{{- end }}
{{- with .Values.djankiserv.metrics }}
{{- if .enabled }}
- name: DJANKISERV_METRICS_ADDRESS
  value: {{ printf "0.0.0.0:%d" (int .port) | quote }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.djankiserv.extraEnv }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- range $name, $from := .Values.djankiserv.extraSecrets }}
- name: {{ $name }}
  {{- if hasSuffix "_FILE" $name }}
  value: /run/secrets/djankiserv/extra/{{ $name }}
  {{- else }}
  valueFrom:
    secretKeyRef:
      name: {{ $from.secret }}
      key: {{ $from.key }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "djankiserv.volumeMounts" -}}
- name: data
  mountPath: {{ .Values.djankiserv.persistence.dataRoot | quote }}
- name: tmp
  mountPath: /tmp
- name: key
  mountPath: /run/secrets/djankiserv/key
  readOnly: true
- name: maindb
  mountPath: /run/secrets/djankiserv/maindb
  readOnly: true
{{- if include "djankiserv.userSecret" . }}
- name: userdb
  mountPath: /run/secrets/djankiserv/userdb
  readOnly: true
{{- end }}
{{- range $which, $db := .Values.djankiserv.db }}
{{- if $db.sslRootCert }}
- name: {{ $which }}db-ca
  mountPath: /run/secrets/djankiserv/{{ $which }}db-ca
  readOnly: true
{{- end }}
{{- end }}
{{- if .Values.djankiserv.media.url }}
- name: bucket
  mountPath: /run/secrets/djankiserv/bucket
  readOnly: true
{{- end }}
{{- if include "djankiserv.extraFiles" . }}
- name: extra
  mountPath: /run/secrets/djankiserv/extra
  readOnly: true
{{- end }}
{{- end -}}

{{/* Those of `extraSecrets` that become files. */}}
{{- define "djankiserv.extraFiles" -}}
{{- range $name, $from := .Values.djankiserv.extraSecrets }}
{{- if hasSuffix "_FILE" $name }}
- secret:
    name: {{ $from.secret }}
    items: [{key: {{ $from.key }}, path: {{ $name }}}]
{{- end }}
{{- end }}
{{- end -}}

{{- define "djankiserv.secretVolumes" -}}
- name: key
  secret:
    secretName: {{ include "djankiserv.keySecret" . }}
    items: [{key: secret-key, path: secret-key}]
- name: maindb
  secret:
    secretName: {{ include "djankiserv.mainSecret" . }}
    items: [{key: password, path: password}]
{{- with include "djankiserv.userSecret" . }}
- name: userdb
  secret:
    secretName: {{ . }}
    items: [{key: password, path: password}]
{{- end }}
{{- range $which, $db := .Values.djankiserv.db }}
{{- if $db.sslRootCert }}
- name: {{ $which }}db-ca
  configMap:
    name: {{ $db.sslRootCert }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- end }}
{{- if .Values.djankiserv.media.url }}
- name: bucket
  secret:
    secretName: {{ include "djankiserv.bucketSecret" . }}
    items: [{key: secret-key, path: secret-key}]
{{- end }}
{{- with include "djankiserv.extraFiles" . }}
- name: extra
  projected:
    sources:
      {{- . | nindent 6 }}
{{- end }}
- name: tmp
  emptyDir: {}
{{- end -}}

{{/* Waits until somebody listens where the database is. Which database it is that listens, the program finds out. */}}
{{- define "djankiserv.waitForDatabase" -}}
{{- with include "djankiserv.bundled" . -}}
- name: wait-for-database
  image: {{ include "djankiserv.image" $ }}
  imagePullPolicy: {{ $.Values.djankiserv.image.pullPolicy }}
  command:
    - bash
    - -c
    - until (exec 3<>"/dev/tcp/$0/$1") 2>/dev/null; do echo "waiting for $0:$1"; sleep 2; done
    - {{ include "djankiserv.bundledHost" $ }}
    - {{ ternary "5432" "3306" (eq . "postgresql") | quote }}
  securityContext:
    {{- toYaml $.Values.securityContext | nindent 4 }}
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {memory: 64Mi}
{{- end -}}
{{- end -}}

{{/* The port of an external database. */}}
{{- define "djankiserv.portOf" -}}
{{- if .port -}}{{ .port | int }}{{- else if contains "postgresql" (.engine | default "postgresql") -}}5432{{- else -}}3306{{- end -}}
{{- end -}}
