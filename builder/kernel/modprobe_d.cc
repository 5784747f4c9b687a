#include "builder/kernel/modprobe_d.h"

#include <algorithm>

#include "builder/host/root_path.h"
#include "init/contract/module_options.h"
#include "modules/kernel_tree.h"

namespace mkcapture {

namespace {

constexpr const char* kFolders[] = {"/etc/modprobe.d", "/run/modprobe.d",
                                    "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d",
                                    "/lib/modprobe.d"};

std::string_view next_word(std::string_view& line) {
  const auto begin = std::min(line.find_first_not_of(" \t"), line.size());
  line.remove_prefix(begin);
  const auto word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

// With the continuation lines taken in.
std::string next_line(std::string_view& text) {
  std::string line;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    line += text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.ends_with('\\')) break;
    line.back() = ' ';
  }
  return line;
}

}  // namespace

void parse_modprobe_options(std::string_view text, ModprobeOptions& into) {
  while (!text.empty()) {
    const std::string line = next_line(text);
    std::string_view rest = line;
    if (next_word(rest) != "options") continue;
    const std::string name = normal_name(next_word(rest));
    if (name.empty()) continue;
    auto& options = into[name];
    for (auto word = next_word(rest); !word.empty(); word = next_word(rest))
      options = joined_options(options, word);
  }
}

ModprobeOptions read_modprobe_options(Host& host, const std::string& root) {
  const auto inside = [&](const std::string& path) {
    return root == "/" ? path : resolve_below(host, root, path).value_or("");
  };
  std::map<std::string, std::string> files;  // by name: the folder that prevails
  for (const char* folder : kFolders)
    for (const auto& name : host.list_dir(inside(folder)).value_or({}))
      if (name.ends_with(".conf")) files.emplace(name, std::string(folder) + "/" + name);
  ModprobeOptions options;
  for (const auto& [name, path] : files)
    if (const auto text = host.read_file(inside(path))) parse_modprobe_options(*text, options);
  return options;
}

}  // namespace mkcapture
