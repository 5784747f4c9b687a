# Which files of the tree are of which language. Sourced, not run; the working directory is the tree.
#
#   files_of c++ | shell | python    those that git knows or would take, one a line
# shellcheck shell=bash

# Scripts have no suffix as a rule: their first line tells. builder/toolchain's C follows the
# programs that it is compiled into.
files_of() {
  case $1 in
    c++) git ls-files -co --exclude-standard -- '*.cc' '*.h' | grep -v '^builder/toolchain/' ;;
    shell) with_interpreter '(ba|da)?sh' '*.sh' ;;
    python) with_interpreter 'python3?' '*.py' ;;
  esac | while read -r file; do
    [[ ! -f $file ]] || printf '%s\n' "$file"
  done
}

# with_interpreter REGEX SUFFIX
with_interpreter() {
  {
    git ls-files -co --exclude-standard -- "$2"
    git grep -IlE --untracked "^#!.*[/ ]$1( |\$)" |
      while read -r file; do
        ! head -n 1 "$file" | grep -qE "^#!.*[/ ]$1( |\$)" || printf '%s\n' "$file"
      done
  } | sort -u
}
