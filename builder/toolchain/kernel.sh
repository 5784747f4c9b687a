# Debian's kernel for a machine that has none (a container, a build host) and for the tests.
# Sourced, not run.
#
#   provide_kernel    build/kernels/ARCH: a folder to be passed as --root, with boot/vmlinuz-RELEASE,
#                     boot/config-RELEASE and lib/modules/RELEASE with its indices
# shellcheck shell=bash

provide_kernel() {
  local package version
  [[ $kernel_package != - ]] || die "Debian has no $arch kernel that can dump"
  if [[ -n ${MKCAPTURE_SOURCES:-} ]]; then
    package=$(cd "$MKCAPTURE_SOURCES" && ls linux-image-[0-9]*_"$debian_arch".deb) ||
      die "MKCAPTURE_SOURCES: no package linux-image-*_$debian_arch.deb in $MKCAPTURE_SOURCES"
    version=$package package=${package%%_*}
  else
    # The meta package names the current one.
    read -r package version < <(
      apt_run "$debian_arch" apt-cache show --no-all-versions "$kernel_package" |
        awk '/^Version:/ { version = $2 }
             /^Depends:/ { if (match($0, /linux-image-[0-9][^ ,]*/)) package = substr($0, RSTART, RLENGTH) }
             END { print package, version }'
    ) || die "apt does not know the package $kernel_package"
  fi
  cached "kernel-$arch" "$package $version" build_kernel "$package"
  mkdir -p "$build/kernels"
  ln -sfn "$entry" "$build/kernels/$arch"
}

build_kernel() {
  step "kernel-$arch" "$arch: Debian's kernel (${1#linux-image-})" unpack_kernel "$1" "$2"
}

unpack_kernel() {
  local package=$1 dir=$2 src=$work/kernel-$arch release
  unpack_package "$package" "$debian_arch" "$src"
  [[ -d $src/lib/modules ]] || mv "$src/usr/lib" "$src/lib" # a package for merged /usr
  mv "$src/boot" "$dir/boot"
  mkdir "$dir/lib"
  mv "$src/lib/modules" "$dir/lib/modules"
  for release in "$dir"/lib/modules/*; do
    release=$(basename "$release")
    depmod -b "$dir" "$release"
  done
  rm -rf "$src"
}

# Whether this machine is of the architecture and has modules of some kernel.
machine_has_kernel() {
  [[ $debian_arch == "$(dpkg --print-architecture)" ]] || return 1
  compgen -G '/lib/modules/*/modules.dep' >/dev/null
}
