# The architectures that a payload can be built for: one row each, and nothing about them anywhere
# else in this folder. Names are those of profiles/NAME.toml. Sourced, not run.
#
#   arch_names          all names
#   load_arch NAME      sets arch, triple, debian_arch, cpu_flags, libc, builtins and kernel_source;
#                       with `suite` set, kernel_source is that of a newer release
#   in_debian           whether Debian has programs for the architecture of load_arch
# shellcheck shell=bash disable=SC2034

# libc: musl from Debian's package of that architecture, or compiled where it is smaller (x86_64) or
# there is none.
# builtins: where the compiler's helper functions come from. `host:CPU`: libclang-rt-19-dev of the
# build machine; `package:CPU`: the same package of that architecture; `source`: Debian has none.
# kernel: packages of kernels that can dump; `source:ARCH`: compiled from Debian's linux-source, as
# its package for that architecture cannot dump or is not there.
readonly arch_table='
# name    triple                   Debian   code generation                libc    builtins              kernel
x86_64    x86_64-linux-musl        amd64    -                              source  host:x86_64           linux-image-amd64
i386      i386-linux-musl          i386     -march=i686                    package host:i386             linux-image-686-pae,linux-image-686
arm64     aarch64-linux-musl       arm64    -                              package package:aarch64       linux-image-arm64
arm       arm-linux-musleabihf     armhf    -march=armv7-a,-mfpu=vfpv3-d16 package package:armhf         linux-image-armmp-lpae
ppc64le   powerpc64le-linux-musl   ppc64el  -                              package package:powerpc64le   linux-image-powerpc64le
ppc64     powerpc64-linux-musl     ppc64    -mcpu=ppc64                    source  source                source:powerpc
s390x     s390x-linux-musl         s390x    -                              package source                source:s390
riscv64   riscv64-linux-musl       riscv64  -march=rv64gc,-mabi=lp64d      source  source                source:riscv
'

# Those whose captures are a part of every test run.
readonly tested_architectures=(x86_64 arm64 i386 ppc64le arm s390x riscv64 ppc64)

# Kernels of newer releases of Debian that the tests have beside those: what the default run needs,
# and what only the long one does.
readonly newer_kernels=(x86_64@trixie x86_64@trixie-backports)
readonly long_kernels=(x86_64@trixie-backports=6.18 arm64@trixie ppc64le@trixie riscv64@trixie)

# Packages of kernels that are others in newer releases: with all sizes of pages that there are, and
# where there is one by now that can dump.
readonly newer_kernel_packages='
arm64     linux-image-arm64,linux-image-arm64-16k
ppc64le   linux-image-powerpc64le,linux-image-powerpc64le-64k
riscv64   linux-image-riscv64
'

# Those whose kernel of Debian 13 cannot start another one: 6.12's armmp-lpae faults on its way there
# (__soft_restart).
readonly starts_no_other_kernel=(arm)

arch_names() {
  awk '$1 ~ /^[a-z]/ { print $1 }' <<<"$arch_table"
}

load_arch() {
  local row
  row=$(awk -v name="$1" '$1 == name' <<<"$arch_table")
  [[ -n $row ]] || die "architecture '$1' is not known; one of: $(arch_names | paste -sd' ')"
  read -r arch triple debian_arch cpu_flags libc builtins kernel_source <<<"$row"
  [[ $cpu_flags != - ]] || cpu_flags=
  cpu_flags=${cpu_flags//,-/ -}
  if [[ -n ${suite:-} ]]; then
    row=$(awk -v name="$1" '$1 == name { print $2 }' <<<"$newer_kernel_packages")
    kernel_source=${row:-$kernel_source}
  fi
}

in_debian() {
  [[ $debian_arch =~ ^(amd64|arm64|armhf|i386|ppc64el|s390x)$ ]]
}
