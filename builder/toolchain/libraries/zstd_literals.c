/* Stands for zstd_compress_literals.c: the same, but the fast levels do not Huffman-code a few
 * literals that hardly get shorter by it. Building and writing the table of one page's literals takes
 * a third of the whole compression. Most pages of a kernel's memory have some hundred literals of
 * many values, of which it saves a few bytes or none; such literals are stored as they are. */
#define ZSTD_compressLiterals compress_literals
#include "compress/zstd_compress_literals.c"
#undef ZSTD_compressLiterals

enum {
  few = 1024,           /* literals; with more, the table is worth its time */
  bits_per_value = 8,   /* what a value costs in the table: half of it as space, half as time */
  bits_at_least = 200,  /* 25 bytes for the time that each table takes */
};

/* 16 * log2(value), at most 2.4 too low: a straight line between powers of two, rounded down. */
static unsigned log2_in_16ths(unsigned value) {
  const unsigned exponent = ZSTD_highbit32(value);
  return 16 * exponent + (unsigned)(((unsigned long long)value << 4) >> exponent) - 16;
}

/* Bounded by the collision entropy, log2(n * n / (sum of squared counts)): never more than the
 * entropy, and without a logarithm for each value. */
static int worth_a_table(const unsigned char* literals, unsigned n) {
  unsigned short counts[256] = {0};
  unsigned squares = 0, values = 0;
  int entropy; /* 16ths of a bit; the error of its logarithms can take it above eight bits */
  for (unsigned i = 0; i < n; ++i) {
    const unsigned before = counts[literals[i]]++;
    squares += 2 * before + 1;
    values += before == 0;
  }
  entropy = 2 * (int)log2_in_16ths(n) - (int)log2_in_16ths(squares);
  return (int)n * (8 * 16 - entropy) / 16 > (int)(bits_per_value * values + bits_at_least);
}

size_t ZSTD_compressLiterals(void* dst, size_t room, const void* literals, size_t n, void* workspace,
                             size_t workspace_size, const ZSTD_hufCTables_t* before,
                             ZSTD_hufCTables_t* after, ZSTD_strategy strategy, int as_they_are,
                             int suspect, int bmi2) {
  if (strategy == ZSTD_fast && n > 0 && n < few && !worth_a_table(literals, (unsigned)n))
    as_they_are = 1;
  return compress_literals(dst, room, literals, n, workspace, workspace_size, before, after, strategy,
                           as_they_are, suspect, bmi2);
}
