/* In libzstd_fast.a this stands for zstd_lazy.c, zstd_opt.c and zstd_ldm.c: 200 KB of searching that
 * levels 1 to 3, the only ones that /init uses, never call. A block searcher that finds no match is
 * a valid one: should another level be asked for after all, its frames hold Huffman-coded literals
 * and can be read like any others. The signatures are those of zstd_compress_internal.h's callers,
 * with plain pointers for its types. */
#include <stddef.h>

#define FINDS_NOTHING(name)                                                                  \
  size_t name(void* state, void* store, unsigned* repeats, const void* source, size_t size) { \
    (void)state, (void)store, (void)repeats, (void)source;                                   \
    return size; /* as literals */                                                           \
  }
#define SEARCHERS(name)               \
  FINDS_NOTHING(name)                 \
  FINDS_NOTHING(name##_dictMatchState) \
  FINDS_NOTHING(name##_extDict)
#define ROW_SEARCHERS(name)                      \
  SEARCHERS(name)                                \
  FINDS_NOTHING(name##_row)                      \
  FINDS_NOTHING(name##_dictMatchState_row)       \
  FINDS_NOTHING(name##_extDict_row)              \
  FINDS_NOTHING(name##_dedicatedDictSearch)      \
  FINDS_NOTHING(name##_dedicatedDictSearch_row)

ROW_SEARCHERS(ZSTD_compressBlock_greedy)
ROW_SEARCHERS(ZSTD_compressBlock_lazy)
ROW_SEARCHERS(ZSTD_compressBlock_lazy2)
SEARCHERS(ZSTD_compressBlock_btlazy2)
SEARCHERS(ZSTD_compressBlock_btopt)
SEARCHERS(ZSTD_compressBlock_btultra)
FINDS_NOTHING(ZSTD_compressBlock_btultra2)

/* Dictionaries and long distance matching: not used at all. */
void ZSTD_dedicatedDictSearch_lazy_loadDictionary(void) {}
unsigned ZSTD_insertAndFindFirstIndex(void) { return 0; }
void ZSTD_row_update(void) {}
void ZSTD_updateTree(void) {}
void ZSTD_ldm_adjustParameters(void) {}
size_t ZSTD_ldm_blockCompress(void) { return 0; }
void ZSTD_ldm_fillHashTable(void) {}
size_t ZSTD_ldm_generateSequences(void) { return 0; }
size_t ZSTD_ldm_getMaxNbSeq(void) { return 0; }
size_t ZSTD_ldm_getTableSize(void) { return 0; }
void ZSTD_ldm_skipRawSeqStoreBytes(void) {}
void ZSTD_ldm_skipSequences(void) {}
