#!/usr/bin/env bash
# Builds the image that runs happen in: ai_energy_score, or the name in DOCKER_IMAGE.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: ./build.sh [docker build options]

Builds the image of the docker executor with the docker command.
  DOCKER_IMAGE   its name (default: ai_energy_score)
  BASE_IMAGE     another base than the Dockerfile's own, with Python 3.11 or later
TEXT
}

case "${1:-}" in -h | --help) usage; exit 0 ;; esac
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v docker >/dev/null || { echo "build.sh: docker is not installed; without it: --executor local" >&2; exit 3; }
docker version --format '{{.Server.Version}}' >/dev/null || {
  echo "build.sh: no container engine answers: sudo systemctl start docker; without one: --executor local" >&2
  exit 3
}
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$root/energy_score/__init__.py")
revision=$(git -C "$root" describe --always --abbrev=40 --dirty --exclude='*' 2>/dev/null || echo unknown)
arguments=(--build-arg "VERSION=$version" --build-arg "REVISION=$revision" --tag "${DOCKER_IMAGE:-ai_energy_score}")
[ -z "${BASE_IMAGE:-}" ] || arguments+=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
exec docker build "${arguments[@]}" "$@" "$root"
