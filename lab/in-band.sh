#!/bin/sh
# Gets what the proof of /dev/ipmi0 needs besides lab/setup.sh: QEMU, busybox, ipmitool and ipmi_sim as
# Debian packages, and a Debian kernel that is unpacked below target/ and never installed.
#
#   lab/in-band.sh      leaves vmlinuz and the modules in target/in-band/kernel
set -eu

kernel=target/in-band/kernel
modules="ipmi_msghandler ipmi_devintf ipmi_si"

say() { printf 'in-band: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
has() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }

has apt-get || die "this needs Debian or one of its kin: the kernel and QEMU are its packages"
[ "$(dpkg --print-architecture)" = amd64 ] ||
  die "this needs amd64: the guest runs programs of this machine, and an ISA bus is where its BMC is"

as_root=
if [ "$(id -u)" != 0 ]; then as_root=sudo; fi

# program:package
missing=
for pair in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static ipmitool:ipmitool ipmi_sim:openipmi; do
  has "${pair%%:*}" || missing="$missing ${pair#*:}"
done
# A busybox that needs libraries would not run alone.
has busybox && ldd "$(command -v busybox)" >/dev/null 2>&1 && missing="$missing busybox-static"

updated=no
update() { if [ $updated = no ]; then say "reading the package lists"; $as_root apt-get update -qq >&2; updated=yes; fi; }

if [ -n "$missing" ]; then
  [ -z "$as_root" ] || has sudo || die "installing these packages needs root, and there is no sudo:$missing"
  update
  say "installing Debian packages:$missing"
  # shellcheck disable=SC2086 # a list of names
  $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends --no-remove $missing >&2 ||
    die "apt could not install$missing, or would have had to remove something for it: install them by hand"
fi

[ ! -e $kernel/complete ] || exit 0

image() { apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1; }
[ -n "$(image)" ] || update
name=$(image)
[ -n "$name" ] || die "apt knows no kernel: linux-image-amd64 depends on none, see apt-cache policy linux-image-amd64"

place=target/in-band
rm -rf $place/package $kernel
mkdir -p $place/package $kernel
get() { (cd $place/package && apt-get download -qq -o APT::Sandbox::User=root "$name" >&2); }
say "downloading $name, which is not installed"
# The lists may name a version that is gone.
get || { update; get; } || die "$name could not be downloaded"
dpkg-deb -x $place/package/*.deb $place/package/files

cp $place/package/files/boot/vmlinuz-* $kernel/vmlinuz
for module in $modules; do
  file=$(find $place/package/files -name "$module.ko*")
  case $file in
    *.ko) cp "$file" $kernel/ ;;
    *.ko.xz) busybox xzcat "$file" >"$kernel/$module.ko" ;;
    *) die "$name has no module $module that could be read here: ${file:-none}" ;;
  esac
done
rm -rf $place/package
printf '%s\n' "$name" >$kernel/complete
