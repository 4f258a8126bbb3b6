#!/usr/bin/env bash
# As run_docker.sh, without a container: every run is a child process on this machine.
set -euo pipefail
script=$(readlink -f -- "${BASH_SOURCE[0]}")
USE_DOCKER=false exec -- "$(dirname -- "$script")/run_docker.sh" "$@"
