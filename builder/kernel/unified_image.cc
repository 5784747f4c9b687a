#include "builder/kernel/unified_image.h"

#include <algorithm>

namespace mkcapture {

namespace {

constexpr std::size_t kPeOffsetAt = 0x3c;
constexpr std::size_t kSectionCountAt = 6, kOptionalSizeAt = 20, kOptionalAt = 24;
constexpr std::size_t kSectionBytes = 40, kNameBytes = 8;
constexpr std::size_t kVirtualSizeAt = 8, kRawSizeAt = 16, kRawOffsetAt = 20;

// A little-endian number; 0 beyond the end.
std::uint64_t number(std::string_view bytes, std::size_t at, std::size_t width) {
  if (at > bytes.size() || bytes.size() - at < width) return 0;
  std::uint64_t value = 0;
  for (std::size_t i = width; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

}  // namespace

std::optional<FilePart> pe_section(std::string_view head, std::uint64_t file_bytes,
                                   std::string_view name) {
  if (!head.starts_with("MZ")) return std::nullopt;
  const std::uint64_t pe = number(head, kPeOffsetAt, 4);
  if (pe >= head.size() || !head.substr(pe).starts_with(std::string_view("PE\0\0", 4)))
    return std::nullopt;
  const std::string_view coff = head.substr(pe);
  std::size_t at = kOptionalAt + number(coff, kOptionalSizeAt, 2);
  for (std::uint64_t left = number(coff, kSectionCountAt, 2); left > 0;
       --left, at += kSectionBytes) {
    if (at > coff.size() || coff.size() - at < kSectionBytes) return std::nullopt;
    const std::string_view section = coff.substr(at, kSectionBytes);
    std::string_view own = section.substr(0, kNameBytes);
    own = own.substr(0, own.find('\0'));
    if (own != name) continue;
    // The raw size is padded; the virtual one is what was put in.
    std::uint64_t size = number(section, kRawSizeAt, 4);
    if (const auto exact = number(section, kVirtualSizeAt, 4); exact != 0)
      size = std::min(size, exact);
    const FilePart part{number(section, kRawOffsetAt, 4), size};
    if (part.size == 0 || part.offset > file_bytes || file_bytes - part.offset < part.size)
      return std::nullopt;
    return part;
  }
  return std::nullopt;
}

}  // namespace mkcapture
