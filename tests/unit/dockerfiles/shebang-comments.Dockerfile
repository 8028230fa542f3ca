#!/usr/bin/env -S docker build -f
# escape=`
# The lines above are comments: a directive comes first.
  # an indented comment
FROM alpine

#
RUN echo \
  "a # no comment" # one for the shell

	RUN echo indented with a tab \
	  # a comment
	  && true
# comment at the end, without a newline
