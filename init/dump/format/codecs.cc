#include "init/dump/format/codecs.h"

#include <algorithm>
#include <bit>
#include <vector>

#if defined(MKCAPTURE_HAVE_DEFLATE)
#include <libdeflate.h>
#elif defined(MKCAPTURE_HAVE_ZLIB)
#include <zlib.h>
#endif
#ifdef MKCAPTURE_HAVE_LZO
#include <lzo/lzo1x.h>
#endif
#ifdef MKCAPTURE_HAVE_SNAPPY
// The function of its library (snappy-internal.h, which is not installed) that every public one
// ends in: compresses at most 64 KiB to `op` and returns the end; `table` is cleared and has
// `table_size`, a power of two, entries. The public ones allocate and free this table for each
// page. With musl that is several system calls, which threads of one address space wait for: two
// threads took ten times as long as one.
namespace snappy::internal {
char* CompressFragment(const char* input, std::size_t input_length, char* op, std::uint16_t* table,
                       int table_size);
}  // namespace snappy::internal
#endif
#ifdef MKCAPTURE_HAVE_ZSTD
#define ZSTD_STATIC_LINKING_ONLY
// ZSTD_compress_advanced(): its successor works out the parameters anew for each page.
#define ZSTD_DISABLE_DEPRECATE_WARNINGS
#include <zstd.h>
#endif

namespace mkcapture::dump {
namespace {

class NoCodec final : public PageCodec {
 public:
  [[nodiscard]] std::uint32_t flag() const noexcept override { return 0; }
  std::size_t compress(std::span<const std::byte>, std::byte*) noexcept override { return 0; }
};

#if defined(MKCAPTURE_HAVE_DEFLATE)
/// libdeflate writes the same format in less than half of zlib's time: it is made for blocks that
/// are in memory as a whole.
class ZlibCodec final : public PageCodec {
 public:
  ZlibCodec() = default;
  ~ZlibCodec() override { libdeflate_free_compressor(compressor_); }
  ZlibCodec(const ZlibCodec&) = delete;
  ZlibCodec& operator=(const ZlibCodec&) = delete;

  bool init(int level, std::size_t) {
    compressor_ = libdeflate_alloc_compressor(level);
    return compressor_ != nullptr;
  }

  [[nodiscard]] std::uint32_t flag() const noexcept override { return kPageZlib; }

  std::size_t compress(std::span<const std::byte> page, std::byte* out) noexcept override {
    return libdeflate_zlib_compress(compressor_, page.data(), page.size(), out, page.size() - 1);
  }

  // Smaller than zlib's level 1 and still nearly twice as fast.
  static constexpr int kDefaultLevel = 2;

 private:
  libdeflate_compressor* compressor_ = nullptr;
};
#elif defined(MKCAPTURE_HAVE_ZLIB)
class ZlibCodec final : public PageCodec {
 public:
  ZlibCodec() = default;
  ~ZlibCodec() override { deflateEnd(&stream_); }
  ZlibCodec(const ZlibCodec&) = delete;
  ZlibCodec& operator=(const ZlibCodec&) = delete;

  /// The window and the hash table fit the page: they are cleared for each.
  bool init(int level, std::size_t page_size) {
    const int window_bits = page_size > 16384 ? 15 : std::bit_width(page_size);
    const int memory_level = page_size > 16384 ? 8 : 6;
    return deflateInit2(&stream_, level, Z_DEFLATED, window_bits, memory_level,
                        Z_DEFAULT_STRATEGY) == Z_OK;
  }

  [[nodiscard]] std::uint32_t flag() const noexcept override { return kPageZlib; }

  std::size_t compress(std::span<const std::byte> page, std::byte* out) noexcept override {
    deflateReset(&stream_);
    stream_.next_in =
        const_cast<Bytef*>(reinterpret_cast<const Bytef*>(page.data()));  // NOLINT: only read
    stream_.avail_in = static_cast<uInt>(page.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(page.size() - 1);
    return deflate(&stream_, Z_FINISH) == Z_STREAM_END ? stream_.total_out : 0;
  }

  static constexpr int kDefaultLevel = 1;

 private:
  z_stream stream_{};
};
#endif

#ifdef MKCAPTURE_HAVE_LZO
/// With a table of 4096 entries, which is cleared for each page: the usual 16384 take a tenth of
/// the time and make a dump smaller by a thousandth.
class LzoCodec final : public PageCodec {
 public:
  LzoCodec() : memory_(LZO1X_1_12_MEM_COMPRESS) {}

  [[nodiscard]] std::uint32_t flag() const noexcept override { return kPageLzo; }

  std::size_t compress(std::span<const std::byte> page, std::byte* out) noexcept override {
    lzo_uint size = page.size();
    const int rc =
        lzo1x_1_12_compress(reinterpret_cast<const unsigned char*>(page.data()), page.size(),
                            reinterpret_cast<unsigned char*>(out), &size, memory_.data());
    return rc == LZO_E_OK && size < page.size() ? size : 0;
  }

