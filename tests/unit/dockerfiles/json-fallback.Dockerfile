FROM alpine
CMD ["single', 'quotes']
CMD ['sh', '-c']
ENTRYPOINT [ "a", "b" ] trailing
RUN [ -f /etc/passwd ]
RUN [ "$(id -u)" = 0 ] && echo root
RUN ["unfinished", "array"
COPY ["only", "json", "/"]
COPY [not, json, /there]
VOLUME ["/a", "/b"]
VOLUME [/a
SHELL ["/bin/sh","-c"]
RUN [  "tabs"	,	"and blanks"  ]
CMD []
