// Address translation of arm64, riscv64, s390x and ppc64.
#include <doctest/doctest.h>

#include "tests/fakes/table_builder.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::paddr;
using fakes::TableBuilder;
using fakes::TableMachine;

constexpr std::uint64_t kImage = 0xffff800080000000;  // of arm64

std::uint64_t arm64_table(std::uint64_t table, const TableLevel&) {
  return table | 3;
}

TEST_CASE("arm64: 4 KiB pages, 48 bits, the image apart from the linear map") {
  TableMachine m(Machine::kArm64, 0x40000000, 0);
  TableBuilder tables(m, 0x40001000, {{39, 9}, {30, 9}, {21, 9}, {12, 9}}, arm64_table);
  m.info =
      "SYMBOL(swapper_pg_dir)=ffff800080001000\nNUMBER(VA_BITS)=48\n"
      "NUMBER(kimage_voffset)=0xffff800040000000\nNUMBER(TCR_EL1_T1SZ)=0x10\n";
  tables.map(kImage, 21, 0x40000701);
  tables.map(0xffff000000200000, 12, 0x0068000123456703);
  tables.map(0xfffffc0000000000, 30, 0x0000000200000f01);
  tables.map(0xffff000000201000, 12, 0x0068000123456701);  // reserved: not a page
  auto space = m.make();
  REQUIRE_MESSAGE(space.ok(), space.error().message);
  CHECK(paddr(**space, kImage + 0x12345) == 0x40012345);
  CHECK(paddr(**space, 0xffff000000200010) == 0x123456010);
  CHECK(paddr(**space, 0xfffffc0012345678) == 0x212345678);
  CHECK_FALSE((*space)->translate(0xffff000000201000).has_value());
  CHECK_FALSE((*space)->translate(0xffff000000202000).has_value());
  CHECK_FALSE((*space)->translate(0x0000000000200000).has_value());  // a process's
  CHECK((*space)->sparse_bits().section_size == 30);
}

TEST_CASE("phys_base, as each machine's readers take it") {
  TableMachine m(Machine::kArm64, 0x40000000, 0);
  const auto base = [&](const char* info) { return phys_base_of(m.machine, Vmcoreinfo(info)); };
  CHECK(base("NUMBER(PHYS_OFFSET)=0x40000000\n") == 0x40000000);
  // A randomised linear map of Debian's 6.1: no place in memory.
  CHECK(base("NUMBER(PHYS_OFFSET)=0xffffc8c240000000\n") == 0xffffc8c240000000);
  // Not told: the first range with an address, which is not the image.
  CHECK(base("") == 0);
  m.machine.ranges = {{.paddr = 0x80200000, .size = 0x1000, .vaddr = kImage, .file_offset = 0},
                      {.paddr = 0x80300000, .size = 0x1000, .vaddr = 0xffff000000300000}};
  CHECK(base("SYMBOL(swapper_pg_dir)=ffff800080000000\n") == 0x80300000);
  m.machine.machine = Machine::kRiscv64;
  CHECK(base("NUMBER(phys_ram_base)=0x80000000\n") == 0x80000000);
  m.machine.machine = Machine::kPpc64;
  CHECK(base("NUMBER(phys_ram_base)=0x80000000\nNUMBER(PHYS_OFFSET)=0x40000000\n") == 0);
}

