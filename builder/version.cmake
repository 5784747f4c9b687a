# The version as git tells it, written to OUT; a file that says the same already stays as it is.
#
#   cmake -DTREE=DIR -DFALLBACK=N.N.N -DOUT=FILE -P version.cmake
#
# It runs at each build and reaches one object file of the host tool: nothing is compiled again for a
# commit, and what runs in the image, which is cached by its sources, does not know it.
set(VERSION ${FALLBACK})
find_program(GIT git)
if(GIT)
  # A tarball may be unpacked inside of another project's clone.
  execute_process(COMMAND ${GIT} -C ${TREE} rev-parse --show-prefix RESULT_VARIABLE failed
    OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT failed AND prefix STREQUAL "")
    execute_process(COMMAND ${GIT} -C ${TREE} describe --tags --match "v[0-9]*" RESULT_VARIABLE no_tag
      OUTPUT_VARIABLE tag OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    execute_process(COMMAND ${GIT} -C ${TREE} rev-parse --short HEAD RESULT_VARIABLE no_commit
      OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(NOT no_tag AND tag MATCHES "^v[0-9]+\\.[0-9]+\\.[0-9]+[-a-z0-9.]*$")
      string(SUBSTRING ${tag} 1 -1 VERSION)
    elseif(NOT no_commit)
      set(VERSION ${FALLBACK}+g${commit})
    endif()
  endif()
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/version.cc.in ${OUT} @ONLY)
