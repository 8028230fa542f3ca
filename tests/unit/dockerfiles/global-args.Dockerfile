# The version of everything.
# VERSION is the tag.
ARG VERSION=3.20
ARG IMAGE=alpine:${VERSION}
ARG REGISTRY="docker.io"

# base has what all need
FROM ${REGISTRY}/library/${IMAGE} AS base
ARG VERSION
ARG EXTRA="$VERSION-extra"
ENV EXTRA=$EXTRA
RUN echo $VERSION ${VERSION#3.} ${VERSION%%.*}

FROM base AS other
ARG NAME=${VERSION/./_}-${EXTRA//x/y}
LABEL name="${NAME}" short=${NAME%%-*}
