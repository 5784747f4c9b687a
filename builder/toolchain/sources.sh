# Sources and packages by apt, with the mirrors that this machine is set up with, so that the image
# follows the distribution's security updates. A configuration of our own (lists, status, cache,
# deb-src) leaves the system's apt as it is and needs no root. Sourced, not run.
#
#   source_id PKG               the source package's version (with MKCAPTURE_SOURCES: a file's hash)
#   unpack_source PKG DIR [GLOB...]   into DIR, Debian's patches applied; GLOBs: only these members
#   unpack_package PKG DEBARCH DIR    a binary package, of any architecture, without installing it
#
# With `suite` set (trixie, trixie-backports) packages are those of that suite of Debian instead of the
# machine's own, from the same mirrors; with `packages_of` set, all that apt is asked for.
#
# MKCAPTURE_SOURCES=DIR: sources are PKG_*.dsc, PKG-VERSION.tar.* or PKG_VERSION*.tar.* in DIR, and
# packages PKG_*_ARCH.deb; apt is not asked.
# shellcheck shell=bash

readonly lists_hours=20 # how long downloaded package lists are used
declare -A source_files=()
source_uris='' # apt's lines "'URI' NAME SIZE HASH" of all sources, from the signed index

# The names that upstream gives its tarballs, where they differ from Debian's source package.
upstream_name() {
  case $1 in
    libzstd) echo zstd ;;
    lzo2) echo lzo ;;
    llvm-toolchain-19) echo llvm-project ;;
    *) echo "$1" ;;
  esac
}

# apt_run STATE COMMAND...: an apt command with the private configuration cache/apt/STATE, where
# STATE is `source`, a Debian architecture, or ARCHITECTURE@SUITE. Package lists are fetched when they
# are old.
apt_run() {
  local state=$1 dir
  [[ -z ${packages_of:-} || $state == *@* ]] || state+=@$packages_of
  dir=$cache/apt/$state
  shift
  mkdir -p "$dir"
  (
    flock 8 # two may want it at once
    [[ -e $dir/updated && -z $(find "$dir/updated" -mmin "+$((lists_hours * 60))") ]] || update_lists "$state" "$dir"
  ) 8>"$dir/.lock" || exit 1 # said already
  APT_CONFIG=$dir/apt.conf "$@"
}

update_lists() {
  local state=$1 dir=$2
  write_apt_configuration "$state" "$dir"
  # A mirror of one suite that is in the middle of its own update must not stop us: what another
  # suite has will do. Offline, the lists of last time will.
  if APT_CONFIG=$dir/apt.conf apt-get update -q >"$dir/update.log" 2>&1 ||
    compgen -G "$dir/lists/*_Packages*" >/dev/null || compgen -G "$dir/lists/*_Sources*" >/dev/null; then
    touch "$dir/updated"
  else
    tail -n 5 "$dir/update.log" >&2
    die "apt-get update with $dir/apt.conf failed"
  fi
}

write_apt_configuration() {
  local state=$1 dir=$2 types=deb file name architecture=${1%@*}
  [[ $state != source ]] || { types=deb-src architecture=$(dpkg --print-architecture); }
  rm -rf "$dir/sources.d"
  mkdir -p "$dir"/{sources.d,preferences.d,lists/partial,cache/archives/partial}
  : >"$dir/status"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -f $file ]] || continue
    name=$(basename "$file" .list)
    sed -nE "s/^deb(-src)?[[:space:]]/$types /p" "$file" | sed -E 's/(\[|[[:space:]])arch=[^] ]*/\1/' |
      sort -u >"$dir/sources.d/$name-list.list"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [[ -f $file ]] || continue
    sed -E "s/^Types:.*/Types: $types/; /^Architectures:/d" "$file" >"$dir/sources.d/$(basename "$file")"
  done
  [[ $state != *@* ]] || change_suite "${state#*@}" "$dir/sources.d"
  cat >"$dir/apt.conf" <<END
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "root";
APT::Get::Only-Source "true";
Acquire::Languages "none";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$dir/sources.d";
Dir::Etc::PreferencesParts "$dir/preferences.d";
Dir::State "$dir";
Dir::State::Status "$dir/status";
Dir::Cache "$dir/cache";
END
}

