// Compression as the kernel's own decompressors take it (lib/decompress_*.c), which is less than
// the command line tools can write, with windows that are small: what the decoder allocates comes
// on top of the packed and the unpacked image at the moment when memory is shortest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/base/usage.h"

namespace mkcapture {

enum class Compressor { kNone, kGzip, kXz, kZstd, kLz4 };

[[nodiscard]] std::string_view to_string(Compressor c);
[[nodiscard]] std::optional<Compressor> parse_compressor(std::string_view text);

struct CompressOptions {
  Compressor compressor = Compressor::kXz;
  /// xz: an x86 branch filter in front of LZMA2; only where the kernel has XZ_DEC_X86.
  bool xz_bcj_x86 = false;
};

struct Compressed {
  std::string bytes;
  std::uint64_t decoder_bytes = 0;  // what the kernel's decoder allocates for it
};

/// Deterministic: depends on nothing but its arguments and the libraries' versions, not on the
/// number of threads. At most 2 GiB of input (the kernel's decoders count in long).
[[nodiscard]] Result<Compressed> compress(std::string_view input, const CompressOptions& options);

/// Back again, at most `limit` bytes out; nothing is trusted. Any format that libarchive reads is
/// taken (also bzip2, lzma and lzop, which other tools' images may use).
[[nodiscard]] Result<std::string> decompress(std::string_view packed, std::uint64_t limit);
/// Name of the format of `packed` by its magic, as lib/decompress.c knows them: "xz", "gzip",
/// "bzip2", ...; empty where it is none.
[[nodiscard]] std::string_view compression_name(std::string_view packed);

/// CONFIG_ symbol (without the prefix) that a kernel needs to unpack it: "RD_XZ"; "" for none.
[[nodiscard]] std::string_view kernel_symbol(Compressor c);

/// The choice for the smallest peak memory among those that the kernel can unpack.
[[nodiscard]] Compressor best_compressor(const std::vector<Compressor>& available);

}  // namespace mkcapture
