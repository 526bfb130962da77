#!/bin/sh
# Builds the container's image with docker, podman or buildah, whichever is there:
#   devices/container/build.sh [PLATFORM[,PLATFORM]]    such as linux/arm64; by default this machine's
# Another processor's image is built under emulation: apt install qemu-user-static. TAG and BASE may be set.
set -eu
cd "$(dirname "$0")/../.."
platforms=${1:-}
tag=${TAG:-edge-fer}

set -- -f devices/container/Dockerfile
[ -z "${BASE:-}" ] || set -- "$@" --build-arg "BASE=$BASE"
[ -z "$platforms" ] || set -- "$@" --platform "$platforms"

if command -v docker >/dev/null; then
  exec docker buildx build "$@" --tag "$tag" .
fi
for engine in podman buildah; do
  command -v "$engine" >/dev/null || continue
  # Without --format docker, which OCI's format lacks, the health check would be dropped. A manifest holds one image for
  # each platform.
  exec "$engine" build --format docker "$@" --manifest "$tag" .
done
echo "build.sh: there is no docker, podman or buildah; install one of them" >&2
exit 1