# Turns what the machine's own suite is fetched from into another suite; other sources go. Backports
# stand alone: apt prefers them only where nothing else is offered.
change_suite() {
  local to=$1 dir=$2 own file suites
  own=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  for file in "$dir"/*; do
    case $to in
      *-backports) suites="/^deb/{s/ $own / $to /; / $to /!d}; /^Suites:/s/: $own( .*)?$/: $to/" ;;
      *) suites="/^deb/{s/ ${own}([ -])/ ${to}\\1/; / ${to}[ -]/!d}; /^Suites:/s/\\b$own\\b/$to/g" ;;
    esac
    sed -i -E "$suites" "$file"
    if [[ $file == *.sources ]]; then # one file may have several paragraphs
      awk -v to="$to" 'BEGIN { RS = ""; ORS = "\n\n" }
                       $0 ~ "(^|\n)Suites:[^\n]* " to' "$file" >"$file.new"
      mv "$file.new" "$file"
    fi
    grep -qE "^(deb .*|Suites:.*) $to" "$file" || rm "$file"
  done
}

# Asks once for all sources, as each question costs apt half a second.
#   resolve_sources PKG...
resolve_sources() {
  local package file
  if [[ -n ${MKCAPTURE_SOURCES:-} ]]; then
    for package in "$@"; do
      file=$(find_source "$package")
      source_files[$package]=$file
    done
    return
  fi
  local uris
  uris=$(apt_run source apt-get source --download-only --print-uris -q "$@") ||
    die "apt knows no source package for one of: $*"
  for package in "$@"; do
    file=$(grep -oE "[^ /']+\.dsc " <<<"$uris" | grep -E "^${package}_" | head -n 1) ||
      die "apt knows no source package $package"
    source_files[$package]=${file% }
  done
  source_uris=$uris
}

# A mirror may lack a source's .dsc or Debian part while upstream's tarball is there. Prints the
# tarball's path, of the size and hash that the index has for it; Debian's patches are then missing.
#   fetch_upstream PKG DSC
fetch_upstream() {
  local package=$1 stem=${2%.dsc} line uri name hash
  stem=${stem%-*} # without Debian's revision
  line=$(grep -E "^'[^']+' ${stem//[.+]/\\&}\.orig\.tar\.[a-z0-9]+ [0-9]+ [A-Za-z0-9]+:[0-9a-f]+" <<<"$source_uris" |
    head -n 1) || return 1
  read -r uri name _ hash <<<"$line"
  uri=${uri//\'/}
  [[ -f $cache/sources/$name ]] ||
    apt_run source /usr/lib/apt/apt-helper download-file "$uri" "$cache/sources/$name" "$hash" >&2 ||
    return 1
  echo "the mirror lacks a part of $package's Debian source: $name without Debian's patches" >&2
  echo "$cache/sources/$name"
}

# A mirror may lack a security update's source altogether. Prints the .dsc of the newest version
# before it that the mirror has, such as the release's own.
#   fetch_older PKG DSC
fetch_older() {
  local package=$1 newest=${2%.dsc} version
  newest=${newest#*_}
  while read -r version; do
    [[ ${version#*:} != "$newest" ]] || continue
    apt_run source apt-get source --download-only -q "$package=$version" >&2 || continue
    echo "the mirror lacks the source of $package $newest: $version is taken" >&2
    echo "$cache/sources/${package}_${version#*:}.dsc"
    return
  done < <(apt_run source apt-cache showsrc --only-source "$package" |
    sed -n 's/^Version: //p' | sort -urV)
  return 1
}

# The file in MKCAPTURE_SOURCES that holds a source.
find_source() {
  local name file
  for name in "$1" "$(upstream_name "$1")"; do
    for file in "$MKCAPTURE_SOURCES/$name"_*.dsc "$MKCAPTURE_SOURCES/$name"[-_][0-9]*.tar.*; do
      if [[ -f $file && $file != *.debian.tar.* && $file != *.asc ]]; then
        echo "$file"
        return
      fi
    done
  done
  die "MKCAPTURE_SOURCES: no tarball of $1 in $MKCAPTURE_SOURCES"
}

source_id() {
  local file=${source_files[$1]:?resolve_sources comes first}
  if [[ -n ${MKCAPTURE_SOURCES:-} ]]; then
    echo "$1 $(file_hash "$file")"
  else
    echo "$file"
  fi
}

unpack_source() {
  local package=$1 dir=$2 file=${source_files[$1]:?resolve_sources comes first}
  shift 2
  if [[ -z ${MKCAPTURE_SOURCES:-} ]]; then
    mkdir -p "$cache/sources"
    exec 9>"$cache/sources/.lock"
    flock 9 # apt leaves half a file where two ask for the same one
    file=$(
      cd "$cache/sources"
      if apt_run source apt-get source --download-only -q "$package" >&2; then
        echo "$cache/sources/$file"
      else
        fetch_upstream "$package" "$file" || fetch_older "$package" "$file" ||
          die "neither the Debian source of $package nor its upstream tarball can be had"
      fi
    ) || exit 1 # said already
    exec 9>&-
  fi
  case $file in
    *.dsc) unpack_dsc "$file" "$dir" "$@" ;;
    *) unpack_tarball "$file" "$dir" "$@" ;;
  esac
}

unpack_tarball() {
  local file=$1 dir=$2
  shift 2
  mkdir -p "$dir"
  tar -xf "$file" -C "$dir" --strip-components=1 ${1:+--wildcards} "$@"
}

unpack_dsc() {
  local dsc=$1 dir=$2 folder
  shift 2
  mkdir -p "$(dirname "$dir")"
  if (($# == 0)); then
    dpkg-source --no-check --no-copy -x "$dsc" "$dir"
    return
  fi
  # Some members of a large source: dpkg-source cannot do that. Of Debian's patches, those that
  # touch nothing else.
  folder=$(dirname "$dsc")
  unpack_tarball "$folder/$(awk '$3 ~ /\.orig\.tar\.[a-z0-9]+$/ { print $3; exit }' "$dsc")" "$dir" "$@"
  tar -xf "$folder/$(awk '$3 ~ /\.debian\.tar\.[a-z0-9]+$/ { print $3; exit }' "$dsc")" -C "$dir"
  apply_possible_patches "$dir"
}

apply_possible_patches() {
  local dir=$1 patch file
  while read -r patch _; do
    [[ -n $patch && $patch != '#'* ]] || continue
    while read -r file; do
      [[ -f $dir/$file ]] || continue 2
    done < <(sed -nE 's,^\+\+\+ [^/]+/([^[:space:]]+).*,\1,p' "$dir/debian/patches/$patch")
    echo "applying $patch"
    patch -d "$dir" -p1 --batch --forward <"$dir/debian/patches/$patch"
  done <"$dir/debian/patches/series"
}

# The index of a mirror may name files that the mirror does not have, for days: the version before it
# will do, and is told.
download_package() {
  local package=$1 state=$2 dir=$3 version versions
  ! (cd "$dir" && apt_run "$state" apt-get download -q "$package") || return 0
  versions=$(apt_run "$state" apt-cache madison "$package" | awk -F '|' '{ gsub(/ /, "", $2); print $2 }' | sort -Vru)
  for version in $(tail -n +2 <<<"$versions"); do
    (cd "$dir" && apt_run "$state" apt-get download -q "$package=$version") || continue
    echo "$package: the mirror lacks the newest, $version in its place" >&2
    return 0
  done
  return 1
}

unpack_package() {
  local package=$1 debarch=$2 dir=$3 file download
  if [[ -n ${MKCAPTURE_SOURCES:-} ]]; then
    for file in "$MKCAPTURE_SOURCES/${package}_"*_{"$debarch",all}.deb; do
      [[ ! -f $file ]] || { dpkg-deb -x "$file" "$dir"; return; }
    done
    die "MKCAPTURE_SOURCES: no package ${package}_*_$debarch.deb in $MKCAPTURE_SOURCES"
  fi
  download=$work/download-$package-$debarch-$BASHPID
  mkdir -p "$download"
  download_package "$package" "$debarch${suite:+@$suite}" "$download"
  mkdir -p "$dir"
  dpkg-deb -x "$download"/*.deb "$dir"
  rm -rf "$download"
}
