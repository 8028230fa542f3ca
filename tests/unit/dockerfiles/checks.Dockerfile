# check=experimental=all;error=true
ARG TAG=latest EMPTY
# wrong description
ARG OTHER=1
FROM alpine:${TAG} as Context
WORKDIR app
COPY $MISSING $OTHER /x
ENV A=$UNDEFINED B=${A}
RUN echo $ANYTHING
CMD echo one
CMD echo two
ENTRYPOINT true
HEALTHCHECK CMD true
HEALTHCHECK NONE
from alpine AS context
FROM --platform=linux/arm64 debian:$TAGG AS scratch
FROM --platform=$TARGETPLATFORM busybox:$TAG
USER $UZER
ENV USER=me
USER $USR
COPY --from=Context /x /y
