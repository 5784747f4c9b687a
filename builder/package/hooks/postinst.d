#!/bin/sh
# A kernel was installed ($1 its release). For the one that runs, whose files may be new, what is
# loaded is loaded again; for another one the image is built now and armed after its boot. Kernel
# packages are never held up: at that boot mkcapture.service builds what is missing.
set -eu
exec </dev/null >&2 # debconf listens to standard output

# Nobody has armed this machine; or the package was removed and this file was kept.
if [ -z "${1:-}" ] || [ ! -x /usr/sbin/mkcapture ] || [ ! -e /var/lib/mkcapture/capture.json ]; then
  exit 0
fi

if [ "$1" = "$(uname -r)" ]; then
  if [ -d /run/systemd/system ]; then
    systemctl --no-block try-restart mkcapture.service || true
  fi
else
  /usr/sbin/mkcapture arm --prepare --kernel "$1" ||
    echo "mkcapture: no image for $1 yet: mkcapture.service builds it at the boot of that kernel"
fi
