# The image that the three Cloud Run jobs share: docs/DEPLOYMENT.md says how it is built and run.
# Nothing in here needs BuildKit; with it, an unchanged Cargo.lock means that no dependency is
# compiled again.

# At least `rust-version` of Cargo.toml. Debian's name must be the one of the last stage, for glibc.
ARG RUST_VERSION=1.92

# Manifests and the lock file alone, with an empty source for each crate. This stage is done anew
# after every change, but what comes out of it changes only with a manifest, and that is what the
# cache of the next stage looks at.
FROM rust:${RUST_VERSION}-slim-trixie AS manifests
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY crates crates
RUN find crates -type f ! -path 'crates/*/Cargo.toml' -delete \
    && for crate in crates/*; do \
        mkdir -p "$crate/src" && touch "$crate/src/lib.rs" || exit 1; \
    done \
    && echo 'fn main() {}' > crates/callpipe/src/main.rs

FROM rust:${RUST_VERSION}-slim-trixie AS build
WORKDIR /build
# For the feature `whisper`: whisper.cpp is C++.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cmake g++ make \
    && rm -rf /var/lib/apt/lists/*
# Features of the crate `callpipe`, separated by commas: those that weigh and are off otherwise.
# `whisper` transcribes without vendors, on processors of 2013 and later; `parquet` writes exports as
# Parquet; the stores of other clouds are `aws` and `azure`.
ARG FEATURES="whisper,parquet,aws,azure"
# Dependencies: compiled against the empty sources.
COPY --from=manifests /build ./
RUN cargo build --profile dist --locked --package callpipe --bin callpipe --features "${FEATURES}"
# Our own code. Cargo compares times of modification: without the touch, sources that are older than
# the step above would be taken for built.
COPY crates crates
RUN find crates -name '*.rs' -exec touch {} + \
    && cargo build --profile dist --locked --package callpipe --bin callpipe --features "${FEATURES}"

# glibc, libgcc, libstdc++, CA certificates and an account that is not root; no shell, no package manager.
FROM gcr.io/distroless/cc-debian13:nonroot
COPY --from=build /build/target/dist/callpipe /usr/local/bin/callpipe
# The account `nonroot` of the base image, as a number: a host that insists on "not root" can check it.
USER 65532:65532
WORKDIR /home/nonroot
ENTRYPOINT ["callpipe"]
