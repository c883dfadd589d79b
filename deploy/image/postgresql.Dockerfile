# What an image that makes backups stands on: the programs of PostgreSQL, of its server's version or newer, and Python.
#
#   docker build -t postgresql-and-python - <deploy/image/postgresql.Dockerfile
#   docker build -t registry.example.com/tillkeeper-backup:0.1.0 --build-arg BASE=postgresql-and-python .
FROM docker.io/library/postgres:18-bookworm
RUN apt-get update && \
    apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv && \
    rm -rf /var/lib/apt/lists/*
