# A kernel for a machine that has none (a container, a build host) and for the tests: Debian's, or
# where Debian has none that can dump, a compiled one (compiled_kernel.sh).
# Sourced, not run.
#
#   provide_kernel    build/kernels/ARCH: a folder to be passed as --root, with boot/vmlinuz-RELEASE
#                     (or vmlinux-, Image-), boot/config-RELEASE and lib/modules/RELEASE with its
#                     indices (from 7.x on kernel and configuration are there as well); where arch.sh
#                     names several packages, with several releases.
#                     With `suite` set, build/kernels/ARCH@SUITE from that suite of Debian; with
#                     `series` too (6.18, or 6.12.107 where a mirror lacks the newest),
#                     ARCH@SUITE=SERIES: the newest of that series there
# shellcheck shell=bash disable=SC2154

provide_kernel() {
  local name=$arch${suite:+@$suite}${series:+=$series} packages_of=
  case $kernel_source in
    source:*)
      [[ -z $suite ]] || die "$arch: no kernel of Debian can dump, in $suite either"
      of_this_release "$(dpkg --print-architecture)" "$linux_source" || packages_of=bookworm
      linux_source_version
      cached "kernel-$arch" "$(compiled_kernel_key)" build_kernel
      ;;
    *)
      [[ -n $suite ]] || can_dump_here || packages_of=bookworm
      debian_kernels
      cached "kernel-$name" "${kernel_versions[*]}" unpack_kernels
      ;;
  esac
  mkdir -p "$build/kernels"
  ln -sfn "$entry" "$build/kernels/$name"
}

# Whether this machine's own release has kernels of the architecture that can dump. Debian 13 has none
# for i386.
can_dump_here() {
  [[ " ${starts_no_other_kernel[*]} " != *" $arch "* ]] || grep -q '^VERSION_CODENAME=bookworm' /etc/os-release || return 1
  of_this_release "$debian_arch" "${kernel_source%%,*}"
}

# of_this_release DEBARCH PACKAGE: whether this machine's own release of Debian has it.
of_this_release() {
  [[ -n ${MKCAPTURE_SOURCES:-} ]] ||
    # Not `show`, which takes linux-source-6.12 for linux-source-6.1.
    apt_run "$1" apt-cache pkgnames "$2" | grep -x -e "$2" >/dev/null
}

