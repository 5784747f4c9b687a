#include "builder/image/assemble.h"

#include <algorithm>
#include <cstdlib>

#include "builder/base/usage.h"
#include "builder/image/cpio.h"
#include "init/base/units.h"
#include "init/contract/capture_config.h"

namespace mkcapture {

namespace {

constexpr std::uint64_t kPage = 4096;

std::uint32_t type_bits(ImageEntry::Type type) {
  switch (type) {
    case ImageEntry::Type::kFile:
      return kCpioFile;
    case ImageEntry::Type::kDirectory:
      return kCpioFolder;
    case ImageEntry::Type::kSymlink:
      return kCpioLink;
    case ImageEntry::Type::kCharDevice:
      return kCpioChar;
  }
  return 0;
}

Status check_path(const std::string& path) {
  if (path.empty() || path.front() == '/' || path.back() == '/')
    return fail("\"" + path + "\": not a path of the image");
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    const std::string part = path.substr(at, slash - at);
    if (part.empty() || part == "." || part == "..")
      return fail("\"" + path + "\": not a path of the image");
    at = slash + 1;
  }
  return {};
}

/// The written image must say exactly what was meant, and /init must be able to read it.
Status verify(std::string_view packed, const ImageContents& contents, std::uint64_t cpio_bytes) {
  std::string unpacked;
  if (!has_cpio_magic(packed)) {
    auto bytes = decompress(packed, cpio_bytes);
    if (!bytes) return std::move(bytes).error();
    unpacked = std::move(*bytes);
    packed = unpacked;
  }
  const auto read = read_cpio(packed);
  if (!read) return Error(read.error());
  if (read->entries() != contents.entries()) return fail("its entries are not those of the plan");
  const ImageEntry* config = read->find(std::string(kConfigPath));
  if (config != nullptr)
    if (auto parsed = parse_config(config->data); !parsed)
      return std::move(parsed).error().within(kConfigPath);
  return {};
}

}  // namespace

Status ImageContents::add(std::string path, ImageEntry entry) {
  TRY(check_path(path));
  for (std::size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    ImageEntry parent;
    parent.type = ImageEntry::Type::kDirectory;
    parent.mode = 0755;
    const auto [it, added] = entries_.try_emplace(path.substr(0, slash), parent);
    if (it->second.type != ImageEntry::Type::kDirectory)
      return fail(path + ": " + it->first + " is not a folder");
  }
  const auto [it, added] = entries_.try_emplace(std::move(path), entry);
  if (added || it->second == entry) return {};
  // A folder that was made for what is in it takes the mode that it is given later.
  if (it->second.type == ImageEntry::Type::kDirectory && entry.type == it->second.type) {
    it->second.mode = entry.mode;
    return {};
  }
  return fail(it->first + ": there is something else in the image under this name already (" +
              it->second.origin + ")");
}

Status ImageContents::add_file(std::string path, std::string bytes, std::uint32_t mode,
                               std::string origin) {
  ImageEntry e;
  e.type = ImageEntry::Type::kFile;
  e.mode = mode;
  e.data = std::move(bytes);
  e.origin = std::move(origin);
  return add(std::move(path), std::move(e));
}

Status ImageContents::add_directory(std::string path, std::uint32_t mode) {
  ImageEntry e;
  e.type = ImageEntry::Type::kDirectory;
  e.mode = mode;
  return add(std::move(path), std::move(e));
}

Status ImageContents::add_symlink(std::string path, std::string target) {
  ImageEntry e;
  e.type = ImageEntry::Type::kSymlink;
  e.mode = 0777;
  e.data = std::move(target);
  return add(std::move(path), std::move(e));
}

Status ImageContents::add_char_device(std::string path, std::uint32_t mode, std::uint32_t major,
                                      std::uint32_t minor) {
  ImageEntry e;
  e.type = ImageEntry::Type::kCharDevice;
  e.mode = mode;
  e.major = major;
  e.minor = minor;
  return add(std::move(path), std::move(e));
}

const ImageEntry* ImageContents::find(const std::string& path) const {
  const auto it = entries_.find(path);
  return it == entries_.end() ? nullptr : &it->second;
}

std::uint64_t ImageContents::rootfs_bytes() const {
  std::uint64_t total = 0;
  for (const auto& [path, entry] : entries_)
    if (entry.type == ImageEntry::Type::kFile)
      total += (entry.data.size() + kPage - 1) / kPage * kPage;
  return total;
}

Result<std::string> make_cpio(const ImageContents& contents, std::int64_t mtime) {
  if (mtime < 0 || mtime > 0xffffffff) return fail("a time outside of what cpio can hold");
  std::vector<CpioMember> members;
  for (const auto& [path, e] : contents.entries())
    members.push_back(
        {path, type_bits(e.type) | e.mode, 0, 0, 0, e.major, e.minor, std::string_view(e.data)});
  return write_cpio(members, static_cast<std::uint32_t>(mtime));
}

Result<ImageContents> read_cpio(std::string_view cpio) {
  const auto archive = read_cpio_archive(cpio);
  if (!archive) return Error(archive.error());
  if (archive->bytes != cpio.size()) return fail("more behind the archive's end");
  ImageContents contents;
  for (const CpioMember& m : archive->members) {
    const std::uint32_t mode = m.mode & 07777;
    if (m.uid != 0 || m.gid != 0) return fail(m.path + ": owner is not root");
    if (m.is(kCpioFile)) {
      TRY(contents.add_file(m.path, std::string(m.data), mode, ""));
    } else if (m.is(kCpioFolder)) {
      TRY(contents.add_directory(m.path, mode));
    } else if (m.is(kCpioLink)) {
      TRY(contents.add_symlink(m.path, std::string(m.data)));
    } else if (m.is(kCpioChar)) {
      TRY(contents.add_char_device(m.path, mode, m.major, m.minor));
    } else {
      return fail(m.path + ": a kind of file that no image holds");
    }
  }
  return contents;
}

Result<std::string> pack_image(const ImageContents& contents, const CompressOptions& options,
                               std::int64_t mtime, ImageSizes& sizes) {
  auto cpio = make_cpio(contents, mtime);
  if (!cpio) return cpio;
  auto packed = compress(*cpio, options);
  if (!packed) return std::move(packed).error();
  sizes = {packed->bytes.size(), cpio->size(), contents.rootfs_bytes(), packed->decoder_bytes};
  if (Status ok = verify(packed->bytes, contents, cpio->size()); !ok)
    return std::move(ok).error().within("the image, read back");
  return std::move(packed->bytes);
}

Result<std::int64_t> image_mtime() {
  const char* text = std::getenv("SOURCE_DATE_EPOCH");
  if (text == nullptr || *text == '\0') return std::int64_t{0};
  const auto seconds = parse_number(text);
  if (!seconds || *seconds > 0xffffffff)
    return usage_error("SOURCE_DATE_EPOCH",
                       "\"" + std::string(text) + "\" is not a time in seconds since 1970");
  return static_cast<std::int64_t>(*seconds);
}

}  // namespace mkcapture
