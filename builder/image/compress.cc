#include "builder/image/compress.h"

#include <archive.h>
#include <archive_entry.h>
#include <lz4hc.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

#include "builder/base/usage.h"

namespace mkcapture {

namespace {

constexpr std::uint64_t kMaxInput = std::uint64_t{1} << 31;
constexpr std::uint64_t kKiB = 1024;

// gzip: lib/decompress_inflate.c takes a 32 KiB output buffer, zlib's state and a 32 KiB window.
constexpr std::uint64_t kGzipDecoder = 75 * kKiB;

// xz: lib/xz takes the dictionary that the stream names, 28 KiB of probabilities and small buffers
// (XZ_DYNALLOC in lib/decompress_unxz.c). Measured on images of 2 to 38 MB, beyond 64 KiB the
// dictionary costs more memory than it saves in the file, and the slow match finders of preset 4
// and above save 5% for five times the time.
constexpr std::uint32_t kXzPreset = 3;
constexpr std::uint32_t kXzDictionary = 64 << 10;
constexpr std::uint64_t kXzDecoder = kXzDictionary + 36 * kKiB;
// Threads work on blocks, whose size must not depend on how many threads there are.
constexpr std::uint32_t kXzBlock = 4 << 20;

// zstd: lib/decompress_unzstd.c takes the window, three blocks of 128 KiB and its context.
constexpr int kZstdWindowLog = 17;
constexpr std::uint64_t kZstdDecoder =
    (std::uint64_t{1} << kZstdWindowLog) + 3 * (128 * kKiB) + 160 * kKiB;
constexpr int kZstdLevel = 15;

// lz4: lib/decompress_unlz4.c knows only the legacy format, blocks that unpack to 8 MiB each.
constexpr std::uint32_t kLz4Magic = 0x184c2102;
constexpr std::uint64_t kLz4Block = 8 << 20;

void put_le32(std::string& out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i)
    out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

Result<Compressed> compress_gzip(std::string_view input) {
  z_stream z{};
  // 15 + 16: a window of 32 KiB and gzip's own header, which zlib leaves without name and time.
  if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return fail("zlib: cannot start");
  std::string out(deflateBound(&z, input.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  z.avail_in = static_cast<uInt>(input.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  if (status != Z_STREAM_END) return fail("zlib: error " + std::to_string(status));
  return Compressed{std::move(out), kGzipDecoder};
}

Result<Compressed> compress_xz(std::string_view input, bool bcj_x86) {
  lzma_options_lzma lzma{};
  if (lzma_lzma_preset(&lzma, kXzPreset)) return fail("liblzma: no such preset");
  lzma.dict_size = kXzDictionary;
  lzma_filter filters[3];
  std::size_t count = 0;
  if (bcj_x86) filters[count++] = {LZMA_FILTER_X86, nullptr};
  filters[count++] = {LZMA_FILTER_LZMA2, &lzma};
  filters[count] = {LZMA_VLI_UNKNOWN, nullptr};

  lzma_mt options{};
  options.threads = std::clamp(lzma_cputhreads(), 1u, 8u);
  options.block_size = kXzBlock;
  options.filters = filters;
  options.check = LZMA_CHECK_CRC32;  // the only one that lib/xz verifies
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_encoder_mt(&stream, &options) != LZMA_OK) return fail("liblzma: cannot start");
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> guard(&stream, lzma_end);
  stream.next_in = reinterpret_cast<const std::uint8_t*>(input.data());
  stream.avail_in = input.size();
  std::string out;
  lzma_ret status = LZMA_OK;
  while (status == LZMA_OK) {
    const std::size_t filled = out.size();
    out.resize(filled + (1 << 20));
    stream.next_out = reinterpret_cast<std::uint8_t*>(out.data()) + filled;
    stream.avail_out = out.size() - filled;
    status = lzma_code(&stream, LZMA_FINISH);
    out.resize(out.size() - stream.avail_out);
  }
  if (status != LZMA_STREAM_END)
    return fail("liblzma: error " + std::to_string(static_cast<int>(status)));
  return Compressed{std::move(out), kXzDecoder};
}

Result<Compressed> compress_zstd(std::string_view input) {
  const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(),
                                                                        ZSTD_freeCCtx);
  if (!context) return fail("zstd: cannot start");
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kZstdLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, kZstdWindowLog);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string out(ZSTD_compressBound(input.size()), '\0');
  const std::size_t n =
      ZSTD_compress2(context.get(), out.data(), out.size(), input.data(), input.size());
  if (ZSTD_isError(n) != 0) return fail(std::string("zstd: ") + ZSTD_getErrorName(n));
  out.resize(n);
  return Compressed{std::move(out), kZstdDecoder};
}

Result<Compressed> compress_lz4(std::string_view input) {
  std::string out;
  put_le32(out, kLz4Magic);
  std::string block(static_cast<std::size_t>(LZ4_compressBound(kLz4Block)), '\0');
  for (std::uint64_t at = 0; at < input.size(); at += kLz4Block) {
    const std::string_view part = input.substr(at, kLz4Block);
    const int n = LZ4_compress_HC(part.data(), block.data(), static_cast<int>(part.size()),
                                  static_cast<int>(block.size()), LZ4HC_CLEVEL_MAX);
    if (n <= 0) return fail("lz4: cannot compress");
    put_le32(out, static_cast<std::uint32_t>(n));
    out.append(block, 0, static_cast<std::size_t>(n));
  }
  return Compressed{std::move(out), kLz4Block};
}

struct Name {
  Compressor compressor;
  std::string_view text;
  std::string_view symbol;
};
constexpr Name kNames[] = {
    {Compressor::kNone, "none", ""},     {Compressor::kGzip, "gzip", "RD_GZIP"},
    {Compressor::kXz, "xz", "RD_XZ"},    {Compressor::kZstd, "zstd", "RD_ZSTD"},
    {Compressor::kLz4, "lz4", "RD_LZ4"},
};

const Name& name_of(Compressor c) {
  return *std::find_if(std::begin(kNames), std::end(kNames),
                       [c](const Name& n) { return n.compressor == c; });
}

}  // namespace

std::string_view to_string(Compressor c) {
  return name_of(c).text;
}
std::string_view kernel_symbol(Compressor c) {
  return name_of(c).symbol;
}

std::optional<Compressor> parse_compressor(std::string_view text) {
  for (const Name& n : kNames)
    if (n.text == text) return n.compressor;
  return std::nullopt;
}

Compressor best_compressor(const std::vector<Compressor>& available) {
  // By packed size plus decoder; lz4's 8 MiB are more than it saves on any image of ours.
  for (const Compressor c : {Compressor::kXz, Compressor::kGzip, Compressor::kZstd})
    if (std::find(available.begin(), available.end(), c) != available.end()) return c;
  return Compressor::kNone;
}

std::string_view compression_name(std::string_view packed) {
  struct Magic {
    std::string_view bytes;
    std::string_view name;
  };
  using namespace std::string_view_literals;
  static constexpr Magic kMagics[] = {
      {"\x1f\x8b"sv, "gzip"},
      {"\xfd"sv
       "7zXZ\0"sv,
       "xz"},
      {"\x28\xb5\x2f\xfd"sv, "zstd"},
      {"\x02\x21\x4c\x18"sv, "lz4"},
      {"BZh"sv, "bzip2"},
      {"\x5d\0\0"sv, "lzma"},
      {"\x89LZO"sv, "lzop"},
  };
  for (const Magic& m : kMagics)
    if (packed.substr(0, m.bytes.size()) == m.bytes) return m.name;
  return {};
}

Result<Compressed> compress(std::string_view input, const CompressOptions& options) {
  if (input.size() >= kMaxInput) return fail("the image's archive is larger than 2 GiB");
  switch (options.compressor) {
    case Compressor::kNone:
      return Compressed{std::string(input), 0};
    case Compressor::kGzip:
      return compress_gzip(input);
    case Compressor::kXz:
      return compress_xz(input, options.xz_bcj_x86);
    case Compressor::kZstd:
      return compress_zstd(input);
    case Compressor::kLz4:
      return compress_lz4(input);
  }
  return fail("unknown compressor");
}

Result<std::string> decompress(std::string_view packed, std::uint64_t limit) {
  struct Free {
    void operator()(archive* a) const noexcept { archive_read_free(a); }
  };
  const std::unique_ptr<archive, Free> reader(archive_read_new());
  if (!reader) return fail("out of memory");
  archive_read_support_filter_all(reader.get());
  archive_read_support_format_raw(reader.get());
  const auto broken = [&] {
    const char* why = archive_error_string(reader.get());
    return fail(why != nullptr ? why : "cannot be unpacked");
  };
  if (archive_read_open_memory(reader.get(), packed.data(), packed.size()) != ARCHIVE_OK)
    return broken();
  archive_entry* entry = nullptr;
  const int status = archive_read_next_header(reader.get(), &entry);
  if (status == ARCHIVE_EOF) return std::string();
  if (status != ARCHIVE_OK) return broken();
  // libarchive counts the file itself as one; the kernel unpacks once.
  if (archive_filter_count(reader.get()) > 2) return fail("is packed more than once");
  std::string out;
  for (;;) {
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int got = archive_read_data_block(reader.get(), &block, &size, &offset);
    if (got == ARCHIVE_EOF) return out;
    if (got != ARCHIVE_OK) return broken();
    if (size > limit - out.size()) return fail("unpacks to more than it may");
    out.append(static_cast<const char*>(block), size);
  }
}

}  // namespace mkcapture
