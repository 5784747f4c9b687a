#include "modules/module_file.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "modules/elf_view.h"

namespace mkcapture {

Result<std::string> read_module_file(const std::string& path) {
  struct Free {
    void operator()(archive* a) const noexcept { archive_read_free(a); }
  };
  const std::unique_ptr<archive, Free> reader(archive_read_new());
  if (!reader) return fail(path + ": out of memory");
  // Only what the kernel build can produce; "raw" hands the filter's output through.
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_format_raw(reader.get());
  const auto broken = [&] {
    const char* why = archive_error_string(reader.get());
    return Error{archive_errno(reader.get()), path + ": " + (why ? why : "unreadable")};
  };
  if (archive_read_open_filename(reader.get(), path.c_str(), 1 << 17) != ARCHIVE_OK)
    return broken();
  archive_entry* entry = nullptr;
  if (archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK) return broken();
  std::string bytes;
  for (;;) {
    const std::size_t filled = bytes.size();
    bytes.resize(filled + (1 << 17));
    const la_ssize_t n = archive_read_data(reader.get(), bytes.data() + filled, 1 << 17);
    if (n < 0) return broken();
    bytes.resize(filled + static_cast<std::size_t>(n));
    if (n == 0) return bytes;
    if (bytes.size() > kMaxModuleBytes) return fail(path + ": larger than any kernel module");
  }
}

Result<std::vector<ModinfoField>> read_modinfo(std::string_view elf) {
  auto view = ElfView::open(elf);
  if (!view) return std::move(view).error();
  const ElfView::Section* section = view->find(".modinfo");
  if (section == nullptr) return fail("no .modinfo section: not a kernel module");
  std::vector<ModinfoField> fields;
  std::string_view rest = section->bytes;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const auto equals = line.find('=');
    if (equals != std::string_view::npos)
      fields.push_back({line.substr(0, equals), line.substr(equals + 1)});
  }
  return fields;
}

void parse_softdep(std::string_view text, Softdep& into) {
  std::vector<std::string>* list = nullptr;
  while (!text.empty()) {
    const auto start = text.find_first_not_of(" \t,");
    if (start == std::string_view::npos) return;
    text.remove_prefix(start);
    const std::string_view word = text.substr(0, text.find_first_of(" \t,"));
    text.remove_prefix(word.size());
    if (word == "pre:") {
      list = &into.pre;
    } else if (word == "post:") {
      list = &into.post;
    } else if (list != nullptr) {
      list->emplace_back(word);
    }
  }
}

}  // namespace mkcapture
