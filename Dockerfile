# The images of the suite.
#
#   docker build --build-arg EXPORTER=ipmi -t turbulence-ipmi .        (or latency, dns, homing)
#   docker build --target lab -t turbulence-lab .                      (the simulated world, for the demo)
#
# An exporter's image holds one static program and the certificates that it trusts: no shell, no package, no root.
# The program asks itself whether it is healthy: `healthcheck` is a subcommand.

FROM rust:1.95.0-bookworm AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /src
COPY . .
ARG EXPORTER=ipmi
# The commit, for turbulence_build_info: --build-arg TURBULENCE_REVISION=$(git rev-parse --short HEAD)
ARG TURBULENCE_REVISION=unknown
# With an explicit target, these flags are not for build scripts and macros, which cannot be static.
ENV RUSTFLAGS="-C target-feature=+crt-static"
# OpenSSL too, which turbulence-latency measures old devices with: the image above has the library to link with.
ENV OPENSSL_STATIC=1
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
 && cargo build --release --locked --target "$target" --package "turbulence-$EXPORTER" \
 && install -D "target/$target/release/turbulence-$EXPORTER" /out/root/usr/bin/turbulence-exporter \
 && install -D /etc/ssl/certs/ca-certificates.crt /out/root/etc/ssl/certs/ca-certificates.crt \
 && printf 'hosts: files dns\n' > /out/root/etc/nsswitch.conf \
 && install -d "/out/state/turbulence-$EXPORTER"

FROM build AS build-lab
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
 && cargo build --release --locked --target "$target" --workspace --bins \
 && for program in lab exporters/*; do \
      program="${program#exporters/}"; \
      install -D "target/$target/release/turbulence-$program" "/out/lab/bin/turbulence-$program"; \
    done \
 && install -d /out/lab/share/alerts \
 && cp -r alerts/runbooks /out/lab/share/alerts/

# The simulated world: BMCs by OpenIPMI's simulator, a WAN in network namespaces, resolvers, a sink for notifications.
# Needs NET_ADMIN, SYS_ADMIN and /dev/net/tun; see the profile `demo` in docker-compose.yml.
FROM debian:12.12-slim AS lab
# The version of the simulator is the one of the Debian release above.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates openipmi \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build-lab /out/lab/bin/ /usr/local/bin/
COPY --from=build-lab /out/lab/share/ /usr/local/share/turbulence/
WORKDIR /usr/local/share/turbulence
ENTRYPOINT ["/usr/local/bin/turbulence-lab"]
CMD ["world", "--targets-dir", "/targets"]

FROM scratch AS runtime
COPY --from=build /out/root/ /
# What may be written, by who it runs as. A volume that is mounted there takes over the owner.
COPY --from=build --chown=65532:65532 /out/state/ /var/lib/
USER 65532:65532
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s CMD ["/usr/bin/turbulence-exporter", "healthcheck"]
ENTRYPOINT ["/usr/bin/turbulence-exporter"]
CMD ["--config.file=/etc/turbulence/config.yml"]
