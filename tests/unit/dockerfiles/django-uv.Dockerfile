FROM python:3.13-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
FROM base AS builder
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /uvx /bin/
WORKDIR /app
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    uv sync --frozen --no-install-project --no-dev
COPY . /app
RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-dev
FROM base AS test
COPY --from=builder /app /app
RUN --network=none /app/.venv/bin/pytest
FROM base AS final
RUN adduser --disabled-password --gecos "" --home /nonexistent --no-create-home --uid 10001 appuser
COPY --from=builder --chown=appuser /app /app
ENV PATH="/app/.venv/bin:$PATH"
USER appuser
EXPOSE 8000
CMD gunicorn --bind=0.0.0.0:8000 example.wsgi
