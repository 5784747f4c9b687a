#include "builder/image/cpio.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>

namespace mkcapture {

namespace {

constexpr std::string_view kTrailer = "TRAILER!!!";
constexpr std::size_t kHeaderBytes = 110;  // magic and 13 numbers of 8 hexadecimal digits

struct FreeArchive {
  void operator()(archive* a) const noexcept { archive_write_free(a); }
};
struct FreeEntry {
  void operator()(archive_entry* e) const noexcept { archive_entry_free(e); }
};

la_ssize_t append(archive*, void* out, const void* bytes, std::size_t size) {
  static_cast<std::string*>(out)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

Status write_member(archive* writer, archive_entry* entry, const CpioMember& m,
                    std::uint32_t mtime) {
  archive_entry_clear(entry);
  archive_entry_set_pathname(entry, m.path.c_str());
  archive_entry_set_mode(entry, m.mode);
  archive_entry_set_nlink(entry, 1);
  archive_entry_set_mtime(entry, mtime, 0);
  archive_entry_set_size(entry, m.is(kCpioFile) ? static_cast<la_int64_t>(m.data.size()) : 0);
  if (m.is(kCpioLink)) {
    archive_entry_set_symlink(entry, std::string(m.data).c_str());
  } else if (m.is_device()) {
    archive_entry_set_rdevmajor(entry, m.major);
    archive_entry_set_rdevminor(entry, m.minor);
  }
  if (archive_write_header(writer, entry) != ARCHIVE_OK)
    return fail(m.path + ": " + archive_error_string(writer));
  if (m.is(kCpioFile) && !m.data.empty() &&
      archive_write_data(writer, m.data.data(), m.data.size()) !=
          static_cast<la_ssize_t>(m.data.size()))
    return fail(m.path + ": " + archive_error_string(writer));
  return {};
}

/// A field of 8 hexadecimal digits.
bool read_hex(std::string_view digits, std::uint32_t& value) {
  value = 0;
  for (const char c : digits) {
    unsigned digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    } else {
      return false;
    }
    value = value << 4 | digit;
  }
  return true;
}

std::size_t padded(std::size_t n) {
  return (n + 3) & ~std::size_t{3};
}

}  // namespace

Result<std::string> write_cpio(const std::vector<CpioMember>& members, std::uint32_t mtime) {
  std::string out;
  {
    const std::unique_ptr<archive, FreeArchive> writer(archive_write_new());
    const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
    if (!writer || !entry) return fail("out of memory");
    archive_write_set_format_cpio_newc(writer.get());
    archive_write_add_filter_none(writer.get());
    archive_write_set_bytes_per_block(writer.get(), 0);
    archive_write_set_bytes_in_last_block(writer.get(), 1);
    if (archive_write_open(writer.get(), &out, nullptr, append, nullptr) != ARCHIVE_OK)
      return fail(archive_error_string(writer.get()));
    for (const CpioMember& m : members)
      TRY(write_member(writer.get(), entry.get(), m, mtime));
    if (archive_write_close(writer.get()) != ARCHIVE_OK)
      return fail(archive_error_string(writer.get()));
  }
  return out;
}

Result<CpioArchive> read_cpio_archive(std::string_view text) {
  CpioArchive archive;
  std::size_t at = 0;
  const auto bad = [&](std::string_view why) {
    return fail("cpio archive: byte " + std::to_string(at) + ": " + std::string(why));
  };
  while (at < text.size()) {
    const std::string_view header = text.substr(at, kHeaderBytes);
    if (header.size() < kHeaderBytes) return bad("header cut short");
    if (!has_cpio_magic(header)) return bad("no header where one should be");
    std::uint32_t fields[13];
    for (std::size_t i = 0; i < 13; ++i)
      if (!read_hex(header.substr(6 + 8 * i, 8), fields[i])) return bad("not a number");
    const auto& [ino, mode, uid, gid, nlink, mtime, size, dmajor, dminor, major, minor, name_size,
                 check] = fields;
    // All of them fit in 32 bits, so no sum here can overflow.
    const std::size_t name_at = at + kHeaderBytes;
    const std::size_t data_at = padded(name_at + name_size);
    if (name_size == 0 || data_at > text.size() || size > text.size() - data_at)
      return bad("goes beyond the end");
    const std::string_view name = text.substr(name_at, name_size - 1);
    if (text[name_at + name_size - 1] != '\0' || name.find('\0') != std::string_view::npos)
      return bad("name without an end");
    at = std::min(padded(data_at + size), text.size());
    if (name == kTrailer) break;
    archive.members.push_back(
        {std::string(name), mode, uid, gid, mtime, major, minor, text.substr(data_at, size)});
  }
  archive.bytes = at;
  return archive;
}

}  // namespace mkcapture
