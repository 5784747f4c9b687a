/* zstd's searchers for dictionaries and for input in several pieces, 40 KB of /init: a page is one
 * piece, and there are no dictionaries. The linker is told (--wrap, init/CMakeLists.txt) to take these
 * in their place and leaves them out. One that finds no match is a valid one: should it be called
 * after all, its frames hold Huffman-coded literals and can be read like any others. */
#include <stddef.h>

#define FINDS_NOTHING(name)                                                         \
  size_t __wrap_##name(void* state, void* store, unsigned* repeats, const void* source, \
                       size_t size) {                                               \
    (void)state, (void)store, (void)repeats, (void)source;                          \
    return size; /* as literals */                                                  \
  }

FINDS_NOTHING(ZSTD_compressBlock_fast_dictMatchState)
FINDS_NOTHING(ZSTD_compressBlock_fast_extDict)
FINDS_NOTHING(ZSTD_compressBlock_doubleFast_dictMatchState)
FINDS_NOTHING(ZSTD_compressBlock_doubleFast_extDict)
