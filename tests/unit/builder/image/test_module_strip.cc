#include <doctest/doctest.h>

#include "builder/image/module_strip.h"
#include "modules/elf_view.h"
#include "modules/module_file.h"
#include "tests/fakes/elf_writer.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;

using fakes::ElfFormat;
using fakes::ElfObject;
using mkcapture::ElfView;
using mkcapture::SignaturePolicy;
using mkcapture::strip_module;

namespace {

/// A module as distributions ship it: tables for tracing, debug information, a signature.
ElfObject full_module() {
  ElfObject o = fakes::make_module({"license=GPL", "alias=fs-test", "depends=", "vermagic=6.1 SMP",
                                    "description=x", "author=y", "softdep=pre: crc32c"});
  // Symbols 1 to 3: the section, init_module, printk. Section numbers are 1-based.
  o.sections.push_back({"__versions", std::string(64, 'v'), SHT_PROGBITS, SHF_ALLOC, {}});
  o.sections.push_back({".orc_unwind", std::string(600, 'o'), SHT_PROGBITS, SHF_ALLOC, {}});
  o.sections.push_back(
      {".orc_unwind_ip", std::string(400, 'p'), SHT_PROGBITS, SHF_ALLOC, {{0, 1, 2, 0}}});
  o.sections.push_back({"_ftrace_events",
                        std::string(80, 'f'),
                        SHT_PROGBITS,
                        SHF_ALLOC | SHF_WRITE,
                        {{0, 1, 1, 0}}});
  o.sections.push_back({".debug_info", std::string(5000, 'd'), SHT_PROGBITS, 0, {{0, 2, 1, 0}}});
  o.sections.push_back({".BTF", std::string(300, 'b'), SHT_PROGBITS, 0, {}});
  o.sections.push_back({".comment", "GCC", SHT_PROGBITS, 0, {}});
  o.symbols.push_back({"unused_function", 1, true, 8});
  o.symbols.push_back({"unused_import", SHN_UNDEF, true, 0});
  return o;
}

std::vector<std::string> section_names(const ElfView& view) {
  std::vector<std::string> names;
  for (const auto& s : view.sections())
    names.emplace_back(s.name);
  return names;
}

std::vector<std::string> symbol_names(const ElfView& view) {
  std::vector<std::string> names;
  const auto* symbols = view.find(".symtab");
  const auto* strings = view.find(".strtab");
  for (std::uint64_t i = 0; const auto symbol = view.symbol(*symbols, i); ++i)
    names.emplace_back(mkcapture::text_at(strings->bytes, symbol->name));
  return names;
}

}  // namespace

TEST_CASE("strip: what only tracing and debuggers use goes, what the loader needs stays") {
  for (const ElfFormat format : {ElfFormat{true, true, EM_X86_64}, ElfFormat{true, false, EM_S390},
                                 ElfFormat{false, true, EM_386}, ElfFormat{false, false, EM_PPC}}) {
    CAPTURE(format.is_64);
    CAPTURE(format.little);
    ElfObject object = full_module();
    object.format = format;
    const std::string input = write_object(object) + "~Module signature appended~\n";
    const auto stripped = strip_module(input);
    REQUIRE_MESSAGE(stripped.ok(), stripped.error().message);
    CHECK(stripped->size() < input.size() / 3);
    const auto view = ElfView::open(*stripped);
    REQUIRE(view.ok());
    CHECK(section_names(*view) ==
          std::vector<std::string>{"", ".text", ".rela.text", ".modinfo",
                                   ".gnu.linkonce.this_module", ".rela.gnu.linkonce.this_module",
                                   "__versions", ".symtab", ".strtab", ".shstrtab"});
    CHECK(view->type() == ET_REL);
    CHECK(view->machine() == format.machine);
    CHECK(view->find("__versions")->bytes == std::string(64, 'v'));
    // Only names that the kernel has to look up are left.
    CHECK(symbol_names(*view) == std::vector<std::string>{"", "", "printk"});

    // The relocations lead to the same symbols as before.
    const unsigned word = format.is_64 ? 8 : 4;
    const auto& text = *view->find(".rela.text");
    CHECK(view->sections()[text.info].name == ".text");
    CHECK(view->sections()[text.link].name == ".symtab");
    CHECK((view->number(text.bytes, word, word) >> (format.is_64 ? 32 : 8)) == 2);  // printk
    const auto& self = *view->find(".rela.gnu.linkonce.this_module");
    CHECK(view->number(self.bytes, 0, word) == 24);
    CHECK((view->number(self.bytes, word, word) >> (format.is_64 ? 32 : 8)) == 1);  // init_module
    const auto init = view->symbol(*view->find(".symtab"), 1);
    CHECK(view->sections()[init->section].name == ".text");
    // No local symbols are left: the first global one is the first.
    CHECK(view->find(".symtab")->info == 1);

    const auto fields = mkcapture::read_modinfo(*stripped);
    REQUIRE(fields.ok());
    REQUIRE(fields->size() == 2);
    CHECK((*fields)[0].key == "license");
    CHECK((*fields)[1].key == "vermagic");
    CHECK((*fields)[1].value == "6.1 SMP");
  }
}

