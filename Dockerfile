# Two stages: the first installs the locked packages and the service into a virtual environment,
# the second is Python, that environment and a user without rights.

# Images by digest: a tag can be moved. A newer one: docker buildx imagetools inspect python:<tag>
ARG PYTHON=python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build

# The build backend in an environment of its own, so that it stays behind.
COPY requirements-build.lock ./
RUN python -m venv /opt/backend \
    && /opt/backend/bin/pip install --require-hashes -r requirements-build.lock

# requirements-pkcs11.lock where keys are in a hardware module.
ARG LOCK=requirements.lock
COPY ${LOCK} ./requirements.lock
RUN python -m venv /opt/consent-service \
    && /opt/consent-service/bin/pip install --require-hashes --only-binary :all: -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY consent_service consent_service
# Alembic's scripts: they go into the wheel as consent_service/migrations.
COPY migrations migrations
RUN /opt/backend/bin/pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /wheel . \
    && /opt/consent-service/bin/pip install --no-deps --no-index /wheel/*.whl \
    && /opt/consent-service/bin/pip uninstall --yes pip setuptools \
    && /opt/consent-service/bin/python -m compileall -q /opt/consent-service/lib


FROM ${PYTHON}
ENV PATH=/opt/consent-service/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# The folder of the log's anchor belongs to that user, and so does a volume that is mounted there.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin consent \
    && install --directory --owner=consent --mode=0700 /var/lib/consent-service
COPY --from=build /opt/consent-service /opt/consent-service

USER 10001
EXPOSE 8000
# Under the name of its own address, which it answers whatever CONSENT_EXTRA_HOSTS says.
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.parse as p, urllib.request as r; r.urlopen(r.Request('http://127.0.0.1:8000/healthz', headers={'Host': p.urlsplit(os.environ['CONSENT_BASE_URL']).hostname}), timeout=2)"]
ENTRYPOINT ["consent-service"]
CMD ["serve", "--bind", "0.0.0.0:8000"]
