/* Fills memory with tagged pages and stays alive, so that they are there when the machine crashes.
 *
 *   memfill NONCE KERNEL_MIB USER_MIB CACHE_MIB ZERO_MIB CACHE_FILE READY_FILE
 *       the guest's use: READY_FILE appears once every page is in place
 *   memfill --image NONCE MIB
 *       writes tagged pages of class K to standard output: memory made on the host
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tagged_page.h"

static char page_buffer[kTaggedPageSize] __attribute__((aligned(4096)));

static void die(const char* what) {
  perror(what);
  exit(1);
}

static void write_page(int fd) {
  if (write(fd, page_buffer, sizeof page_buffer) != sizeof page_buffer) die("write");
}

/* A pipe keeps each full page that is written to it as one kernel page. */
static void fill_kernel(uint64_t nonce, uint64_t pages) {
  const uint64_t per_pipe = 256;
  int ends[2] = {-1, -1};
  for (uint64_t i = 0; i < pages; ++i) {
    if (i % per_pipe == 0) {
      if (pipe(ends) != 0) die("pipe");
      if (fcntl(ends[1], F_SETPIPE_SZ, per_pipe * kTaggedPageSize) < 0) die("F_SETPIPE_SZ");
    }
    tagged_fill(page_buffer, kTaggedKernel, nonce, i);
    write_page(ends[1]);
  }
}

static void fill_user(uint64_t nonce, uint64_t tagged, uint64_t zero) {
  const size_t bytes = (tagged + zero) * kTaggedPageSize;
  char* memory =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  for (uint64_t i = 0; i < tagged; ++i)
    tagged_fill(memory + i * kTaggedPageSize, kTaggedUser, nonce, i);
  if (mlock(memory, bytes) != 0) die("mlock");
}

static void fill_cache(uint64_t nonce, uint64_t pages, const char* path) {
  const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  if (fd < 0) die(path);
  for (uint64_t i = 0; i < pages; ++i) {
    tagged_fill(page_buffer, kTaggedCache, nonce, i);
    write_page(fd);
  }
  close(fd);
  memset(page_buffer, 0, sizeof page_buffer); /* no second copy of the last page */
}

static uint64_t pages_of(const char* mib) {
  return strtoull(mib, NULL, 10) * 256;
}

int main(int argc, char** argv) {
  if (argc == 4 && strcmp(argv[1], "--image") == 0) {
    const uint64_t pages = pages_of(argv[3]);
    for (uint64_t i = 0; i < pages; ++i) {
      tagged_fill(page_buffer, kTaggedKernel, strtoull(argv[2], NULL, 16), i);
      write_page(STDOUT_FILENO);
    }
    return 0;
  }
  if (argc != 8) {
    fprintf(stderr, "usage: memfill NONCE KERNEL_MIB USER_MIB CACHE_MIB ZERO_MIB CACHE READY\n");
    return 2;
  }
  const uint64_t nonce = strtoull(argv[1], NULL, 16);
  fill_kernel(nonce, pages_of(argv[2]));
  fill_cache(nonce, pages_of(argv[4]), argv[6]);
  fill_user(nonce, pages_of(argv[3]), pages_of(argv[5]));
  const int ready = open(argv[7], O_CREAT | O_WRONLY, 0600);
  if (ready < 0) die(argv[7]);
  close(ready);
  for (;;)
    pause();
}
