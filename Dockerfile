# Tillkeeper as an image: the API, the worker, migrations and every other command of `till`.
#
#   docker build -t tillkeeper .
#   docker build -t tillkeeper --build-arg BASE=registry.example.com/python:3.13-slim .
#
# BASE brings Python 3.11 or newer with venv, and certificates. Packages come from the registry that pip is told of
# (--secret id=pip.conf,src=/etc/pip.conf), or from a folder `wheelhouse` beside this file (`till wheelhouse`).
ARG BASE=docker.io/library/python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /opt/tillkeeper
COPY till ./
COPY deploy/image/requirements.lock ./requirements.lock
# The launcher installs what the lock names, each package by its hash, exactly as in a checkout; the program comes later,
# so that this layer stays the same while only the program changes. What installs is not needed afterwards.
RUN --mount=type=bind,target=/context --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    if [ -d /context/wheelhouse ]; then export TILL_WHEELHOUSE=/context/wheelhouse; fi; \
    ./till >/dev/null 2>/tmp/said || [ -f .venv/till.stamp ] || { cat /tmp/said; exit 1; }; \
    .venv/bin/python -m pip --version >/dev/null && .venv/bin/python -m pip uninstall --quiet --yes setuptools pip 2>/dev/null; \
    rm -f .venv/setup.log; \
    find .venv -type d \( -name test -o -name tests \) -path '*/site-packages/*' -prune -exec rm -rf {} +
COPY docs ./docs
COPY src ./src
# Nobody changes what is in an image, so Python need not compare each file with its source when it starts.
RUN .venv/bin/python -m compileall -q -f -j 0 --invalidation-mode unchecked-hash src .venv/lib

FROM ${BASE}
# Nobody but root may change what is here, and the program runs as nobody whom the system knows.
COPY --from=build /opt/tillkeeper/.venv /opt/tillkeeper/.venv
COPY --from=build /opt/tillkeeper/till /opt/tillkeeper/requirements.lock /opt/tillkeeper/
COPY --from=build /opt/tillkeeper/docs /opt/tillkeeper/docs
COPY --from=build /opt/tillkeeper/src /opt/tillkeeper/src
ENV PATH=/opt/tillkeeper:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp TILL_METRICS_HOST=0.0.0.0
WORKDIR /tmp
USER 10001:10001
EXPOSE 8000 8001
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/opt/tillkeeper/.venv/bin/python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/tillkeeper/till"]
CMD ["serve", "--host", "0.0.0.0", "--no-worker"]
