# The sysroot that image programs are compiled against: the toolchain folder plus static libdeflate,
# zstd, lzo2, snappy and libblkid from Debian's sources. Sourced, not run.
#
#   sysroot_key TOOLCHAIN_KEY
#   build_sysroot TOOLCHAIN DIR      a copy of the folder TOOLCHAIN with the libraries added
# shellcheck shell=bash

library_sources=(libdeflate libzstd lzo2 snappy util-linux)

sysroot_key() {
  local package
  echo "sysroot $1"
  file_hash "$toolchain/libraries.sh" "$toolchain/libraries"
  for package in "${library_sources[@]}"; do
    source_id "$package"
  done
}

build_sysroot() {
  step "libraries-$arch" "$arch: codecs and libblkid" build_libraries "$@"
}

build_libraries() {
  local from=$1 dir=$2 package src=$work/libraries-$arch
  for package in "${library_sources[@]}"; do
    unpack_source "$package" "$src/$package"
  done
  cp -a "$from/." "$dir"
  cmake -S "$toolchain/libraries" -B "$src/build" -G Ninja -DSOURCES="$src" \
    -DCMAKE_TOOLCHAIN_FILE="$toolchain/image.cmake" -DMKCAPTURE_ARCH="$arch" \
    -DMKCAPTURE_SYSROOT="$dir" -DCMAKE_INSTALL_PREFIX="$dir/usr"
  cmake --build "$src/build" --target install
  rm -rf "$src"
}
