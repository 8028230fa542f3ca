ARG VERSION=12 SUITE=bookworm
ARG UNSET
FROM --platform=linux/amd64 debian:${VERSION}-${SUITE} AS first_stage
MAINTAINER Somebody Else <somebody@example.com>
ARG A B=2 C="three four" D=
ENV E=1 F="two words" G=a\ b H='$E' I=${E:-none}
ENV OLD the old form  with   blanks
LABEL one=1 "two words"="value with \"quotes\"" three=$E
LABEL old label
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
USER 1000:1000
WORKDIR /work/$E
WORKDIR relative
RUN echo shell form
RUN ["echo", "exec form", "\u00e9"]
COPY --link --chown=1:2 --chmod=u=rwX,go=rX --exclude=*.md --exclude=**/*.tmp src/ ./dst/
COPY ["a file", "another file", "/target dir/"]
COPY --parents ./x/a.txt ./y/a.txt /parents/
ADD --keep-git-dir=true https://github.com/moby/buildkit.git#v0.10.1 /buildkit
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://mirrors.edge.kernel.org/pub/linux/kernel/Historic/linux-0.01.tar.gz /
ADD --unpack=false local.tar /archives/
VOLUME /data /more
VOLUME ["/json data"]
EXPOSE 8080 53/udp 9000-9010/tcp
HEALTHCHECK --interval=5m --timeout=3s --start-interval=500ms CMD curl -f http://localhost/ || exit 1
HEALTHCHECK CMD ["true"]
HEALTHCHECK NONE
STOPSIGNAL 9
ONBUILD RUN make
ONBUILD COPY . /app
ENTRYPOINT exec top -b
CMD -- --flag value
