#!/bin/sh
# Installs what the demo and the tests need on a Debian machine, and only what is missing. The programs are
# wanted, their services are not: none that comes with a package of this is left running, nor enabled for the next boot.
#
#   lab/setup.sh [PROGRAM[:PACKAGE]...]      programs besides, or files by their path; a package that is
#                                            not named has the program's name
set -eu

# Where rustup puts the programs of a toolchain.
PATH="$HOME/.cargo/bin:$PATH"

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The oldest Rust that builds the workspace: `rust-version` in Cargo.toml.
rust_wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

# command:package
wanted="
  prometheus:prometheus
  promtool:prometheus
  prometheus-alertmanager:prometheus-alertmanager
  amtool:prometheus-alertmanager
  ipmi_sim:openipmi
  ipmitool:ipmitool
  ipmi-sensors:freeipmi-tools
  fping:fping
  prometheus-blackbox-exporter:prometheus-blackbox-exporter
  tcpdump:tcpdump
  unbound:unbound
  nsd:nsd
  named:bind9
  dnssec-signzone:bind9-utils
  knotd:knot
  dnsmasq:dnsmasq-base
  /usr/share/doc/knot-module-geoip:knot-module-geoip
  dig:bind9-dnsutils
  kdig:knot-dnsutils
  curl:curl
  jq:jq
  openssl:openssl
  ip:iproute2
  nft:nftables
  mtr:mtr-tiny
  traceroute:traceroute
  ping:iputils-ping
  cc:gcc
  cc:libc6-dev
  /usr/include/openssl/ssl.h:libssl-dev
  pkg-config:pkg-config
"

for program in "$@"; do
  wanted="$wanted ${program%%:*}:${program#*:}"
done

has() {
  case $1 in
    /*) [ -e "$1" ] ;;
    *) PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1 ;;
  esac
}

rust_is_good() {
  has cargo && has rustc || return 1
  have=$(rustc --version | sed 's/^rustc \([0-9.]*\).*/\1/')
  [ "$(printf '%s\n%s\n' "$rust_wanted" "$have" | sort -V | head -n 1)" = "$rust_wanted" ]
}

missing=
for pair in $wanted; do
  has "${pair%%:*}" || missing="$missing ${pair#*:}"
done
missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')

need_rust=no
rust_is_good || need_rust=yes

if [ -z "$(printf %s "$missing" | tr -d ' ')" ] && [ "$need_rust" = no ]; then
  exit 0
fi

if ! has apt-get; then
  die "this needs Debian or one of its kin (missing: ${missing:-nothing} Rust $rust_wanted: $need_rust).
setup: elsewhere, run the demo in containers: docker compose --profile demo up"
fi

as_root=
if [ "$(id -u)" != 0 ]; then
  has sudo || die "installing these packages needs root, and there is no sudo: $missing"
  as_root=sudo
  say "sudo may ask for your password, to install packages"
fi

# Keeps services from starting while their packages are installed.
hold=${POLICY_RC_D:-/usr/sbin/policy-rc.d}
held=no
if [ ! -e $hold ]; then
  printf '#!/bin/sh\nexit 101\n' | $as_root tee $hold >/dev/null && $as_root chmod +x $hold && held=yes
fi
release() { if [ $held = yes ]; then $as_root rm -f $hold; held=no; fi; }
trap release EXIT INT TERM

installed() { dpkg-query -W -f '${db:Status-Status} ${binary:Package}\n' | sed -n 's/^installed //p' | sort; }

install() {
  say "installing Debian packages: $*"
  before=$(installed)
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
  for package in $(installed); do
    printf '%s\n' "$before" | grep -qxF "$package" || quiet "$package"
  done
}

# Stops and disables the services of a package that was not there before.
quiet() {
  for unit in $(dpkg -L "$1" | sed -n -E 's#^(/usr)?/lib/systemd/system/([^/@]+\.(service|socket|timer|path))$#\2#p; s#^/etc/init\.d/([^/]+)$#\1#p' | sort -u); do
    if has systemctl; then
      if [ -d /run/systemd/system ]; then $as_root systemctl --quiet stop "$unit" || true; fi
      # One that cannot be enabled cannot be disabled either: what counts is how it is in the end.
      $as_root systemctl --quiet disable "$unit" >/dev/null 2>&1 || true
      case $(systemctl is-enabled "$unit" 2>/dev/null) in
        enabled*) die "the service $unit of the package $1 is still enabled" ;;
      esac
    elif [ -e "/etc/init.d/$unit" ]; then
      $as_root update-rc.d "$unit" disable
    fi
  done
}

updated=no
update() { if [ $updated = no ]; then say "reading the package lists"; $as_root apt-get update -qq >&2; updated=yes; fi; }

if [ -n "$(printf %s "$missing" | tr -d ' ')" ]; then
  update
  # shellcheck disable=SC2086 # a list of names
  install $missing
fi

# The version that would be installed; empty when there is none.
candidate() { apt-cache policy "$1" | sed -n 's/^ *Candidate: \([0-9.]*\).*/\1/p'; }

# Debian's own Rust when it is new enough, else its rustup, else the installer of the Rust project.
if [ $need_rust = yes ]; then
  update
  candidate=$(candidate rustc)
  if [ -n "$candidate" ] && [ "$(printf '%s\n%s\n' "$rust_wanted" "$candidate" | sort -V | head -n 1)" = "$rust_wanted" ]; then
    install rustc cargo
  elif [ -n "$(candidate rustup)" ]; then
    install rustup
    say "installing the stable Rust toolchain with rustup, for this user alone"
    rustup default stable >&2
  else
    install curl ca-certificates
    say "installing the stable Rust toolchain with https://rustup.rs, for this user alone (~/.cargo, ~/.rustup)"
    installer=$(mktemp)
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs -o "$installer" &&
      sh "$installer" -y --profile minimal --no-modify-path >&2 || true
    rm -f "$installer"
  fi
  rust_is_good || die "Rust $rust_wanted or newer is needed and could not be installed.
setup: install it by hand (https://rustup.rs), then run this again"
fi

for pair in $wanted; do
  has "${pair%%:*}" || die "${pair%%:*} is still missing after installing ${pair#*:}"
done
