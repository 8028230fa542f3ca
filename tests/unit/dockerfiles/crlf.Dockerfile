# escape=\
FROM alpine
RUN echo one \
    && echo two
ENV A=1 \
    B=2
COPY <<EOF /x
text
EOF
CMD ["sh"]
