#include "builder/kernel/kernel_image.h"

#include <cstddef>

namespace mkcapture {

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// zImage
constexpr std::uint32_t kMagic = 0x016f2818;
constexpr std::uint32_t kTableMagic = 0x45454545;
constexpr std::uint32_t kSizeTag = 0x5a534c4b;  // ZIMAGE_TAG_KRNL_SIZE
constexpr std::size_t kMagicAt = 0x24, kTableMagicAt = 0x34, kTableAt = 0x38;
constexpr std::uint64_t kUsualOffset = 0x8000;
constexpr std::uint64_t kWorkspace = kMiB;  // the decompressor's heap and stack

// bzImage
constexpr std::uint32_t kHeader = 0x53726448;  // "HdrS"
constexpr std::size_t kSectorsAt = 0x1f1, kHeaderAt = 0x202, kVersionAt = 0x206;
constexpr std::size_t kInitSizeAt = 0x260;
constexpr std::uint32_t kFirstWithInitSize = 0x020a;
constexpr std::uint64_t kSector = 512;

std::uint64_t whole_mib(std::uint64_t bytes) {
  return (bytes + kMiB - 1) / kMiB * kMiB;
}

// Little-endian word; 0 beyond the end.
std::uint32_t word(std::string_view file, std::size_t at) {
  if (at > file.size() || file.size() - at < 4) return 0;
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(file[at + i]);
  return value;
}

}  // namespace

std::optional<std::uint64_t> zimage_memory(std::string_view file) {
  if (word(file, kMagicAt) != kMagic || word(file, kTableMagicAt) != kTableMagic) return {};
  const std::size_t table = word(file, kTableAt);
  if (word(file, table + 4) != kSizeTag) return {};
  const std::uint64_t unpacked = word(file, word(file, table + 8));
  const std::uint64_t bss = word(file, table + 12);
  if (unpacked == 0) return {};
  // Later tables tell how far above the start of memory the kernel runs (TEXT_OFFSET).
  const std::uint64_t below = word(file, table) >= 5 ? word(file, table + 16) : kUsualOffset;
  const std::uint64_t whole = below + unpacked + bss + file.size() + kWorkspace;
  return whole_mib(whole);
}

std::optional<std::uint64_t> bzimage_shortfall(std::string_view file) {
  if (word(file, kHeaderAt) != kHeader || (word(file, kVersionAt) & 0xffff) < kFirstWithInitSize)
    return {};
  const std::uint64_t sectors = word(file, kSectorsAt) & 0xff;
  const std::uint64_t setup = ((sectors == 0 ? 4 : sectors) + 1) * kSector;
  const std::uint64_t needed = setup + word(file, kInitSizeAt);
  return needed > file.size() ? whole_mib(needed - file.size()) : 0;
}

std::optional<std::string> bzimage_release(std::string_view head) {
  constexpr std::size_t kVersionTextAt = 0x20e, kBehindBootSector = 0x200;
  if (word(head, kHeaderAt) != kHeader) return std::nullopt;
  const std::size_t at = (word(head, kVersionTextAt) & 0xffff) + kBehindBootSector;
  if (at == kBehindBootSector || at >= head.size()) return std::nullopt;
  const auto text = head.substr(at, 256);
  const auto end = text.find_first_of(std::string_view(" \0", 2));
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  return std::string(text.substr(0, end));
}

}  // namespace mkcapture
