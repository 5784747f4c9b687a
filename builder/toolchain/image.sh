# What is built from the tree itself, and where all of it is put. Sourced, not run.
#
#   build_payload      build/sysroot/ARCH and build/payload/ARCH for the architecture of load_arch
#   build_host_tool    build/mkcapture
#   build_capture_image
# shellcheck shell=bash

build_payload() {
  local key compiler sysroot program payload=$build/payload/$arch
  key=$(toolchain_key)
  cached "toolchain-$arch" "$key" build_toolchain
  compiler=$entry
  cached "sysroot-$arch" "$(sysroot_key "$key")" build_sysroot "$compiler"
  sysroot=$entry
  mkdir -p "$build/sysroot" "$payload"
  ln -sfn "$sysroot" "$build/sysroot/$arch"
  build_programs "$compiler" "$key" "$payload"
  cached "init-$arch" "$(image_programs_key "$sysroot")" \
    step "init-$arch" "$arch: /init, thrice, savecore and target-check" build_image_programs "$sysroot"
  for program in init init-plain init-disk savecore target-check; do
    install -C -m 0755 "$entry/$program" "$payload/$program"
  done
}

# A fresh clone takes them from the cache as well: minutes for each architecture.
image_programs_key() {
  echo "$1"
  file_hash "$tree/init" "$tree/CMakeLists.txt" "$toolchain/image.cmake" -not -name '*.md'
}

# build_image_programs SYSROOT DIR: DIR/{init,init-plain,init-disk,savecore,target-check}, compiled in
# build/image/ARCH.
build_image_programs() {
  local sysroot=$1 dir=$2 image=$build/image/$arch
  # A folder that was configured for another sysroot would keep its paths.
  if [[ -f $image/CMakeCache.txt ]] &&
    ! grep -q "^MKCAPTURE_SYSROOT:.*=$sysroot\$" "$image/CMakeCache.txt"; then
    rm -rf "$image"
  fi
  cmake -S "$tree" -B "$image" -G Ninja -DMKCAPTURE_IMAGE=ON -DMKCAPTURE_ARCH="$arch" \
    -DMKCAPTURE_SYSROOT="$sysroot" -DCMAKE_TOOLCHAIN_FILE="$toolchain/image.cmake"
  cmake --build "$image" --target init init_plain init_disk savecore target-check
  install -m 0755 "$image"/init/{init,init-plain,init-disk,savecore,target-check} "$dir"
}

build_host_tool() {
  step mkcapture "mkcapture" build_host_programs
  install -C -m 0755 "$build/release/builder/mkcapture" "$build/mkcapture"
}

build_host_programs() {
  cmake -S "$tree" --preset release
  cmake --build "$build/release" --target mkcapture
}

# The target of the first image: where this host keeps its dumps, else an example to be replaced.
readonly example_target=disk:LABEL=CRASH:/var/crash

# build_capture_image OUTPUT: for the architecture of load_arch, with this host's kernel where it
# has one of that architecture, else with build/kernels/ARCH. Prints what came of it.
build_capture_image() {
  local output=$1 options=(--profile "$arch" --payload "$build/payload/$arch") reason
  [[ ! -d $build/kernels/$arch ]] || options+=(--root "$build/kernels/$arch")
  if ! reason=$("$build/mkcapture" "${options[@]}" --print plan 2>&1 >/dev/null); then
    say "No dump target of this host: ${reason#mkcapture: }"
    say "The image is for the example $example_target; pass --target to mkcapture for yours."
    options+=(--target "$example_target")
  fi
  "$build/mkcapture" "${options[@]}" --quiet --output "$output"
  printf '\n'
  "$build/mkcapture" --list "$output"
  printf '\n%s: %s bytes. Load it with:\n' "$output" "$(stat -c %s "$output")"
  "$build/mkcapture" "${options[@]}" --output "$output" --print kexec
}