 private:
  std::vector<unsigned char> memory_;
};
#endif

#ifdef MKCAPTURE_HAVE_SNAPPY
class SnappyCodec final : public PageCodec {
 public:
  explicit SnappyCodec(std::size_t page_size)
      : table_(std::clamp(std::bit_ceil(page_size), kFewestEntries, kMostEntries)) {}

  [[nodiscard]] std::uint32_t flag() const noexcept override { return kPageSnappy; }

  std::size_t compress(std::span<const std::byte> page, std::byte* out) noexcept override {
    std::ranges::fill(table_, std::uint16_t{0});
    auto* const start = reinterpret_cast<char*>(out);
    char* const end = snappy::internal::CompressFragment(
        reinterpret_cast<const char*>(page.data()), page.size(), put_size(page.size(), start),
        table_.data(), static_cast<int>(table_.size()));
    const auto size = static_cast<std::size_t>(end - start);
    return size < page.size() ? size : 0;
  }

 private:
  static constexpr std::size_t kFewestEntries = 256;
  static constexpr std::size_t kMostEntries = 16384;

  /// A raw block starts with its uncompressed size: seven bits in a byte, the lowest first
  /// (format_description.txt of snappy).
  static char* put_size(std::size_t size, char* to) noexcept {
    for (; size >= 0x80; size >>= 7)
      *to++ = static_cast<char>(size | 0x80);
    *to++ = static_cast<char>(size);
    return to;
  }

  std::vector<std::uint16_t> table_;
};
#endif

#ifdef MKCAPTURE_HAVE_ZSTD
class ZstdCodec final : public PageCodec {
 public:
  /// The context lives in memory of its own size for one page: some 100 KiB at level 1.
  bool init(int level, std::size_t page_size) {
    parameters_ = ZSTD_getParams(level, page_size, 0);
    // Level 1 looks for matches of five bytes and more. Four find one percent more in pages of a
    // kernel's small structures, and cost nothing that could be measured.
    if (level == 1) parameters_.cParams.minMatch = 4;
    parameters_.fParams = {.contentSizeFlag = 1, .checksumFlag = 0, .noDictIDFlag = 1};
    memory_.resize(ZSTD_estimateCCtxSize_usingCParams(parameters_.cParams) / sizeof(std::uint64_t) +
                   1);
    context_ = ZSTD_initStaticCCtx(memory_.data(), memory_.size() * sizeof(std::uint64_t));
    return context_ != nullptr;
  }

  [[nodiscard]] std::uint32_t flag() const noexcept override { return kPageZstd; }

  std::size_t compress(std::span<const std::byte> page, std::byte* out) noexcept override {
    const std::size_t size = ZSTD_compress_advanced(
        context_, out, page_room(page.size()), page.data(), page.size(), nullptr, 0, parameters_);
    return ZSTD_isError(size) == 0 && size < page.size() ? size : 0;
  }

 private:
  ZSTD_parameters parameters_{};
  std::vector<std::uint64_t> memory_;
  ZSTD_CCtx* context_ = nullptr;  // in memory_
};
#endif

/// init() and hand over, or the error that the codec cannot start.
template <class Codec, class... Args>
[[maybe_unused]] Result<std::unique_ptr<PageCodec>> start(const char* name, Args... args) {
  auto codec = std::make_unique<Codec>();
  if (!codec->init(args...)) return fail(std::string(name) + ": cannot start");
  return std::unique_ptr<PageCodec>(std::move(codec));
}

}  // namespace

Result<std::unique_ptr<PageCodec>> make_codec(DumpCodec codec, [[maybe_unused]] int level,
                                              [[maybe_unused]] std::size_t page_size) {
  switch (codec) {
    case DumpCodec::kNone:
      return std::unique_ptr<PageCodec>(std::make_unique<NoCodec>());
#if defined(MKCAPTURE_HAVE_DEFLATE) || defined(MKCAPTURE_HAVE_ZLIB)
    case DumpCodec::kZlib:
      return start<ZlibCodec>("zlib", level == 0 ? ZlibCodec::kDefaultLevel : level, page_size);
#endif
#ifdef MKCAPTURE_HAVE_LZO
    case DumpCodec::kLzo:
      return std::unique_ptr<PageCodec>(std::make_unique<LzoCodec>());
#endif
#ifdef MKCAPTURE_HAVE_SNAPPY
    case DumpCodec::kSnappy:
      return std::unique_ptr<PageCodec>(std::make_unique<SnappyCodec>(page_size));
#endif
#ifdef MKCAPTURE_HAVE_ZSTD
    case DumpCodec::kZstd:
      return start<ZstdCodec>("zstd", level == 0 ? 1 : level, page_size);
#endif
    default:
      return fail("built without this compression");
  }
}

}  // namespace mkcapture::dump
