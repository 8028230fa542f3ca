FROM rust:1.83-slim-bookworm AS chef
ENV RUSTUP_HOME=/usr/local/rustup \
    CARGO_HOME=/usr/local/cargo \
    PATH=/usr/local/cargo/bin:$PATH \
    RUST_VERSION=1.83.0
RUN set -eux; \
    dpkgArch="$(dpkg --print-architecture)"; \
    case "${dpkgArch##*-}" in \
        amd64) rustArch='x86_64-unknown-linux-gnu' ;; \
        arm64) rustArch='aarch64-unknown-linux-gnu' ;; \
        *) echo >&2 "unsupported architecture: ${dpkgArch}"; exit 1 ;; \
    esac; \
    rustup --version
FROM chef AS planner
COPY . .
RUN cargo chef prepare --recipe-path recipe.json
FROM chef AS cook
COPY --from=planner recipe.json recipe.json
RUN cargo chef cook --release --recipe-path recipe.json
FROM cook AS build
COPY . .
RUN cargo build --release --bin app
FROM gcr.io/distroless/cc-debian12:nonroot@sha256:6714977f9f02632c31377650c15d89a7efaebf43bab0f37c712c30fc01edb973
COPY --from=build /app/target/release/app /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/app"]
