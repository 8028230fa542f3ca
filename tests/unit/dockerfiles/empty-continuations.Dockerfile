FROM alpine
RUN echo one && \

    echo two && \
    # a comment between
      # an indented one

    echo three
RUN echo \
# only a comment follows
