# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM tonistiigi/xx:1.6.1 AS xx
FROM --platform=$BUILDPLATFORM golang:alpine AS build
COPY --from=xx / /
ARG TARGETPLATFORM
RUN xx-info env && apk add clang lld
WORKDIR /src
RUN --mount=target=. --mount=type=cache,target=/go/pkg,sharing=private \
    xx-go build -ldflags "-X main.version=${VERSION:-dev}" -o /out/app ./cmd/app && xx-verify /out/app
FROM scratch AS binary
COPY --from=build /out/app /app-${TARGETARCH:-none}
FROM --platform=$TARGETPLATFORM alpine AS image
COPY --from=binary / /usr/bin/
FROM build AS linux-arm64
FROM linux-arm64
