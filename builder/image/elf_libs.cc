#include "builder/image/elf_libs.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "builder/host/root_path.h"
#include "modules/elf_view.h"

namespace mkcapture {

namespace {

constexpr std::size_t kMaxProgramBytes = 1 << 30;
constexpr std::uint64_t kMaxDynamicEntries = 1 << 16;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    if (!part.empty()) parts.emplace_back(part);
  }
  return parts;
}

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}
std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// The image has no links among its folders: ".." can be taken by its name.
std::string without_dots(const std::string& path) {
  std::string plain;
  for (const std::string& part : split(path, '/')) {
    if (part == ".") continue;
    if (part == "..")
      plain.erase(plain.empty() ? 0 : plain.rfind('/'));
    else
      plain += "/" + part;
  }
  return plain;
}

/// The bytes of the file that are mapped at `address`, to the end of their segment.
std::string_view mapped(const ElfView& view, std::uint64_t address) {
  for (const ElfView::Segment& s : view.segments())
    if (s.type == PT_LOAD && address >= s.address && address - s.address < s.bytes.size())
      return s.bytes.substr(address - s.address);
  return {};
}

}  // namespace

Result<DynamicInfo> read_dynamic(std::string_view file) {
  DynamicInfo info;
  if (!ElfView::has_magic(file)) return info;
  const auto view = ElfView::open(file);
  if (!view) return Error(view.error());
  std::string_view dynamic;
  for (const ElfView::Segment& s : view->segments()) {
    if (s.type == PT_INTERP) info.interpreter = s.bytes.substr(0, s.bytes.find('\0'));
    if (s.type == PT_DYNAMIC) dynamic = s.bytes;
  }
  const unsigned word = view->is_64() ? 8 : 4;
  std::vector<std::uint64_t> needed;
  std::optional<std::uint64_t> runpath, rpath, table;
  for (std::uint64_t i = 0; i < kMaxDynamicEntries && (i + 1) * 2 * word <= dynamic.size(); ++i) {
    const std::uint64_t tag = view->number(dynamic, i * 2 * word, word);
    const std::uint64_t value = view->number(dynamic, i * 2 * word + word, word);
    if (tag == DT_NULL) break;
    if (tag == DT_NEEDED) needed.push_back(value);
    if (tag == DT_RUNPATH) runpath = value;
    if (tag == DT_RPATH) rpath = value;
    if (tag == DT_STRTAB) table = value;
  }
  if (needed.empty() && !runpath && !rpath) return info;
  const std::string_view strings = table ? mapped(*view, *table) : std::string_view();
  for (const std::uint64_t offset : needed) {
    const std::string_view name = text_at(strings, offset);
    if (name.empty()) return fail("its list of needed libraries is broken");
    info.needed.emplace_back(name);
  }
  if (!runpath) runpath = rpath;
  if (runpath) info.runpath = split(text_at(strings, *runpath), ':');
  return info;
}

namespace {

/// One search over a system's libraries.
class LibrarySearch {
 public:
  LibrarySearch(Host& host, std::string root) : host_(host), root_(std::move(root)) {}

  Result<std::vector<LibraryFile>> run(const std::string& program, const std::string& destination) {
    auto bytes = host_.read_whole(program, kMaxProgramBytes);
    if (!bytes) return std::move(bytes).error();
    auto info = read_dynamic(*bytes);
    if (!info) return std::move(info).error().within(program);
    if (info->interpreter.empty() && info->needed.empty()) return std::vector<LibraryFile>();
    const auto view = ElfView::open(*bytes);
    if (!view) return Error(view.error());
    machine_ = {view->machine(), view->is_64(), view->little_endian()};
    find_folders();

    if (!info->interpreter.empty()) {
      auto loader = resolve_below(host_, root_, info->interpreter);
      if (!loader) return std::move(loader).error().within(program + " needs its loader");
      musl_ = name_of(info->interpreter).compare(0, 7, "ld-musl") == 0;
      found_[name_of(info->interpreter)] = {*loader, info->interpreter};
    }
    todo_.push_back({program, destination, std::move(*info)});
    while (!todo_.empty()) {
      const Object object = std::move(todo_.back());
      todo_.pop_back();
      for (const std::string& name : object.info.needed)
        TRY(need(name, object));
    }
    return place();
  }

 private:
  struct Machine {
    std::uint16_t number = 0;
    bool is_64 = false;
    bool little = false;
    bool operator==(const Machine&) const = default;
  };
  struct Object {
    std::string source;
    std::string destination;
    DynamicInfo info;
  };
  /// Where a library was found.
  struct Hit {
    std::string source;
    std::string destination;  // below the folder that it was found in
    bool by_cache = false;    // only ld.so.cache leads there
  };

  void find_folders() {
    std::set<std::string> seen;
    read_conf("/etc/ld.so.conf", seen);
    if (machine_.is_64) defaults_ = {"/lib64", "/usr/lib64"};
    for (const char* pattern : {"/lib/*-linux-*", "/usr/lib/*-linux-*"})
      for (std::string& folder : matches(pattern))
        defaults_.push_back(std::move(folder));
    for (const char* folder : {"/lib", "/usr/lib", "/lib32", "/usr/lib32", "/usr/local/lib"})
      defaults_.emplace_back(folder);
  }