TEST_CASE("strip: twice is once") {
  const auto once = strip_module(write_object(full_module()));
  REQUIRE(once.ok());
  const auto twice = strip_module(*once);
  REQUIRE(twice.ok());
  CHECK(*once == *twice);
}

TEST_CASE("strip: a section that code points into stays, whatever its name") {
  ElfObject o = full_module();
  o.symbols.insert(o.symbols.begin() + 1, {"events", 7, false, 0});  // _ftrace_events, local
  for (auto& s : o.sections)
    for (auto& r : s.relocations)
      if (r.symbol >= 2) ++r.symbol;
  o.sections[0].relocations.push_back({12, 2, 1, 0});
  const auto stripped = strip_module(write_object(o));
  REQUIRE(stripped.ok());
  const auto view = ElfView::open(*stripped);
  REQUIRE(view.ok());
  CHECK(view->find("_ftrace_events") != nullptr);
  CHECK(view->find(".rela_ftrace_events") != nullptr);
  CHECK(view->find(".orc_unwind") == nullptr);
}

TEST_CASE("strip: BTF stays with a module that registers kfuncs by it") {
  ElfObject o = full_module();
  o.sections.push_back({".BTF_ids", "ids", SHT_PROGBITS, SHF_ALLOC, {}});
  const auto stripped = strip_module(write_object(o));
  REQUIRE(stripped.ok());
  CHECK(ElfView::open(*stripped)->find(".BTF") != nullptr);
}

TEST_CASE("strip: what is no module is an error") {
  CHECK(strip_module("").error().message == "not an ELF file");
  CHECK(strip_module("#!/bin/sh\n").error().message == "not an ELF file");
  CHECK(strip_module(fakes::write_dynamic({})).error().message == "not a relocatable ELF object");
  const std::string whole = write_object(full_module());
  for (std::size_t size = 0; size < whole.size(); size += 97)
    CHECK_FALSE(strip_module(std::string_view(whole).substr(0, size)).ok());
}

TEST_CASE("module files: signatures kept byte for byte where they count") {
  const fakes::TempDir dir;
  const std::string whole = write_object(full_module()) + "~Module signature appended~\n";
  const std::string path = dir.write("a.ko", whole);
  CHECK(*mkcapture::load_module_file(path, SignaturePolicy::kKeep) == whole);
  CHECK(*mkcapture::load_module_file(path, SignaturePolicy::kDrop) == *strip_module(whole));
  const std::string text = dir.write("b.ko", "nothing");
  CHECK(mkcapture::load_module_file(text, SignaturePolicy::kDrop).error().message ==
        text + ": not an ELF file");
  const std::string absent = dir.path("c.ko");
  CHECK(mkcapture::load_module_file(absent, SignaturePolicy::kDrop).error().message.find(absent) ==
        0);
}