TEST_CASE("arm64: 64 KiB pages, a kernel for 52 bits, with and without a processor for them") {
  for (const char* t1sz : {"NUMBER(TCR_EL1_T1SZ)=0x10\n", "NUMBER(TCR_EL1_T1SZ)=0xc\n"}) {
    TableMachine m(Machine::kArm64, 0x40000000, 0);
    m.machine.page_size = 65536;
    TableBuilder tables(m, 0x40010000, {{42, 10}, {29, 13}, {16, 13}}, arm64_table);
    m.info = std::string(
                 "SYMBOL(swapper_pg_dir)=ffff800080010000\nNUMBER(VA_BITS)=52\n"
                 "OSRELEASE=6.1.0-arm64\nNUMBER(kimage_voffset)=0xffff800040000000\n") +
             t1sz;
    tables.map(kImage, 29, 0x40000701);
    // Bits 48 to 51 of the address are in bits 12 to 15.
    tables.map(0xfffffc0000010000, 16, 0x0068234567895703);
    auto space = m.make();
    REQUIRE_MESSAGE(space.ok(), space.error().message);
    CHECK(paddr(**space, kImage + 0x12345) == 0x40012345);
    CHECK(paddr(**space, 0xfffffc0000011234) == 0x5234567891234);
    CHECK((*space)->translate(0xfffffc0000011234)->size == 0x10000 - 0x1234);
    CHECK((*space)->sparse_bits().section_size == 29);
  }
}

TEST_CASE("arm64: 16 KiB pages, 47 bits; 4 KiB pages, 52 bits (LPA2)") {
  TableMachine m(Machine::kArm64, 0x40000000, 0);
  m.machine.page_size = 16384;
  TableBuilder tables(m, 0x40004000, {{36, 11}, {25, 11}, {14, 11}}, arm64_table);
  m.info =
      "SYMBOL(swapper_pg_dir)=ffff800080004000\nNUMBER(VA_BITS)=47\n"
      "NUMBER(kimage_voffset)=0xffff800040000000\n";
  tables.map(kImage, 25, 0x40000701);
  auto space = m.make();
  REQUIRE_MESSAGE(space.ok(), space.error().message);
  CHECK(paddr(**space, kImage + 0x12345) == 0x40012345);

  TableMachine l(Machine::kArm64, 0x40000000, 0);
  TableBuilder five(l, 0x40001000, {{48, 4}, {39, 9}, {30, 9}, {21, 9}, {12, 9}}, arm64_table);
  l.info =
      "SYMBOL(swapper_pg_dir)=ffff800080001000\nNUMBER(VA_BITS)=52\nNUMBER(TCR_EL1_T1SZ)=0xc\n"
      "NUMBER(kimage_voffset)=0xffff800040000000\n";
  five.map(kImage, 21, 0x40000401);
  five.map(0xfff0000000000000, 12, 0x0069234567890203 | 1 << 8);  // 50 and 51 in 8 and 9
  auto wide = l.make();
  REQUIRE_MESSAGE(wide.ok(), wide.error().message);
  CHECK(paddr(**wide, kImage + 0x12345) == 0x40012345);
  CHECK(paddr(**wide, 0xfff0000000000008) == 0xd234567890008);
}

TEST_CASE("arm64: what cannot be is refused") {
  TableMachine m(Machine::kArm64, 0x40000000, 0);
  m.info = "SYMBOL(swapper_pg_dir)=ffff800080001000\nNUMBER(VA_BITS)=64\n";
  CHECK(m.make().error().message == "VMCOREINFO has an impossible VA_BITS");
  m.info = "SYMBOL(swapper_pg_dir)=ffff800080001000\n";
  CHECK(m.make().error().message == "VMCOREINFO lacks swapper_pg_dir or VA_BITS");
  m.info = "SYMBOL(swapper_pg_dir)=ffff800080001000\nNUMBER(VA_BITS)=48\n";
  CHECK(m.make().error().message == kNoTopTable);
}

std::uint64_t riscv64_table(std::uint64_t table, const TableLevel&) {
  return table >> 12 << 10 | 1;
}

std::vector<TableLevel> riscv64_levels(unsigned bits) {
  std::vector<TableLevel> levels;
  for (unsigned shift = bits - 9; shift >= 12; shift -= 9)
    levels.push_back({shift, 9});
  return levels;
}

