#include "builder/image/list.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "builder/image/cpio.h"
#include "init/base/units.h"

namespace mkcapture {

namespace {

constexpr std::uint64_t kMaxImageBytes = std::uint64_t{1} << 30;

enum Kind { kModule, kProgram, kLibrary, kFirmware, kOther, kKinds };
constexpr std::array<const char*, kKinds> kKindNames = {"modules", "programs", "libraries",
                                                        "firmware", "other files"};

bool begins_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

Kind kind_of(std::string_view path, std::uint32_t mode) {
  if (begins_with(path, "usr/")) path.remove_prefix(4);
  if (begins_with(path, "lib/firmware/")) return kFirmware;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (begins_with(path, "lib/modules/") && name.find(".ko") != std::string_view::npos)
    return kModule;
  if (name.find(".so") != std::string_view::npos && begins_with(path, "lib")) return kLibrary;
  return (mode & 0111) != 0 ? kProgram : kOther;
}

/// "-rwxr-xr-x", as ls(1) writes it.
std::string mode_text(std::uint32_t mode) {
  std::string text = "?rwxrwxrwx";
  switch (mode & kCpioType) {
    case kCpioFile:
      text[0] = '-';
      break;
    case kCpioFolder:
      text[0] = 'd';
      break;
    case kCpioLink:
      text[0] = 'l';
      break;
    case kCpioChar:
      text[0] = 'c';
      break;
    case kCpioBlock:
      text[0] = 'b';
      break;
    case kCpioPipe:
      text[0] = 'p';
      break;
    case kCpioSocket:
      text[0] = 's';
      break;
    default:
      break;
  }
  for (unsigned bit = 0; bit < 9; ++bit)
    if ((mode >> (8 - bit) & 1) == 0) text[1 + bit] = '-';
  return text;
}

/// Names come from the image: nothing in them may reach the terminal as a command.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

class Listing {
 public:
  void add(const CpioMember& m, std::string_view origin) {
    const bool device = m.is_device();
    const std::string size =
        device ? fmt::format("{}, {}", m.major, m.minor) : fmt::format("{}", m.data.size());
    text_ += fmt::format("{} {:>9} {}", mode_text(m.mode), size, printable(m.path));
    if (m.is(kCpioLink)) text_ += " -> " + printable(m.data);
    if (!origin.empty()) text_ += fmt::format("  ({})", printable(origin));
    text_ += '\n';
    if (!m.is(kCpioFile)) return;
    Total& total = totals_[kind_of(m.path, m.mode)];
    ++total.files;
    total.bytes += m.data.size();
  }
  void note(const std::string& line) { notes_ += line + "\n"; }

  std::string finish() {
    Total all;
    std::string by_kind;
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      const Total& t = totals_[kind];
      if (t.files == 0) continue;
      by_kind += line(kKindNames[kind], t);
      all.files += t.files;
      all.bytes += t.bytes;
    }
    return text_ + "\n" + by_kind + line("in all", all) + notes_;
  }

 private:
  struct Total {
    std::size_t files = 0;
    std::uint64_t bytes = 0;
  };
  static std::string line(std::string_view name, const Total& t) {
    return fmt::format("{:<12} {:>5}  {:>10} bytes  {}\n", name, t.files, t.bytes,
                       format_size(t.bytes));
  }

  std::string text_;
  std::string notes_;
  std::array<Total, kKinds> totals_{};
};

/// The archives in `image`; what is packed is unpacked once, at most `limit` bytes of it.
Status list_archives(std::string_view image, bool packed_allowed, Listing& listing) {
  std::size_t at = 0;
  for (;;) {
    // The kernel skips zero bytes between archives: init/initramfs.c, unpack_to_rootfs().
    while (at < image.size() && image[at] == '\0')
      ++at;
    const std::string_view rest = image.substr(at);
    if (rest.empty()) return {};
    if (has_cpio_magic(rest)) {
      const auto archive = read_cpio_archive(rest);
      if (!archive) return Error(archive.error());
      for (const CpioMember& m : archive->members)
        listing.add(m, "");
      if (packed_allowed)
        listing.note(fmt::format("archive at byte {}: not packed, {} bytes", at, archive->bytes));
      at += archive->bytes;
      continue;
    }
    const std::string_view name = compression_name(rest);
    if (name.empty() || !packed_allowed)
      return fail(fmt::format("byte {}: neither a cpio archive nor packed", at));
    const auto unpacked = decompress(rest, kMaxImageBytes);
    if (!unpacked) return Error(unpacked.error()).within(name);
    if (unpacked->empty()) return fail(fmt::format("byte {}: {} with nothing in it", at, name));
    listing.note(fmt::format("archive at byte {}: {}, {} bytes packed, {} unpacked", at, name,
                             rest.size(), unpacked->size()));
    return list_archives(*unpacked, false, listing);
  }
}

}  // namespace

Result<std::string> list_image(std::string_view image) {
  if (image.empty()) return fail("an empty file");
  Listing listing;
  TRY(list_archives(image, true, listing));
  return listing.finish();
}

Result<std::string> list_image_file(Host& host, const std::string& path) {
  const auto image = host.read_whole(path, kMaxImageBytes);
  if (!image) return Error(image.error());
  auto text = list_image(*image);
  if (!text) return std::move(text).error().within(path);
  return text;
}

std::string format_tree(const ImageContents& contents) {
  Listing listing;
  for (const auto& [path, e] : contents.entries()) {
    std::uint32_t type = kCpioFile;
    if (e.type == ImageEntry::Type::kDirectory) type = kCpioFolder;
    if (e.type == ImageEntry::Type::kSymlink) type = kCpioLink;
    if (e.type == ImageEntry::Type::kCharDevice) type = kCpioChar;
    listing.add({path, type | e.mode, 0, 0, 0, e.major, e.minor, e.data}, e.origin);
  }
  return listing.finish();
}

}  // namespace mkcapture
