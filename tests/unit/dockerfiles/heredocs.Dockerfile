# syntax=docker/dockerfile:1
FROM alpine:3.20 AS base
RUN <<EOF
  echo "hello $WORLD" > /hello
	echo tab
EOF
RUN <<-'SCRIPT' sh -x
	#!/bin/sh
	echo "not $expanded"
	SCRIPT
RUN cat <<A <<B 3<<C > /out && echo done
first $A
A
second
B
third
C
COPY <<index.html <<"robots.txt" /srv/
<h1>${TITLE:-hello}</h1>
index.html
User-agent: $agent
robots.txt
COPY --chmod=755 <<-EOF /usr/local/bin/run
	#!/bin/sh
	exec "$@"
	EOF
ADD <<EOF /etc/motd
Welcome to \$HOME and \\ and `date`
EOF
ONBUILD COPY <<EOF /triggered
later
EOF
RUN python3 <<'PY' && echo "<<NOT"
print("""<<
hello""")
PY
