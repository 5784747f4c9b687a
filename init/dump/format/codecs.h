// Compression of single pages, as readers of the kdump format expect it: a zlib stream (RFC 1950),
// an LZO1X block, a raw snappy block, a zstd frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "init/base/result.h"
#include "init/contract/dump_choice.h"

namespace mkcapture::dump {

// page_desc.flags and disk_dump_header.status (makedumpfile's diskdump_mod.h).
inline constexpr std::uint32_t kPageZlib = 0x1;
inline constexpr std::uint32_t kPageLzo = 0x2;
inline constexpr std::uint32_t kPageSnappy = 0x4;
inline constexpr std::uint32_t kPageZstd = 0x20;

/// One compressor with its working memory; one per thread.
class PageCodec {
 public:
  virtual ~PageCodec() = default;
  /// What a reader needs to know of a compressed page: one of kPage..., or 0.
  [[nodiscard]] virtual std::uint32_t flag() const noexcept = 0;
  /// Compresses `page` to `out`, where page_room(page.size()) bytes are free. Returns the size, or
  /// 0 where the page does not get smaller and is to be stored as it is.
  virtual std::size_t compress(std::span<const std::byte> page, std::byte* out) noexcept = 0;
};

/// Room that every codec is content with, whatever the page holds.
[[nodiscard]] constexpr std::size_t page_room(std::size_t page_size) noexcept {
  return page_size + page_size / 6 + 128;
}

/// `level` 0: the codec's default for dumps (its fastest that is worth while). `page_size` at most
/// 64 KiB. An error where this program was built without the codec.
[[nodiscard]] Result<std::unique_ptr<PageCodec>> make_codec(DumpCodec codec, int level,
                                                            std::size_t page_size);

}  // namespace mkcapture::dump
