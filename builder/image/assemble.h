// The image as a list of entries, and the way from there to the file: cpio, compression, a check
// of what was written.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "builder/base/usage.h"
#include "builder/image/compress.h"

namespace mkcapture {

struct ImageEntry {
  enum class Type { kFile, kDirectory, kSymlink, kCharDevice };
  Type type = Type::kFile;
  std::uint32_t mode = 0;   // permission bits
  std::string data;         // a file's bytes, a symlink's target
  std::uint32_t major = 0;  // kCharDevice
  std::uint32_t minor = 0;
  std::string origin;  // for `--print tree`: where it comes from; not in the image

  friend bool operator==(const ImageEntry& a, const ImageEntry& b) {
    return a.type == b.type && a.mode == b.mode && a.data == b.data && a.major == b.major &&
           a.minor == b.minor;
  }
};

/// Entries by path (no leading '/'), sorted, which is also their order in the archive: a folder
/// comes before what is in it. Folders above an entry are made as needed, mode 0755.
class ImageContents {
 public:
  // Each is an error for an empty or absolute path, one with "." or ".." in it, one that is there
  // already with another content, and one below something that is not a folder.
  Status add_file(std::string path, std::string bytes, std::uint32_t mode, std::string origin);
  Status add_directory(std::string path, std::uint32_t mode = 0755);
  Status add_symlink(std::string path, std::string target);
  Status add_char_device(std::string path, std::uint32_t mode, std::uint32_t major,
                         std::uint32_t minor);

  [[nodiscard]] const std::map<std::string, ImageEntry>& entries() const { return entries_; }
  [[nodiscard]] const ImageEntry* find(const std::string& path) const;
  /// Sum of the files' sizes, each rounded up to 4096: what the rootfs takes.
  [[nodiscard]] std::uint64_t rootfs_bytes() const;

 private:
  Status add(std::string path, ImageEntry entry);
  std::map<std::string, ImageEntry> entries_;
};

/// What was written, for the summary.
struct ImageSizes {
  std::uint64_t image_bytes = 0;    // the file
  std::uint64_t cpio_bytes = 0;     // the archive in it
  std::uint64_t rootfs_bytes = 0;   // what stays in memory once unpacked
  std::uint64_t decoder_bytes = 0;  // the kernel's decompressor on top, while unpacking
  /// image + rootfs + decoder: beyond what the kernel itself needs, at the worst moment.
  [[nodiscard]] std::uint64_t peak_bytes() const {
    return image_bytes + rootfs_bytes + decoder_bytes;
  }
};

/// A newc archive of the contents; every mtime is `mtime`, uid and gid are 0. The same contents
/// give the same bytes.
[[nodiscard]] Result<std::string> make_cpio(const ImageContents& contents, std::int64_t mtime);
/// An archive as make_cpio() writes it, back to entries. Anything that no image of ours holds
/// (other owners, pipes, bytes behind the end) is an error.
[[nodiscard]] Result<ImageContents> read_cpio(std::string_view cpio);

/// cpio, compression, read-back (the unpacked archive must hold exactly `contents`, and
/// etc/capture.conf must be one that /init's own parser takes).
[[nodiscard]] Result<std::string> pack_image(const ImageContents& contents,
                                             const CompressOptions& compress, std::int64_t mtime,
                                             ImageSizes& sizes);

/// SOURCE_DATE_EPOCH, or 0 where it is not set; an error where it is no number.
[[nodiscard]] Result<std::int64_t> image_mtime();

}  // namespace mkcapture