TEST_CASE("riscv64: Sv39, Sv48 and Sv57, large pages, 64 KiB by Svnapot") {
  for (const unsigned bits : {39U, 48U, 57U}) {
    CAPTURE(bits);
    TableMachine m(Machine::kRiscv64, 0x80000000, 0);
    TableBuilder tables(m, 0x80001000, riscv64_levels(bits), riscv64_table);
    m.info = "SYMBOL(swapper_pg_dir)=ffffffff80001000\nNUMBER(VA_BITS)=" + std::to_string(bits) +
             "\nNUMBER(va_kernel_pa_offset)=0xfffffffF00000000\n";
    tables.map(0xffffffff80000000, 21, 0x80000ULL << 10 | 0xef);
    tables.map(0xffffffc700201000, 12, 0x123456ULL << 10 | 0xe7);
    for (std::uint64_t i = 0; i < 16; ++i)
      tables.map(0xffffffc700210000 + i * 0x1000, 12, 1ULL << 63 | 0x123458ULL << 10 | 0xe7);
    auto space = m.make();
    REQUIRE_MESSAGE(space.ok(), space.error().message);
    CHECK(paddr(**space, 0xffffffff80012345) == 0x80012345);
    CHECK(paddr(**space, 0xffffffc700201008) == 0x123456008);
    CHECK(paddr(**space, 0xffffffc700213456) == 0x123453456);
    CHECK_FALSE((*space)->translate(0xffffffc700202000).has_value());
    CHECK_FALSE((*space)->translate(0x201000).has_value());
  }
}

TEST_CASE("riscv64: kernels that do not tell where their image is") {
  for (const bool by_header : {true, false}) {
    TableMachine m(Machine::kRiscv64, 0x80000000, by_header ? 0xffffffff80000000 : 0);
    TableBuilder tables(m, 0x80001000, {{30, 9}, {21, 9}, {12, 9}}, riscv64_table);
    tables.map(0xffffffff80000000, 21, 0x80000ULL << 10 | 0xef);
    m.info = "SYMBOL(swapper_pg_dir)=ffffffff80001000\nNUMBER(VA_BITS)=39\n";
    if (!by_header)
      m.info += "NUMBER(KERNEL_LINK_ADDR)=0xffffffff80000000\nNUMBER(phys_ram_base)=0x80000000\n";
    CHECK(m.make().ok());
  }
}

TEST_CASE("riscv64: kernels that do not tell the mode") {
  for (const unsigned bits : {39U, 48U, 57U}) {
    CAPTURE(bits);
    TableMachine m(Machine::kRiscv64, 0x80000000, 0xffffffff80000000);
    TableBuilder tables(m, 0x80001000, riscv64_levels(bits), riscv64_table);
    tables.map(0xffffffff80000000, 21, 0x80000ULL << 10 | 0xef);
    // The linear map in the last quarter of the kernel's half: one that only this mode can walk.
    const std::uint64_t linear = ~std::uint64_t{0} << (bits - 2);
    tables.map(linear, 21, 0x80000ULL << 10 | 0xe7);
    m.info = "SYMBOL(swapper_pg_dir)=ffffffff80001000\n";
    auto space = m.make();
    REQUIRE_MESSAGE(space.ok(), space.error().message);
    CHECK(paddr(**space, linear + 0x12345) == 0x80012345);
  }
}

TEST_CASE("riscv64: what is refused") {
  TableMachine m(Machine::kRiscv64, 0x80000000, 0);
  m.info = "NUMBER(VA_BITS)=39\n";
  CHECK(m.make().error().message == "VMCOREINFO lacks swapper_pg_dir");
  m.info = "SYMBOL(swapper_pg_dir)=ffffffff80001000\nNUMBER(VA_BITS)=40\n";
  CHECK(m.make().error().message == "VMCOREINFO has an impossible VA_BITS");
  m.info = "SYMBOL(swapper_pg_dir)=ffffffff80001000\n";
  CHECK(m.make().error().message == kNoTopTable);
}

/// A table of s390x, all entries invalid, of a type.
std::uint64_t take_s390x_table(TableMachine& m, std::uint64_t type) {
  const std::uint64_t table = m.take(16384);
  for (std::uint64_t at = 0; at < 16384; at += 8)
    m.put(table + at, 0x20 | type << 2);
  return table;
}

