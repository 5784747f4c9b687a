# The programs of the image that come from elsewhere, static against musl. Sourced, not run.
#
#   build_programs TOOLCHAIN TOOLCHAIN_KEY DIR     DIR/{udhcpc,busybox,dbclient}, from the cache
#                                                where they are there
#
# BusyBox is built twice: `udhcpc` with that one applet, which goes into every image that needs an
# address, and `busybox` with a shell, which goes into an image only where --shell asks for it.
# shellcheck shell=bash

program_sources=(busybox dropbear)

# program_key PACKAGE OPTIONS TOOLCHAIN_KEY, where OPTIONS is the file of programs/ that it takes
program_key() {
  echo "$3"
  file_hash "$toolchain/programs.sh" "$toolchain/programs/$2"
  source_id "$1"
}

build_programs() {
  local compiler=$1 key=$2 dir=$3
  cached "udhcpc-$arch" "$(program_key busybox udhcpc.config "$key")" \
    step "udhcpc-$arch" "$arch: udhcpc (BusyBox)" build_busybox "$compiler" udhcpc
  install -C -m 0755 "$entry/udhcpc" "$dir/udhcpc"
  cached "busybox-$arch" "$(program_key busybox busybox.config "$key")" \
    step "busybox-$arch" "$arch: rescue shell (BusyBox)" build_busybox "$compiler" busybox
  install -C -m 0755 "$entry/busybox" "$dir/busybox"
  cached "dbclient-$arch" "$(program_key dropbear dropbear_options.h "$key")" \
    step "dbclient-$arch" "$arch: dbclient (dropbear)" build_dbclient "$compiler"
  install -C -m 0755 "$entry/dbclient" "$dir/dbclient"
}

# build_busybox TOOLCHAIN NAME DIR: DIR/NAME as programs/NAME.config says.
build_busybox() {
  local compiler=$1 config=$toolchain/programs/$2.config output=$3/$2
  local src=$work/busybox-$2-$arch make name
  unpack_source busybox "$src"
  make=(make -s -C "$src" -j"$jobs" HOSTCC=clang-19 "CROSS_COMPILE=$compiler/bin/$triple-")

  # Everything off, then our options; what depends on them takes its default.
  "${make[@]}" allnoconfig </dev/null >/dev/null
  grep -oE 'CONFIG_[A-Z0-9_]+' "$config" >"$src/ours"
  grep -v -w -F -f "$src/ours" "$src/.config" >"$src/rest"
  cat "$config" "$src/rest" >"$src/.config"
  echo "CONFIG_EXTRA_CFLAGS=\"-w\"" >>"$src/.config"
  yes '' 2>/dev/null | "${make[@]}" oldconfig >/dev/null || true # `yes` dies of its pipe
  while read -r name; do
    grep "^$name=" "$src/.config" || die "BusyBox does not take $name"
  done < <(grep '^CONFIG' "$config" | sed 's/=.*//')

  "${make[@]}" busybox
  install -m 0755 "$src/busybox" "$output"
  rm -rf "$src"
}

build_dbclient() {
  local compiler=$1 output=$2/dbclient src=$work/dropbear-$arch
  unpack_source dropbear "$src"
  cp "$toolchain/programs/dropbear_options.h" "$src/localoptions.h"
  cd "$src"
  PATH=$compiler/bin:$PATH ./configure --host="$triple" --build="$(dpkg-architecture -qDEB_BUILD_GNU_TYPE)" \
    --enable-static --disable-zlib --disable-syslog --disable-lastlog --disable-utmp --disable-utmpx \
    --disable-wtmp --disable-wtmpx --disable-loginfunc --disable-pututline --disable-pututxline \
    --disable-harden CC="$triple-gcc" \
    CFLAGS="-Os -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -w" \
    LDFLAGS="-Wl,--gc-sections,--icf=all,--build-id=none -s"
  PATH=$compiler/bin:$PATH make -s -j"$jobs" PROGRAMS=dbclient STATIC=1 IGNORE_SPEED=1 dbclient
  install -m 0755 dbclient "$output"
  rm -rf "$src"
}
