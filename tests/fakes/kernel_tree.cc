#include "tests/fakes/kernel_tree.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/fakes/elf_writer.h"

namespace mkcapture::fakes {

namespace {

std::string name_of(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  return name.substr(0, name.find(".ko"));
}

/// Adds what depmod reads dependencies from: an exported symbol NAME_symbol, and undefined ones.
ElfObject with_symbols(ElfObject object, const std::string& path,
                       const std::vector<std::string>& modinfo) {
  const auto normal = [](std::string name) {
    for (char& c : name)
      if (c == '-') c = '_';
    return name;
  };
  const std::string own = normal(name_of(path)) + "_symbol";
  object.sections.push_back({"__ksymtab_strings", own + '\0', SHT_PROGBITS, SHF_ALLOC, {}});
  object.symbols.push_back({"__ksymtab_" + own, 4, true, 0});
  for (const std::string& field : modinfo) {
    if (field.compare(0, 8, "depends=") != 0) continue;
    std::string rest = field.substr(8);
    while (!rest.empty()) {
      const std::string dep = rest.substr(0, rest.find(','));
      rest.erase(0, std::min(rest.size(), dep.size() + 1));
      object.symbols.push_back({normal(dep) + "_symbol", SHN_UNDEF, true, 0});
    }
  }
  return object;
}

}  // namespace

void write_kernel_tree(const TempDir& root, const std::string& release,
                       const std::vector<FakeModule>& modules,
                       const std::vector<std::string>& builtin) {
  const std::string base = "lib/modules/" + release + "/";
  std::string order;
  for (const FakeModule& m : modules) {
    const ElfObject object = with_symbols(make_module(m.modinfo), m.path, m.modinfo);
    root.write(base + "kernel/" + m.path, write_object(object));
    order += "kernel/" + m.path + "\n";
  }
  std::string text;
  for (const std::string& path : builtin)
    text += "kernel/" + path + "\n";
  root.write(base + "modules.builtin", text);
  root.write(base + "modules.order", order);
  root.write(base + "modules.builtin.modinfo", "");
  const std::string depmod =
      "PATH=$PATH:/usr/sbin:/sbin depmod -b '" + root.path() + "' " + release;
  REQUIRE(std::system(depmod.c_str()) == 0);
}

}  // namespace mkcapture::fakes
