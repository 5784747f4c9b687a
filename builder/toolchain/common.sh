# Progress, logs and the cache: what the other files of this folder stand on. Sourced, not run.
#
#   say TEXT                  one line for the reader, with the seconds since the start
#   step NAME TEXT CMD...     runs CMD with its output in build/log/NAME.log and prints one line;
#                             when CMD fails, the log's last lines and its path, then exit 1
#   cached NAME KEY CMD...    sets `entry` to the cache folder of NAME for KEY (any text that holds
#                             all inputs); where it is not there, `CMD... FOLDER` fills it first
#   two_at_a_time CMD WORD... runs `CMD WORD` for each WORD, each in a subshell; exit 1 where one fails
#   file_hash PATH... [TEST]  one hash over files and folders, of those that pass find's TEST
# shellcheck shell=bash disable=SC2034

readonly tree=${tree:?the root of the source tree}
readonly build=$tree/build
readonly toolchain=$tree/builder/toolchain
readonly cache=${MKCAPTURE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mkcapture}
readonly unused_days=60 # a cache entry that nobody asked for in so long is removed
readonly work=$cache/work.$$ # scratch space of this run
jobs=$(nproc)
readonly jobs
beside='' # whether another step may run at the same time
trap 'rm -rf "$work"' EXIT

say() {
  printf '[%4ds] %s\n' "$SECONDS" "$*"
}

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

step() {
  local name=$1 text=$2 log=$build/log/$1.log start=$SECONDS status
  shift 2
  mkdir -p "$build/log"
  [[ -n $beside ]] || printf '[%4ds] %s ... ' "$start" "$text"
  # Not `if (...)`: bash ignores -e in everything that a condition calls.
  set +e
  (
    set -e
    "$@"
  ) >"$log" 2>&1 </dev/null
  status=$?
  set -e
  [[ -z $beside ]] || printf '[%4ds] %s ... ' "$start" "$text" # lines of two steps do not mix
  if ((status != 0)); then
    printf 'FAILED\n'
    tail -n 20 "$log" | sed 's/^/    /' >&2
    die "$text failed; the whole log is $log"
  fi
  printf '%d s\n' $((SECONDS - start))
}

# For builds of which a half is one configure script, one archive or one linker.
two_at_a_time() {
  local command=$1 word running=0 failed=''
  shift
  for word in "$@"; do
    ((running < 2)) || { wait -n || failed=yes; running=1; }
    [[ -z $failed ]] || break
    (
      [[ $# == 1 ]] || beside=yes
      "$command" "$word"
    ) &
    running=$((running + 1))
  done
  while ((running-- > 0)); do
    wait -n || failed=yes
  done
  [[ -z $failed ]] || exit 1 # said already
}

file_hash() {
  find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 cat | sha256sum | cut -c 1-16
}

cached() {
  local name=$1 lock partial
  entry=$cache/$1-$(printf '%s\n' "$2" | sha256sum | cut -c 1-16)
  shift 2
  if [[ ! -d $entry ]]; then
    # Two clones may want the same entry at the same time: the second one waits and finds it.
    mkdir -p "$cache/lock"
    exec {lock}>"$cache/lock/$name"
    flock "$lock"
    if [[ ! -d $entry ]]; then
      partial=$entry.partial
      rm -rf "$partial"
      mkdir -p "$partial" "$work"
      "$@" "$partial"
      mv -T "$partial" "$entry"
    fi
    exec {lock}>&-
  fi
  touch "$entry"
}

# Removes what no tree has used for a while. Sources stay: they are small and slow to get.
prune_cache() {
  local old
  while IFS= read -r old; do
    rm -rf "$old"
  done < <(find "$cache" -mindepth 1 -maxdepth 1 -type d -name '*-*' -mtime "+$unused_days")
}
