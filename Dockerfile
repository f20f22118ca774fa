# One binary in a small Debian. `docker build -t wabacus .`; settings come from the environment, `wabacus config` lists them.
FROM rust:1-slim-bookworm AS build
# npm puts GraphiQL into the binary; without it the page loads it from a CDN.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends nodejs npm \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Cargo.toml Cargo.lock build.rs ./
COPY entity entity
COPY migration migration
COPY web web
COPY benches benches
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --profile dist --bin wabacus \
 && install -D target/dist/wabacus /out/wabacus

FROM debian:bookworm-slim
# The roots by which BSPs and receivers of webhooks are known.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/wabacus --create-home wabacus
COPY --from=build /out/wabacus /usr/local/bin/wabacus
USER wabacus
WORKDIR /var/lib/wabacus
VOLUME /var/lib/wabacus
ENV BIND=0.0.0.0:8080 \
    DATABASE_URL=sqlite:///var/lib/wabacus/wabacus.db \
    LOG_FORMAT=json
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["wabacus", "doctor", "--ready"]
ENTRYPOINT ["wabacus"]
CMD ["serve"]
