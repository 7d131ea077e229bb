# The commands of this repository. Each is one or two lines; what they do stands in the README.

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto
# Where rustup puts the programs of a toolchain.
export PATH := $(HOME)/.cargo/bin:$(PATH)
PRODUCTS := $(addprefix turbulence-,$(notdir $(wildcard exporters/*)))

.PHONY: help demo test judge long check pictures bench bench-dns bench-ipmi bench-rules in-band fuzz mutations dist setup

help:
	@echo "make demo                 the simulated world, with every incident played and explained"
	@echo "make demo REPLAY=phantom  one incident; REPLAY=none plays none and stays up until Ctrl-C"
	@echo "DEMO_ONCE=1 make demo     side by side what does not touch, ends by itself after a quarter of an"
	@echo "                          hour; exit code 0 only if each notification was as expected"
	@echo "make test                 unit tests, golden files, rule tests, three of the incidents end to end, drawn by"
	@echo "                          the commit; TURBULENCE_SHARE=all make test plays all of them"
	@echo "make judge                every world of worlds/: what would have been notified, and whether that was wanted"
	@echo "make long                 what that leaves out: all incidents, the newest Prometheus too, each clause of the"
	@echo "                          rules broken once, pictures, ten minutes of each fuzz target; three hours"
	@echo "ONLY='replays|fuzz' make long   those parts of it whose names match"
	@echo "make check                format, lints, docs, rules, configs, dependencies"
	@echo "make pictures             every dashboard drawn by Grafana's packages, calm and in its incident, and looked at; needs"
	@echo "                          node 20 and npm; an hour"
	@echo "make bench                the peers beside ours on the same simulated world: latency, DNS"
	@echo "make bench-dns            the same for DNS alone: 25,000 resolvers beside the peers, then a million"
	@echo "make bench-ipmi           the same for BMCs: 100 beside ipmi_exporter, then up to 10,000"
	@echo "make bench-rules          a real Prometheus with 10,000 BMCs, and one with 30 vantages of 1,000 endpoints: how long each"
	@echo "                          group of the rules takes"
	@echo "make in-band              turbulence-ipmi on /dev/ipmi0, in a QEMU guest; two minutes, amd64"
	@echo "make fuzz                 what BMCs and resolvers may send, by libFuzzer; FUZZ_SECONDS=30 each target"
	@echo "make dist                 release builds of the exporters in dist/; needs Rust, a C compiler, OpenSSL"

setup:
	@./lab/setup.sh

demo: setup
	$(CARGO) build --workspace --bins
	target/debug/turbulence-lab demo $(if $(REPLAY),--replay $(REPLAY)) $(if $(DEMO_ONCE),--once --parallel)

test:
	@./lab/setup.sh chromium
	@[ -d target/aioquic ] || python3 -m pip install -q --target target/aioquic aioquic || \
	  { rm -rf target/aioquic; echo "aioquic is not to be had: DNS over QUIC is held against no peer"; }
	$(CARGO) build --workspace --bins --examples
	@target/debug/turbulence-lab debian-sid prometheus promtool >/dev/null || \
	  echo "the newest Prometheus is not to be had: the tests take the installed one alone"
	TURBULENCE_SHARE=$${TURBULENCE_SHARE:-$$(git rev-parse HEAD 2>/dev/null || echo none)} ./.ci/test

judge: setup
	$(CARGO) build --workspace --bins
	target/debug/turbulence-lab judge $(or $(WORLDS),$(wildcard worlds/*/))

long:
	./.ci/long

check: setup
	./.ci/check

# Not part of the tests: it installs half a gigabyte of packages from npm.
pictures:
	@command -v npm >/dev/null || { echo "make pictures needs node 20 and npm (on Debian 13: apt-get install nodejs npm)" >&2; exit 1; }
	@./lab/setup.sh chromium
	$(CARGO) build --workspace --bins
	pictures/run

bench:
	@./lab/setup.sh prometheus-smokeping-prober dnsperf /usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring
	$(CARGO) build --release --workspace --bins
	target/release/turbulence-lab bench
	$(CARGO) run --release -p turbulence-homing --example limits

bench-dns:
	@./lab/setup.sh dnsperf /usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring
	$(CARGO) build --release -p turbulence-lab -p turbulence-dns --bins
	target/release/turbulence-lab bench --which dns --resolvers 25000
	target/release/turbulence-lab bench --which dns --resolvers 1000000 --no-peers

bench-ipmi:
	@./lab/setup.sh gzip /usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring
	$(CARGO) build --release -p turbulence-lab -p turbulence-ipmi --bins
	target/release/turbulence-lab bench-ipmi

bench-rules: setup
	$(CARGO) build -p turbulence-lab --bins
	target/debug/turbulence-lab bench-rules $(if $(BMCS),--bmcs $(BMCS))

fuzz:
	@./lab/setup.sh g++
	./.ci/fuzz

# Not part of the tests: it installs an emulator.
in-band: setup
	@./lab/in-band.sh
	$(CARGO) build --workspace --bins
	target/debug/turbulence-lab in-band

# Each clause of the rules broken once; a quarter of an hour, so not part of the tests.
mutations: setup
	$(CARGO) test --workspace --test mutations -- --ignored --nocapture

# Needs nothing of the lab, so it does not set it up.
dist:
	@command -v $(CARGO) >/dev/null && command -v cc >/dev/null || \
	  { echo "make dist needs Rust (https://rustup.rs) and a C compiler (on Debian: gcc libc6-dev)" >&2; exit 1; }
	@pkg-config --exists libssl || \
	  { echo "make dist needs OpenSSL to link with (on Debian: libssl-dev pkg-config)" >&2; exit 1; }
	TURBULENCE_REVISION=$$(git rev-parse --short HEAD 2>/dev/null || echo unknown) \
	  OPENSSL_STATIC=1 OPENSSL_LIB_DIR=$$(pkg-config --variable=libdir libssl) \
	  OPENSSL_INCLUDE_DIR=$$(pkg-config --variable=includedir libssl) \
	  $(CARGO) build --release $(addprefix -p ,$(PRODUCTS))
	mkdir -p dist && cp $(addprefix target/release/,$(PRODUCTS)) dist/
