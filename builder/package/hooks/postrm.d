#!/bin/sh
# A kernel was removed ($1 its release), and what was built for its boot goes with it.
set -eu
if [ -n "${1:-}" ]; then
  rm -f "/var/lib/mkcapture/capture-$1.img" "/var/lib/mkcapture/capture-$1.json"
fi
