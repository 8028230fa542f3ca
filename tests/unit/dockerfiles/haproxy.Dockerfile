FROM debian:bookworm-slim
ENV HAPROXY_VERSION 3.1.0
ENV HAPROXY_URL https://www.haproxy.org/download/3.1/src/haproxy-3.1.0.tar.gz
ENV HAPROXY_SHA256 1f2d4fb2b0d4a1ba7e1b0c7e02d5a8d1ca8d9d0b4f8c0f4a5eb1e2df8e7f5d71
RUN set -eux; \
	wget -O haproxy.tar.gz "$HAPROXY_URL"; \
	echo "$HAPROXY_SHA256 *haproxy.tar.gz" | sha256sum -c; \
	makeOpts=' \
		TARGET=linux-glibc \
		USE_GETADDRINFO=1 \
		USE_LUA=1 LUA_INC=/usr/include/lua5.4 \
	'; \
# https://salsa.debian.org/haproxy-team/haproxy
	dpkgArch="$(dpkg --print-architecture)"; \
	case "$dpkgArch" in \
		armel) makeOpts="$makeOpts ADDLIB=-latomic" ;; \
	esac; \
	nproc="$(nproc)"; \
	eval "make -C /usr/src/haproxy -j '$nproc' all $makeOpts"
STOPSIGNAL SIGUSR1
COPY docker-entrypoint.sh /usr/local/bin/
ENTRYPOINT ["docker-entrypoint.sh"]
USER haproxy
WORKDIR /var/lib/haproxy
CMD ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
