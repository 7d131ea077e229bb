#!/bin/sh
# Starts Alertmanager with the shipped alertmanager.yml and the receiver that TURBULENCE_NOTIFY_URL names:
#
#   https://hooks.slack.com/...              Slack's incoming webhook
#   https://....logic.azure.com/... and      a workflow of a channel of Microsoft Teams
#   https://....powerplatform.com/...
#   any other http:// or https:// address    gets Alertmanager's JSON (webhook)
#   nothing                                  notifications are shown at Alertmanager's own page only
#
# TURBULENCE_WATCHDOG_URL is who is told each minute that all is well, and raises the alarm when that stops.
# A receiver of another kind: take the "#" from its lines in alerts/alertmanager.yml, and let compose start Alertmanager
# without this file.
set -eu
umask 077
shipped=${ALERTMANAGER_SHIPPED:-/etc/alertmanager/alertmanager.yml}
work=${ALERTMANAGER_WORK:-/tmp}
notify=${TURBULENCE_NOTIFY_URL:-}
watchdog=${TURBULENCE_WATCHDOG_URL:-}

for url in "$notify" "$watchdog"; do
  case $url in
    *[\"\'\\[:space:]]*)
      echo 'TURBULENCE_NOTIFY_URL and TURBULENCE_WATCHDOG_URL: an address has no blank, quote or backslash' >&2
      exit 1 ;;
    '' | http://?* | https://?*) ;;
    *)
      echo 'TURBULENCE_NOTIFY_URL and TURBULENCE_WATCHDOG_URL: an address begins with http:// or https://' >&2
      exit 1 ;;
  esac
done
case $notify in
  '')
    echo 'TURBULENCE_NOTIFY_URL is not set: nobody is notified, alerts are shown at http://localhost:9093 only' >&2
    kind=none ;;
  https://hooks.slack.com/*) kind=slack ;;
  https://*.logic.azure.com[:/]* | https://*.powerplatform.com[:/]*) kind=msteamsv2 ;;
  *) kind=webhook ;;
esac
printf '%s' "$notify" >"$work/notify-url"

# Once for the example of the kind, which is a comment, and once for the file itself. The addresses are no arguments of a
# program, where everybody could read them.
NOTIFY=$notify WATCHDOG=$watchdog awk -v kind=$kind -v work="$work" -v folder="${shipped%/*}" '
  NR == FNR {
    if ($0 ~ "^ *#" kind "_configs:") taking = 1
    else if ($0 !~ /^ *#([^ ]|  )/) taking = 0
    if (taking) {
      line = $0
      sub(/#/, "", line)
      sub(/url_file: .*/, "url_file: " work "/notify-url", line)
      # The channel is that of the webhook.
      if (line !~ /^ *channel:/) example = example line "\n"
    }
    next
  }
  /^receivers:/ { inside = 1 }
  inside && /^  - name: / { receiver = $3 }
  inside && /^    webhook_configs:/ {
    skipping = 1
    if (receiver == "watchdog") {
      if (ENVIRON["WATCHDOG"] != "") printf "    webhook_configs:\n      - url: \"%s\"\n        send_resolved: false\n", ENVIRON["WATCHDOG"]
    } else if (kind == "webhook") {
      printf "    webhook_configs:\n      - url: \"%s\"\n        send_resolved: true\n", ENVIRON["NOTIFY"]
    } else {
      printf "%s", example
    }
    next
  }
  skipping && /^      / { next }
  { skipping = 0 }
  /^  - templates\// { sub(/templates/, folder "/templates") }
  { print }
' "$shipped" "$shipped" >"$work/alertmanager.yml"

exec "${ALERTMANAGER:-/bin/alertmanager}" --config.file="$work/alertmanager.yml" "$@"
