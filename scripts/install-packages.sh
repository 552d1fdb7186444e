#!/usr/bin/env bash
# Installs packages of Debian or Ubuntu: scripts/install-packages.sh mosquitto chromium. As root, or with sudo.
# The tests start brokers of their own: policy-rc.d keeps the packages from starting their services.
set -euo pipefail

policy=/usr/sbin/policy-rc.d written=false status=0

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"; else sudo -n "$@"; fi
}

if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
  written=true
fi
as_root apt-get update -qq &&
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" || status=$?
if $written; then as_root rm -f "$policy"; fi
exit "$status"
