/* Tagged pages: what memfill puts into the memory of a machine that is about to crash, and what
 * check_dump looks for in its dump. Plain C, so that the guest's program needs no C++ runtime.
 *
 * A page begins with a TaggedHeader; the rest is a function of (nonce, class, sequence), so that a
 * page of another run, a torn page and a page at the wrong place are all found. Little-endian words
 * and 4096 bytes on every architecture: a larger kernel page holds several.
 */
#ifndef MKCAPTURE_QEMU_TAGGED_PAGE_H
#define MKCAPTURE_QEMU_TAGGED_PAGE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum { kTaggedPageSize = 4096, kTaggedPayloadWords = (4096 - 32) / 8 };

/* Where the page lives in the crashed kernel, which decides what a dump level makes of it. */
enum TaggedClass {
  kTaggedKernel = 'K', /* pipe buffers: kernel pages, in every dump */
  kTaggedUser = 'U',   /* anonymous memory: left out with level bit 8 */
  kTaggedCache = 'C',  /* page cache of the root tmpfs: left out with level bits 2 and 4 */
};

struct TaggedHeader {
  char magic[8]; /* "MKCPAGE" and the class */
  uint64_t nonce;
  uint64_t sequence; /* from 0 within its class */
  uint64_t check;    /* of the three above: a header that is there by chance does not count */
};

static inline uint64_t tagged_mix(uint64_t x) { /* splitmix64's finalizer (public domain) */
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/* Fills `page` (kTaggedPageSize bytes). Every second page is random, which no codec can shrink, and
 * every other one has eight distinct words, which every codec can. */
static inline void tagged_fill(void* page, char page_class, uint64_t nonce, uint64_t sequence) {
  struct TaggedHeader header = {
      {'M', 'K', 'C', 'P', 'A', 'G', 'E', page_class}, htole64(nonce), htole64(sequence), 0};
  const uint64_t seed = tagged_mix(nonce ^ tagged_mix(sequence ^ ((uint64_t)page_class << 56)));
  header.check = htole64(seed);
  memcpy(page, &header, sizeof header);
  uint64_t* words = (uint64_t*)((char*)page + sizeof header);
  const uint64_t distinct = sequence % 2 ? 8 : kTaggedPayloadWords;
  for (uint64_t i = 0; i < kTaggedPayloadWords; ++i)
    words[i] = htole64(tagged_mix(seed + i % distinct));
}

#endif
