# The C and C++ foundation of everything in the image: musl, the kernel's headers, the compiler's
# helper functions and a small libc++, in one folder for each architecture. Sourced, not run.
#
#   toolchain_key            for the architecture that load_arch chose
#   build_toolchain DIR      DIR/clang.cfg, DIR/usr/{include,lib}, DIR/bin/TRIPLE-{gcc,ar,...}
#
# `clang-19 --config=DIR/clang.cfg` compiles and links static programs; libc++'s headers are those
# of libc++-19-dev, for every architecture. The folder can be moved.
# shellcheck shell=bash

toolchain_sources=(musl llvm-toolchain-19)

# The kernel's headers are not part of the key: they only grow, and their package changes with every
# security update of the kernel.
toolchain_key() {
  echo "toolchain $arch $triple $cpu_flags $libc $builtins"
  file_hash "$toolchain/sysroot.sh" "$toolchain/libcxx/CMakeLists.txt" "$toolchain/image.cmake"
  [[ $builtins != source ]] || file_hash "$toolchain/libcxx/builtins"
  source_id musl
  source_id llvm-toolchain-19
  dpkg-query -W clang-19 lld-19 libc++-19-dev
}

build_toolchain() {
  local dir=$1 src=$work/toolchain-$arch
  write_compiler_config "$dir"
  step "musl-$arch" "$arch: C library" provide_libc "$dir" "$src"
  step "libcxx-$arch" "$arch: C++ library" build_libcxx "$dir" "$src"
  rm -rf "$src"
}

write_compiler_config() {
  local dir=$1 tool
  mkdir -p "$dir"/{bin,usr/include,usr/lib}
  # -B: clang takes crt1.o and the like from there before it looks at the host's.
  cat >"$dir/clang.cfg" <<END
--target=$triple
--sysroot=<CFGDIR>
-B<CFGDIR>/usr/lib
-fuse-ld=lld
-static
-fno-pie
-stdlib=libc++
-D_LIBCPP_HAS_MUSL_LIBC
$cpu_flags
END
  # For build systems that know cross compilers by prefix.
  for tool in gcc:clang-19 g++:clang++-19; do
    cat >"$dir/bin/$triple-${tool%:*}" <<END
#!/bin/sh
exec ${tool#*:} --config="\$(dirname "\$0")/../clang.cfg" "\$@"
END
    chmod +x "$dir/bin/$triple-${tool%:*}"
  done
  for tool in ar ranlib strip nm objcopy; do
    ln -s "$(command -v "llvm-$tool-19")" "$dir/bin/$triple-$tool"
  done
  ln -s "$(command -v ld.lld-19)" "$dir/bin/$triple-ld"
}

provide_libc() {
  local dir=$1 src=$2 debian_triple headers=/usr/include
  case $libc in
    package) take_musl "$dir" "$src" ;;
    source) build_musl "$dir" "$src" ;;
  esac

  # The kernel's headers beside musl's; scsi/ is musl's own. Debian 13's package has those of every
  # architecture, Debian 12 has a package for each; asm/ may be links to where they are shared.
  debian_triple=$(dpkg-architecture -a"$debian_arch" -qDEB_HOST_MULTIARCH)
  if [[ -d /usr/include/$debian_triple/asm ]]; then
    cp -rL "/usr/include/$debian_triple/asm" "$dir/usr/include/"
  else
    unpack_package "linux-libc-dev-$debian_arch-cross" "$(dpkg --print-architecture)" "$src/headers"
    headers=$(echo "$src/headers"/usr/*/include)
    cp -r "$headers/asm" "$dir/usr/include/"
  fi
  cp -r "$headers"/{linux,asm-generic,mtd,rdma} "$dir/usr/include/"
}

take_musl() {
  local dir=$1 src=$2
  unpack_package musl-dev "$debian_arch" "$src/musl"
  cp -r "$src/musl/usr/include/$triple/." "$dir/usr/include/"
  cp "$src/musl/usr/lib/$triple"/{*.o,*.a} "$dir/usr/lib/"
}

build_musl() {
  local dir=$1 src=$2
  unpack_source musl "$src/musl"
  cd "$src/musl"
  # LIBCC: the helper functions come later, and a static libc does not need them.
  ./configure --target="$triple" --prefix=/usr --disable-shared \
    CC="$dir/bin/$triple-gcc" AR="llvm-ar-19" RANLIB="llvm-ranlib-19" LIBCC=' ' \
    CFLAGS="-Os -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections"
  make -s -j"$jobs" install DESTDIR="$dir"
}

build_libcxx() {
  local dir=$1 src=$2
  unpack_source llvm-toolchain-19 "$src/llvm" '*/libcxx/src/*' '*/libcxxabi/src/*' \
    '*/libcxxabi/include/*' '*/compiler-rt/lib/builtins/*'

  # What clang links by itself: gcc's start files (empty, the init arrays need none) and libgcc
  # (the helper functions; no unwinder, as nothing throws).
  local object
  for object in crtbeginT crtbegin crtend; do
    "$dir/bin/$triple-gcc" -x c -c /dev/null -o "$dir/usr/lib/$object.o"
  done
  llvm-ar-19 rcs "$dir/usr/lib/libgcc_eh.a"
  provide_builtins "$dir/usr/lib/libgcc.a" "$dir" "$src"

  cmake -S "$toolchain/libcxx" -B "$src/libcxx" -G Ninja -DLLVM_SOURCE_DIR="$src/llvm" \
    -DCMAKE_TOOLCHAIN_FILE="$toolchain/image.cmake" -DMKCAPTURE_ARCH="$arch" \
    -DMKCAPTURE_SYSROOT="$dir" -DCMAKE_BUILD_TYPE=MinSizeRel -DCMAKE_INSTALL_PREFIX="$dir/usr"
  cmake --build "$src/libcxx" --target install
}

provide_builtins() {
  local library=$1 dir=$2 src=$3 name=libclang_rt.builtins-${builtins#*:}.a
  case $builtins in
    host:*) cp "/usr/lib/llvm-19/lib/clang/19/lib/linux/$name" "$library" ;;
    package:*)
      unpack_package libclang-rt-19-dev "$debian_arch" "$src/clang-rt"
      cp "$src/clang-rt/usr/lib/llvm-19/lib/clang/19/lib/linux/$name" "$library"
      ;;
    source)
      cmake -S "$toolchain/libcxx/builtins" -B "$src/builtins" -G Ninja \
        -DLLVM_SOURCE_DIR="$src/llvm" -DCMAKE_TOOLCHAIN_FILE="$toolchain/image.cmake" \
        -DMKCAPTURE_ARCH="$arch" -DMKCAPTURE_SYSROOT="$dir" -DCMAKE_BUILD_TYPE=MinSizeRel
      cmake --build "$src/builtins"
      cp "$src/builtins/libbuiltins.a" "$library"
      ;;
  esac
}