  /// Paths below the root, as the system at the root would call them.
  std::vector<std::string> matches(const std::string& pattern) const {
    std::vector<std::string> paths = {""};
    for (const std::string& part : split(pattern, '/')) {
      std::vector<std::string> longer;
      for (const std::string& path : paths) {
        const auto folder = resolve_below(host_, root_, path.empty() ? "/" : path);
        if (!folder) continue;
        for (const std::string& name : host_.list_dir(*folder).value_or({}))
          if (fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) == 0)
            longer.push_back(path + "/" + name);
      }
      paths = std::move(longer);
    }
    return paths;
  }

  void read_conf(const std::string& path, std::set<std::string>& seen) {
    if (!seen.insert(path).second) return;
    const auto file = resolve_below(host_, root_, path);
    if (!file) return;
    const auto text = host_.read_whole(*file, 1 << 20);
    if (!text) return;
    for (std::string line : split(*text, '\n')) {
      line.erase(std::min(line.find('#'), line.size()));
      std::istringstream words(line);
      std::string word, argument;
      if (!(words >> word)) continue;
      if (word == "include" && words >> argument) {
        if (argument.front() != '/') argument.insert(0, folder_of(path) + "/");
        for (const std::string& included : matches(argument))
          read_conf(included, seen);
      } else if (word.front() == '/') {
        cache_.push_back(word);
      }
    }
  }

  Status need(const std::string& name, const Object& object) {
    if (found_.count(name_of(name)) != 0) return {};
    // musl's loader is its C library, whatever name that has.
    if (musl_ && (name == "libc.so" || name.compare(0, 8, "libc.mus") == 0)) return {};
    auto hit = find(name, object);
    if (!hit) return fail(object.source + " needs " + name + ", which is not below " + root_);
    auto bytes = host_.read_whole(hit->source, kMaxProgramBytes);
    if (!bytes) return std::move(bytes).error();
    auto info = read_dynamic(*bytes);
    if (!info) return std::move(info).error().within(hit->source);
    todo_.push_back({hit->source, hit->destination, std::move(*info)});
    found_[name_of(name)] = std::move(*hit);
    return {};
  }

  std::optional<Hit> find(const std::string& name, const Object& object) const {
    if (name.find('/') != std::string::npos) return probe(folder_of(name), name_of(name), false);
    for (std::string folder : object.info.runpath) {
      std::string in_image = folder;
      for (const char* token : {"$ORIGIN", "${ORIGIN}"}) {
        const auto at = folder.find(token);
        if (at == std::string::npos) continue;
        folder.replace(at, std::string_view(token).size(), origin_of(object));
        in_image.replace(in_image.find(token), std::string_view(token).size(),
                         folder_of(object.destination));
        break;
      }
      if (auto hit = probe(folder, name, false)) {
        hit->destination = without_dots(in_image + "/" + name);
        return hit;
      }
    }
    for (const std::string& folder : cache_) {
      const bool is_default =
          std::find(defaults_.begin(), defaults_.end(), folder) != defaults_.end();
      if (auto hit = probe(folder, name, !is_default)) return hit;
    }
    for (const std::string& folder : defaults_)
      if (auto hit = probe(folder, name, false)) return hit;
    return std::nullopt;
  }

  /// The object's folder as the system at the root calls it.
  std::string origin_of(const Object& object) const {
    const std::string base = root_ == "/" ? "" : root_;
    const std::string folder = folder_of(object.source);
    return folder.compare(0, base.size(), base) == 0 ? folder.substr(base.size()) : folder;
  }

  std::optional<Hit> probe(const std::string& folder, const std::string& name,
                           bool by_cache) const {
    const std::string path = folder + "/" + name;
    auto file = resolve_below(host_, root_, path);
    if (!file || !host_.is_file(*file)) return std::nullopt;
    const auto bytes = host_.read_whole(*file, kMaxProgramBytes);
    if (!bytes) return std::nullopt;
    const auto view = ElfView::open(*bytes);
    if (!view || view->type() != ET_DYN) return std::nullopt;
    if (Machine{view->machine(), view->is_64(), view->little_endian()} != machine_)
      return std::nullopt;
    return Hit{std::move(*file), path, by_cache};
  }

  std::vector<LibraryFile> place() const {
    std::string default_folder = "/lib";
    for (const auto& [name, hit] : found_)
      if (!hit.by_cache && name.compare(0, 8, "libc.so.") == 0)
        default_folder = folder_of(hit.destination);
    std::map<std::string, std::string> by_destination;
    for (const auto& [name, hit] : found_)
      by_destination.emplace(hit.by_cache ? default_folder + "/" + name : hit.destination,
                             hit.source);
    std::vector<LibraryFile> files;
    for (const auto& [destination, source] : by_destination)
      files.push_back({source, destination});
    return files;
  }

  Host& host_;
  std::string root_;
  Machine machine_;
  bool musl_ = false;
  std::vector<std::string> cache_;     // folders of ld.so.conf
  std::vector<std::string> defaults_;  // folders that loaders have built in
  std::map<std::string, Hit> found_;   // by the name that is needed
  std::vector<Object> todo_;
};

}  // namespace

Result<std::vector<LibraryFile>> library_closure(Host& host, const std::string& program,
                                                 const std::string& destination,
                                                 const std::string& root) {
  return LibrarySearch(host, root).run(program, destination);
}

}  // namespace mkcapture
