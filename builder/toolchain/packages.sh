# Packages of the build machine. Sourced, not run.
#
#   install_packages PKG...   what is missing of them, by apt; no root needed when nothing is
#   build_packages            what builds mkcapture and the payload
# shellcheck shell=bash disable=SC2034

build_packages=(
  # the compiler for host and image
  clang-19 lld-19 llvm-19 libc++-19-dev libclang-rt-19-dev
  # build systems and unpackers
  cmake ninja-build make pkg-config patch dpkg-dev xz-utils bzip2 bc
  # libraries of the host tool
  libfmt-dev libcli11-dev libtomlplusplus-dev libarchive-dev liblzma-dev libkmod-dev
  libblkid-dev liblz4-dev nlohmann-json3-dev
  # the dump engine's codecs
  libzstd-dev libdeflate-dev zlib1g-dev liblzo2-dev libsnappy-dev
  # at run time of mkcapture: keys for dbclient; module indices for unpacked kernels
  dropbear-bin kmod
)

missing_packages() {
  local package
  for package in "$@"; do
    if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
      echo "$package"
    fi
  done
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} > 0)) || return 0
  ((EUID == 0)) || die "these packages are missing; install them as root first: ${missing[*]}"
  step packages "Installing ${#missing[@]} packages" apt_install "${missing[@]}"
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  local options=(-q -y --no-install-recommends -o DPkg::Lock::Timeout=600)
  apt-get update -q
  apt-get "${options[@]}" install "$@"
}
