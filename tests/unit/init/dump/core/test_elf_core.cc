// ELF headers and notes of a core.
#include <doctest/doctest.h>

#include "init/dump/core/elf_core.h"
#include "tests/fakes/fake_vmcore.h"

namespace mkcapture {
namespace {

using namespace dump;

struct Layout {
  int elf_class;
  bool big_endian;
};

class Bytesmith {
 public:
  explicit Bytesmith(bool big_endian) : big_endian_(big_endian) {}
  void put(std::size_t at, std::uint64_t value, std::size_t size) {
    if (bytes.size() < at + size) bytes.resize(at + size);
    for (std::size_t i = 0; i < size; ++i) {
      bytes[at + i] = static_cast<std::byte>(value >> (8 * (big_endian_ ? size - 1 - i : i)));
    }
  }
  std::vector<std::byte> bytes;

 private:
  bool big_endian_;
};

Bytesmith header(Layout l, std::uint16_t machine) {
  Bytesmith b(l.big_endian);
  const bool wide = l.elf_class == 64;
  const unsigned char ident[] = {0x7f,
                                 'E',
                                 'L',
                                 'F',
                                 static_cast<unsigned char>(wide ? 2 : 1),
                                 static_cast<unsigned char>(l.big_endian ? 2 : 1),
                                 1};
  for (std::size_t i = 0; i < sizeof ident; ++i)
    b.put(i, ident[i], 1);
  b.put(16, 4, 2);
  b.put(18, machine, 2);
  b.put(wide ? 32 : 28, 0x1234, wide ? 8 : 4);  // e_phoff
  b.put(wide ? 54 : 42, wide ? 56 : 32, 2);     // e_phentsize
  b.put(wide ? 56 : 44, 7, 2);                  // e_phnum
  b.put(wide ? 62 : 50, 0, 2);
  return b;
}

TEST_CASE("ELF header: both classes and byte orders") {
  for (const Layout l : {Layout{64, false}, {64, true}, {32, false}, {32, true}}) {
    const auto b = header(l, 22);
    const auto h = parse_elf_header(b.bytes);
    REQUIRE(h.ok());
    CHECK(h->elf_class == l.elf_class);
    CHECK(h->big_endian == l.big_endian);
    CHECK(h->machine == Machine::kS390x);
    CHECK(h->elf_machine == 22);
    CHECK(h->phoff == 0x1234);
    CHECK(h->phnum == 7);
  }
}

TEST_CASE("ELF header: big-endian, but called little-endian by kexec_file_load") {
  auto b = header({64, true}, 21);
  b.put(5, 1, 1);
  const auto h = parse_elf_header(b.bytes);
  REQUIRE(h.ok());
  CHECK(h->big_endian);
  CHECK(h->machine == Machine::kPpc64);
  CHECK(h->phoff == 0x1234);
  CHECK(h->phnum == 7);
}

TEST_CASE("ELF header: what is refused") {
  const Layout l{64, false};
  const auto message = [](const Bytesmith& b) {
    const auto h = parse_elf_header(b.bytes);
    REQUIRE_FALSE(h.ok());
    return h.error().message;
  };
  auto b = header(l, 62);
  b.put(0, 'X', 1);
  CHECK(message(b) == "not an ELF file");
  b = header(l, 62);
  b.put(4, 3, 1);
  CHECK(message(b) == "ELF class is neither 32 nor 64 bits");
  b = header(l, 62);
  b.put(5, 0, 1);
  CHECK(message(b) == "ELF byte order is unknown");
  b = header(l, 62);
  b.put(16, 2, 2);
  CHECK(message(b) == "ELF file is not a core");
  CHECK(message(header(l, 8)) == "ELF machine 8 is not known");
  b = header(l, 62);
  b.put(54, 55, 2);
  CHECK(message(b) == "ELF program headers have an unknown size");
  b = header(l, 62);
  b.bytes.resize(63);
  CHECK(message(b) == "ELF header is cut short");
  b.bytes.resize(4);
  CHECK(message(b) == "ELF class is neither 32 nor 64 bits");
  b.bytes.clear();
  CHECK(message(b) == "not an ELF file");
}

Result<ElfSegment> load(std::uint64_t offset, std::uint64_t paddr, std::uint64_t size) {
  Bytesmith b(false);
  b.put(0, 1, 4);
  b.put(8, offset, 8);
  b.put(16, 0xffff888000000000, 8);
  b.put(24, paddr, 8);
  b.put(32, size, 8);
  b.put(40, size, 8);
  return parse_program_header(ElfHeader{}, b.bytes);
}

TEST_CASE("Program headers: impossible ones are refused and say why") {
  REQUIRE(load(0x1000, 0x2000, 0x3000).ok());
  CHECK(load(0x1000, 0x2000, 0x3000)->paddr == 0x2000);
  CHECK(load(0, kMaxPhysicalAddress - 0x1000, 0x1000).ok());
  // What kexec-tools writes on arm64 where it does not find _text.
  const auto garbage = load(0x1000, 0x40000000, 18000000000000000000U);
  REQUIRE_FALSE(garbage.ok());
  CHECK(garbage.error().message.find("impossible PT_LOAD") == 0);
  CHECK(garbage.error().message.find("0x40000000") != std::string::npos);
  // Its place in the file is sane, so that those behind it are as well.
  CHECK_FALSE(load(0x1000, kMaxPhysicalAddress, 1)->is_possible);
  CHECK(load(0x1000, kMaxPhysicalAddress - 1, 1)->is_possible);
  CHECK_FALSE(load(0x1000, 0, kMaxPhysicalAddress + 1).ok());
  CHECK_FALSE(load(~std::uint64_t{0} - 0x100, 0, 0x1000).ok());
  CHECK_FALSE(load(0, ~std::uint64_t{0} - 0x100, 0x1000)->is_possible);
}

TEST_CASE("Program headers: mappings without a physical address, as in /proc/kcore") {
  const auto vmalloc = load(0x7fffff000000, ~std::uint64_t{0}, std::uint64_t{1} << 45);
  REQUIRE(vmalloc.ok());
  CHECK_FALSE(vmalloc->has_paddr);
  CHECK(load(0, 0, 0x1000)->has_paddr);
}

TEST_CASE("Program headers: 32 bits, big-endian") {
  Bytesmith b(true);
  b.put(0, 1, 4);
  b.put(4, 0x1000, 4);
  b.put(8, 0xc0000000, 4);
  b.put(12, 0x100000, 4);
  b.put(16, 0x2000, 4);
  const auto s = parse_program_header({.elf_class = 32, .big_endian = true}, b.bytes);
  REQUIRE(s.ok());
  CHECK(s->offset == 0x1000);
  CHECK(s->vaddr == 0xc0000000);
  CHECK(s->paddr == 0x100000);
  CHECK(s->filesz == 0x2000);
}

TEST_CASE("Notes: found behind others, cut short, hostile sizes") {
  const Fields f(64, false);
  std::vector<std::byte> notes;
  fakes::add_note(notes, false, "CORE", 1, "registers");
  fakes::add_note(notes, false, "VMCOREINFO", 0,
                  std::string("OSRELEASE=6.1\nPAGESIZE=4096\n\0junk", 33));
  CHECK(find_vmcoreinfo(f, notes) == "OSRELEASE=6.1\nPAGESIZE=4096\n");

  for (std::size_t n = 0; n < 40; ++n)
    CHECK(find_vmcoreinfo(f, Bytes(notes).first(n)).empty());

  Bytesmith hostile(false);
  hostile.put(0, 0xffffffff, 4);  // the name's size
  hostile.put(4, 0xffffffff, 4);
  hostile.put(8, 0, 4);
  Bytes rest = hostile.bytes;
  CHECK_FALSE(next_note(f, rest).has_value());
  hostile.put(0, 0, 4);
  rest = hostile.bytes;
  CHECK_FALSE(next_note(f, rest).has_value());
}

TEST_CASE("More than 65534 segments: their number is in section 0") {
  Bytesmith section(false);
  section.put(44, 70000, 4);
  section.put(63, 0, 1);
  CHECK(extended_phnum(ElfHeader{}, section.bytes) == 70000);
}

}  // namespace
}  // namespace mkcapture