TEST_CASE("s390x: identity mapped, three and four levels, pages of 4 KiB, 1 MiB and 2 GiB") {
  for (const std::uint64_t type : {1, 2}) {
    CAPTURE(type);
    TableMachine m(Machine::kS390x, 0, 0, true);
    const std::uint64_t top = take_s390x_table(m, type);
    std::vector<TableLevel> levels{{31, 11}, {20, 11}, {12, 8}};
    if (type == 2) levels.insert(levels.begin(), {42, 11});
    TableBuilder tables(m, top, levels, [](std::uint64_t t, const TableLevel& level) {
      const std::uint64_t kind = level.shift == 42 ? 2 : level.shift == 31 ? 1 : 0;
      return t | kind << 2 | (kind == 0 ? 0 : 3);
    });
    char symbol[64];
    std::snprintf(symbol, sizeof symbol, "SYMBOL(swapper_pg_dir)=%llx\n",
                  static_cast<unsigned long long>(top));
    m.info = symbol;
    for (std::uint64_t mb = 0; mb < 4; ++mb)
      tables.map(mb << 20, 20, mb << 20 | 0x400);
    tables.map(0x100000000, 31, 0x80000000 | 0x404);
    tables.map(0x200005000, 12, 0x123456000);
    tables.map(0x200006000, 12, 0x400);  // invalid
    auto space = m.make();
    REQUIRE_MESSAGE(space.ok(), space.error().message);
    CHECK(paddr(**space, 0x112345) == 0x112345);
    CHECK(paddr(**space, 0x112345678) == 0x92345678);
    CHECK(paddr(**space, 0x200005008) == 0x123456008);
    CHECK_FALSE((*space)->translate(0x200006000).has_value());
    CHECK_FALSE((*space)->translate(type == 1 ? 0x300000000 : 0x80000000000).has_value());
    CHECK_FALSE((*space)->translate(0x8000000000000000).has_value());
  }
}

TEST_CASE("s390x since 6.10: the image lies apart") {
  TableMachine m(Machine::kS390x, 0, 0, true);
  const std::uint64_t top = take_s390x_table(m, 1);
  TableBuilder tables(
      m, top, {{31, 11}, {20, 11}, {12, 8}},
      [](std::uint64_t t, const TableLevel& l) { return t | (l.shift == 31 ? 7U : 0U); });
  constexpr std::uint64_t kVirtual = 0x3ffe0000000, kPhysical = 0x100000;
  for (std::uint64_t mb = 0; mb < 3; ++mb)
    tables.map(kVirtual + (mb << 20), 20, (kPhysical + (mb << 20)) | 0x400);
  char text[160];
  std::snprintf(
      text, sizeof text, "SYMBOL(swapper_pg_dir)=%llx\nKERNELOFFSET=%llx\nKERNELOFFPHYS=%llx\n",
      static_cast<unsigned long long>(top - kPhysical + kVirtual),
      static_cast<unsigned long long>(kVirtual), static_cast<unsigned long long>(kPhysical));
  m.info = text;
  auto space = m.make();
  REQUIRE_MESSAGE(space.ok(), space.error().message);
  CHECK(paddr(**space, kVirtual + 0x12345) == kPhysical + 0x12345);
}

/// Offsets are those of struct vmemmap_backing: list, phys, virt_addr.
constexpr const char* kVmemmapInfo =
    "SYMBOL(vmemmap_list)=c000000000001000\nSYMBOL(mmu_vmemmap_psize)=c000000000001010\n"
    "SYMBOL(mmu_psize_defs)=c000000000001100\nSIZE(mmu_psize_def)=72\nOFFSET(mmu_psize_def.shift)="
    "0\n"
    "SIZE(vmemmap_backing)=24\nOFFSET(vmemmap_backing.list)=0\nOFFSET(vmemmap_backing.phys)=8\n"
    "OFFSET(vmemmap_backing.virt_addr)=16\n";

