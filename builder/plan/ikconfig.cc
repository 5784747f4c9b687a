#include "builder/plan/ikconfig.h"

#include <cstdint>

#include "builder/image/compress.h"

namespace mkcapture {

namespace {

constexpr std::uint64_t kMaxKernel = 512 << 20;  // unpacked
constexpr std::uint64_t kMaxConfig = 4 << 20;
constexpr std::string_view kBegin = "IKCFG_ST", kEnd = "IKCFG_ED";

// A little-endian word; 0 beyond the end.
std::uint64_t word(std::string_view bytes, std::size_t at, std::size_t width = 4) {
  if (at > bytes.size() || bytes.size() - at < width) return 0;
  std::uint64_t value = 0;
  for (std::size_t i = width; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

std::string_view part(std::string_view image, std::uint64_t offset, std::uint64_t size) {
  return offset > image.size() ? std::string_view() : image.substr(offset, size);
}

// The packed kernel of an image that unpacks itself; the whole image where it is none.
std::string_view payload_of(std::string_view image) {
  constexpr std::uint64_t kHeader = 0x53726448;  // "HdrS"
  constexpr std::uint64_t kFirstWithPayload = 0x0208, kSector = 512, kDefaultSectors = 4;
  constexpr std::uint64_t kZboot = 0x676d697a;  // "zimg"
  if (word(image, 0x202) == kHeader && word(image, 0x206, 2) >= kFirstWithPayload) {
    const std::uint64_t sectors = word(image, 0x1f1, 1);
    const std::uint64_t code = ((sectors == 0 ? kDefaultSectors : sectors) + 1) * kSector;
    return part(image, code + word(image, 0x248), word(image, 0x24c));
  }
  if (word(image, 4) == kZboot) return part(image, word(image, 8), word(image, 12));
  return image;
}

std::optional<std::string> marked(std::string_view kernel) {
  for (auto at = kernel.find(kBegin); at != std::string_view::npos;
       at = kernel.find(kBegin, at + kBegin.size())) {
    const std::string_view rest = kernel.substr(at + kBegin.size());
    // The marks are words of the kernel's own code as well; behind the real one is gzip.
    if (compression_name(rest) != "gzip") continue;
    const auto text = decompress(rest.substr(0, rest.find(kEnd)), kMaxConfig);
    if (text && text->find("CONFIG_") != std::string::npos) return *text;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> ikconfig_of(std::string_view image) {
  if (auto config = marked(image)) return config;
  std::string_view packed = payload_of(image);
  if (compression_name(packed).empty()) return std::nullopt;
  auto kernel = decompress(packed, kMaxKernel);
  // The size of what is unpacked stands behind the stream (scripts/Makefile.lib, size_append).
  constexpr std::size_t kSizeBytes = 4;
  if (!kernel && packed.size() > kSizeBytes) {
    packed.remove_suffix(kSizeBytes);
    kernel = decompress(packed, kMaxKernel);
  }
  return kernel ? marked(*kernel) : std::nullopt;
}

}  // namespace mkcapture