# Sets kernel_packages, kernel_versions and, where apt has them, kernel_flavours.
debian_kernels() {
  local meta package version
  kernel_packages=() kernel_versions=() kernel_flavours=()
  if [[ -n ${MKCAPTURE_SOURCES:-} ]]; then
    for package in "$MKCAPTURE_SOURCES"/linux-image-[0-9]*_"$debian_arch".deb; do
      [[ -f $package ]] ||
        die "MKCAPTURE_SOURCES: no package linux-image-*_$debian_arch.deb in $MKCAPTURE_SOURCES"
      package=$(basename "$package")
      kernel_packages+=("${package%%_*}")
      kernel_versions+=("$package")
    done
    return
  fi
  if [[ -n ${series:-} ]]; then
    kernel_of_series
    return
  fi
  for meta in ${kernel_source//,/ }; do
    # The meta package names the current one.
    read -r package version < <(
      apt_run "$debian_arch${suite:+@$suite}" apt-cache show --no-all-versions "$meta" |
        awk '/^Version:/ { version = $2 }
             /^Depends:/ { if (match($0, /linux-image-[0-9][^ ,]*/)) package = substr($0, RSTART, RLENGTH) }
             END { print package, version }'
    ) || die "apt does not know the package $meta"
    kernel_packages+=("$package")
    kernel_versions+=("$package $version")
    kernel_flavours+=("${meta#linux-image-}")
  done
}

# No meta package names what is not the newest.
kernel_of_series() {
  local meta package
  for meta in ${kernel_source//,/ }; do
    package=$(apt_run "$debian_arch${suite:+@$suite}" apt-cache pkgnames "linux-image-$series" |
      grep -E "^linux-image-${series//./\\.}([.+][a-z0-9.+]+)?-${meta#linux-image-}\$" | sort -V |
      tail -n 1) || true
    [[ -n $package ]] || die "$arch: ${suite:-this release} has no kernel of $series"
    kernel_packages+=("$package")
    kernel_versions+=("$package")
    kernel_flavours+=("${meta#linux-image-}")
  done
}

unpack_kernels() {
  local i package
  for i in "${!kernel_packages[@]}"; do
    package=${kernel_packages[i]}
    step "kernel-$arch${suite:+@$suite}${series:+=$series}" "$arch: Debian's kernel (${package#linux-image-})" \
      unpack_kernel "$package" "${kernel_flavours[i]:-}" "$1"
  done
}

# PACKAGE, and the releases before it that apt knows, newest first.
kernels_down_from() {
  local package=$1 flavour=$2
  [[ -n $flavour ]] || { echo "$package"; return; }
  apt_run "$debian_arch${suite:+@$suite}" apt-cache pkgnames "linux-image-${series:-}" |
    grep -E "^linux-image-[0-9][^-]*(-[0-9]+)?-$flavour\$" | sort -V | sed "/^${package//./\\.}\$/q" | tac
}

# From 7.x on linux-image-RELEASE is empty: the kernel, its modules and its configuration are packages
# of their own that it depends on, with everything in usr/lib/modules/RELEASE.
kernel_parts() {
  local package=$1 file
  echo "$package"
  if [[ -n ${MKCAPTURE_SOURCES:-} ]]; then
    for file in "$MKCAPTURE_SOURCES"/linux-{binary,modules,base}-"${package#linux-image-}"_*; do
      [[ ! -f $file ]] || basename "${file%%_*}"
    done
    return
  fi
  # In between (6.18) linux-base-RELEASE has maintainer scripts alone, and goes with the next release.
  for file in $(apt_run "$debian_arch${suite:+@$suite}" apt-cache show --no-all-versions "$package" |
    sed -n 's/^Depends: //p' | grep -oE '\blinux-(binary|modules|base)-[0-9][^ ,]*'); do
    [[ -z $(apt_run "$debian_arch${suite:+@$suite}" apt-cache show "$file" 2>/dev/null) ]] || echo "$file"
  done
}

# The index of a mirror may name files that the mirror does not have, for days: the release before
# it will do.
download_kernel() {
  local package=$1 flavour=$2 src=$3 candidate candidates status
  candidates=$(kernels_down_from "$package" "$flavour")
  for candidate in $candidates; do
    rm -rf "$src"
    set +e
    (
      set -e
      parts=$(kernel_parts "$candidate")
      for part in $parts; do
        unpack_package "$part" "$debian_arch" "$src"
      done
    )
    status=$?
    set -e
    ((status != 0)) || return 0
    echo "$candidate is not to be had"
  done
  return 1
}

unpack_kernel() {
  local package=$1 flavour=$2 dir=$3 src=$work/kernel-$arch release
  download_kernel "$package" "$flavour" "$src"
  [[ -d $src/lib/modules ]] || mv "$src/usr/lib" "$src/lib" # a package for merged /usr
  mkdir -p "$dir/boot" "$dir/lib/modules"
  [[ ! -d $src/boot ]] || mv "$src/boot"/* "$dir/boot/"
  for release in "$src"/lib/modules/*; do
    mv "$release" "$dir/lib/modules/"
    depmod -b "$dir" "$(basename "$release")"
  done
  rm -rf "$src"
}

# Whether this machine is of the architecture and has modules of some kernel.
machine_has_kernel() {
  [[ $debian_arch == "$(dpkg --print-architecture)" ]] || return 1
  compgen -G '/lib/modules/*/modules.dep' >/dev/null
}
