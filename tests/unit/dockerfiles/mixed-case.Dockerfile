From alpine As Build
RUN echo upper
Copy a /a
FROM scratch as Second
COPY --from=Build /a /a
COPY --from=0 /a /b