TEST_CASE("ppc64 with a hash MMU: the linear map, and descriptors by the kernel's list") {
  for (const bool big_endian : {true, false}) {
    for (const bool loop : {false, true}) {
      TableMachine m(Machine::kPpc64, 0, 0xc000000000000000, big_endian);
      m.machine.page_size = 65536;
      m.info = kVmemmapInfo;
      m.put(0x1000, 0xc000000000002000);
      m.put(0x1010, 5, 4);
      m.put(0x1100 + 5 * 72, 24, 4);  // 16 MiB
      m.put(0x2000, 0xc000000000003000);
      m.put(0x2008, 0x7f000000);
      m.put(0x2010, 0xc00c000001000000);
      m.put(0x3000, loop ? 0xc000000000002000 : 0);
      m.put(0x3008, 0x3000000);
      m.put(0x3010, 0xc00c000000000000);
      auto space = m.make();
      REQUIRE_MESSAGE(space.ok(), space.error().message);
      CHECK(paddr(**space, 0xc000000012345678) == 0x12345678);
      CHECK(paddr(**space, 0xc00c000000123456) == 0x3123456);
      CHECK((*space)->translate(0xc00c000000123456)->size == 0x1000000 - 0x123456);
      CHECK(paddr(**space, 0xc00c000001123456) == 0x7f123456);
      CHECK_FALSE((*space)->translate(0xc00c000002000000).has_value());
      CHECK_FALSE((*space)->translate(0xc008000000000000).has_value());
      CHECK_FALSE((*space)->translate(0x10000000).has_value());
    }
  }
}

TEST_CASE("ppc64 with a radix MMU: big-endian tables whatever the kernel is") {
  for (const std::uint32_t page_size : {65536U, 4096U}) {
    const unsigned shift = page_size == 65536 ? 16 : 12;
    TableMachine m(Machine::kPpc64, 0, 0xc000000000000000, false);
    m.machine.page_size = page_size;
    TableBuilder tables(m, 0x10000, {{39, 13}, {30, 9}, {21, 9}, {shift, 21 - shift}},
                        [](std::uint64_t t, const TableLevel&) { return t | 1ULL << 63 | 9; });
    tables.use_big_endian();
    m.info = "SYMBOL(swapper_pg_dir)=c000000000010000\nNUMBER(RADIX_MMU)=1\n";
    tables.map(0xc00c000000000000, 21, 0xc00000007f200187);
    tables.map(0xc00c000000210000, shift, 0xc000000012340187);
    auto space = m.make();
    REQUIRE_MESSAGE(space.ok(), space.error().message);
    CHECK(paddr(**space, 0xc000000012345678) == 0x12345678);
    CHECK(paddr(**space, 0xc00c000000012345) == 0x7f212345);
    CHECK(paddr(**space, 0xc00c000000210123) == 0x12340123);
    CHECK_FALSE((*space)->translate(0xc00c000000220000).has_value());
    CHECK_FALSE((*space)->translate(0xc00c000040000000).has_value());
  }
}

TEST_CASE("ppc64: before 5.14 the processor's features tell which MMU it is") {
  TableMachine m(Machine::kPpc64, 0, 0xc000000000000000, false);
  TableBuilder tables(m, 0x10000, {{39, 13}, {30, 9}, {21, 9}, {12, 9}},
                      [](std::uint64_t t, const TableLevel&) { return t | 1ULL << 63 | 9; });
  tables.use_big_endian();
  tables.map(0xc00c000000000000, 21, 0xc00000007f200187);
  m.info =
      "SYMBOL(swapper_pg_dir)=c000000000010000\nSYMBOL(cur_cpu_spec)=c000000000001000\n"
      "OFFSET(cpu_spec.mmu_features)=36\n";
  m.put(0x1000, 0xc000000000002000);
  m.put(0x2000 + 36, 0x78000041, 4);
  auto radix = m.make();
  REQUIRE(radix.ok());
  CHECK(paddr(**radix, 0xc00c000000012345) == 0x7f212345);
  m.put(0x2000 + 36, 0x78000001, 4);
  auto hash = m.make();
  REQUIRE(hash.ok());
  CHECK_FALSE((*hash)->translate(0xc00c000000012345).has_value());
}

}  // namespace
}  // namespace mkcapture
