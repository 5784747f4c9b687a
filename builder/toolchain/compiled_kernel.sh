# Small kernels compiled from Debian's linux-source package: all off, then what kernels/common.config
# and kernels/ARCH.config say. Sourced, not run. This file is a part of their key in the cache: what
# does not change a kernel stands elsewhere.
# shellcheck shell=bash disable=SC2154

readonly linux_source=linux-source-6.1
kernel_build_packages() {
  # gcc and libc6-dev: for the programs that the kernel's build itself runs.
  echo gcc libc6-dev flex bison bc libelf-dev "gcc-12-${debian_arch/ppc64/powerpc64}-linux-gnu"
}

# Sets linux_source_package: its version is a part of the key.
linux_source_version() {
  if [[ -n ${MKCAPTURE_SOURCES:-} ]]; then
    linux_source_package=$(basename "$MKCAPTURE_SOURCES/${linux_source}"_*_all.deb)
  else
    linux_source_package=$(apt_run "$(dpkg --print-architecture)" \
      apt-cache show --no-all-versions "$linux_source" | awk '/^Version:/ { print $2 }')
  fi
}

compiled_kernel_key() {
  echo "kernel $arch $kernel_source $linux_source $linux_source_package"
  file_hash "$toolchain/compiled_kernel.sh" "$toolchain/kernels/common.config" "$toolchain/kernels/$arch.config"
}

build_kernel() {
  local packages
  read -ra packages < <(kernel_build_packages)
  install_packages "${packages[@]}"
  step "kernel-$arch" "$arch: a small kernel ($linux_source)" compile_kernel "$1"
}

compile_kernel() {
  local dir=$1 src=$work/kernel-$arch release image name make
  local prefix=${debian_arch/ppc64/powerpc64}-linux-gnu-
  unpack_package "$linux_source" "$(dpkg --print-architecture)" "$src"
  tar -xf "$src/usr/src/$linux_source.tar.xz" -C "$src" --exclude='*/drivers/gpu/drm/amd/include'
  make=(make -s -C "$src/$linux_source" -j"$jobs" "ARCH=${kernel_source#source:}"
    "CROSS_COMPILE=$prefix" "CC=${prefix}gcc-12" LOCALVERSION=-mkcapture
    KBUILD_BUILD_USER=mkcapture KBUILD_BUILD_HOST=mkcapture KBUILD_BUILD_TIMESTAMP=1970-01-01)

  cat "$toolchain/kernels/common.config" "$toolchain/kernels/$arch.config" >"$src/ours"
  "${make[@]}" KCONFIG_ALLCONFIG="$src/ours" allnoconfig
  check_kernel_config "$src/ours" "$src/$linux_source/.config"
  # By name: `all` makes a boot wrapper too, which wants a second compiler on ppc64.
  case $arch in
    s390x) image=bzImage name=vmlinuz ;;
    riscv64) image=Image name=Image ;;
    ppc64) image=vmlinux name=vmlinux ;;
  esac
  "${make[@]}" "$image" modules
  release=$("${make[@]}" kernelrelease)
  "${make[@]}" INSTALL_MOD_PATH="$dir" INSTALL_MOD_STRIP=1 modules_install
  rm -f "$dir/lib/modules/$release"/{build,source}
  depmod -b "$dir" "$release"

  mkdir "$dir/boot"
  cp "$src/$linux_source/.config" "$dir/boot/config-$release"
  cp "$src/$linux_source/System.map" "$dir/boot/System.map-$release"
  # What QEMU boots, and for kexec where that is another form (profiles/ARCH.toml).
  if [[ $image != vmlinux ]]; then
    cp "$src/$linux_source/arch/${kernel_source#source:}/boot/$image" "$dir/boot/$name-$release"
  fi
  if [[ $arch != s390x ]]; then
    "${prefix}strip" -o "$dir/boot/vmlinux-$release" "$src/$linux_source/vmlinux"
  fi
  rm -rf "$src"
}

# An option that depends on another one which is off is dropped without a word.
check_kernel_config() {
  local line dropped=
  while read -r line; do
    grep -qxF "$line" "$2" || dropped+=" $line"
  done < <(grep '^CONFIG_.*=' "$1")
  [[ -z $dropped ]] || die "the kernel does not take these options:$dropped"
}
