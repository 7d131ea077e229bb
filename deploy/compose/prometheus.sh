#!/bin/sh
# Starts Prometheus with the shipped prometheus.yml, in which the links of the notifications lead to the host that
# TURBULENCE_LINKS names: the name or address by which those who are notified reach this machine. Without it that is localhost.
#
# What prometheus.yml reads (rules, targets, certificates, passwords) lies beside it there by links, so that each path into its
# folder means what it means in the shipped file. One that leads out of the folder (../certs) does not, nor one to a name that
# begins with a dot: write these from the root on. Lists of targets belong into folders, as the shipped ones: of one directly
# beside the file a change is seen at the next refresh, after 5 min. What is linked is read anew at SIGHUP; the file itself, and
# what is new in its folder, at a start.
set -eu
umask 077
shipped=${PROMETHEUS_SHIPPED:-/etc/prometheus/prometheus.yml}
work=${PROMETHEUS_WORK:-/tmp}
links=${TURBULENCE_LINKS:-localhost}

case $links in
  *[!A-Za-z0-9._-]*)
    echo 'TURBULENCE_LINKS: the name or the IPv4 address of a host, without http:// and without a port' >&2
    exit 1 ;;
esac
case $shipped in
  /*) ;;
  *) shipped=$PWD/$shipped ;;
esac
folder=${shipped%/*}
work=$work/prometheus-config
mkdir -p "$work"
for it in "$folder"/*; do
  [ "$it" = "$shipped" ] || ln -sfn "$it" "$work/"
done
# Never through a link of an earlier start: the shipped file is only read.
rm -f "$work/prometheus.yml"
sed -E -e "s#^( *turbulence_[a-z]*: http://)localhost:#\1$links:#" "$shipped" >"$work/prometheus.yml"

exec "${PROMETHEUS:-/bin/prometheus}" --config.file="$work/prometheus.yml" --web.external-url="http://$links:9090" "$@"
