// Address translation of i386 and arm.
#include <doctest/doctest.h>

#include "init/dump/kernel/page_map.h"
#include "tests/fakes/table_builder.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::paddr;
using fakes::TableBuilder;
using fakes::TableMachine;

TEST_CASE("i386: pages of 4 KiB and 4 MiB, above 4 GiB by PSE-36") {
  for (const std::uint64_t load_vaddr : {0xc0000000ULL, 0ULL}) {  // 0: the header does not know
    TableMachine m(Machine::kI386, 0, load_vaddr);
    TableBuilder tables(
        m, 0x1000, {{22, 10}, {12, 10}},
        [](std::uint64_t t, const TableLevel&) { return t | 0x63; }, 4);
    m.info = "SYMBOL(swapper_pg_dir)=c0001000\n";
    tables.map(0xc0000000, 22, 0x000000e3);
    tables.map(0xf0005000, 12, 0x00abc163);
    tables.map(0xf4000000, 22, 0x00800000 | 0x12 << 13 | 0xe3);
    auto space = m.make();
    REQUIRE_MESSAGE(space.ok(), space.error().message);
    CHECK(paddr(**space, 0xc0123456) == 0x123456);
    CHECK((*space)->translate(0xc0123456)->size == 0x400000 - 0x123456);
    CHECK(paddr(**space, 0xf0005123) == 0xabc123);
    CHECK((*space)->translate(0xf0005123)->size == 0xedd);
    CHECK(paddr(**space, 0xf4123456) == 0x1200923456);
    CHECK_FALSE((*space)->translate(0xf0006000).has_value());
    CHECK_FALSE((*space)->translate(0xe0000000).has_value());
    CHECK_FALSE((*space)->translate(0x1c0123456).has_value());
    CHECK((*space)->sparse_bits().max_physmem == 32);
  }
}

TEST_CASE("i386 with PAE: memory above 4 GiB, 2 MiB pages, NX") {
  TableMachine m(Machine::kI386, 0, 0xc0000000);
  TableBuilder tables(m, 0x1000, {{30, 2}, {21, 9}, {12, 9}},
                      [](std::uint64_t t, const TableLevel&) { return t | 0x1; });
  m.info = "SYMBOL(swapper_pg_dir)=c0001000\nCONFIG_X86_PAE=y\n";
  tables.map(0xc0000000, 21, 0x000000e3);
  tables.map(0xc0203000, 12, 0x8000000123456163);
  tables.map(0xf0000000, 21, 0x80000007654001e3);
  auto space = m.make();
  REQUIRE_MESSAGE(space.ok(), space.error().message);
  CHECK(paddr(**space, 0xc0001000) == 0x1000);
  CHECK(paddr(**space, 0xc0203008) == 0x123456008);
  CHECK(paddr(**space, 0xf0012345) == 0x765412345);
  CHECK_FALSE((*space)->translate(0xc0204000).has_value());
  CHECK((*space)->sparse_bits().max_physmem == 36);
}

TEST_CASE("i386: a table that does not map itself is not the kernel's") {
  TableMachine m(Machine::kI386, 0, 0xc0000000);
  m.info = "SYMBOL(swapper_pg_dir)=c0001000\n";
  auto space = m.make();
  REQUIRE_FALSE(space.ok());
  CHECK(space.error().message == kNoTopTable);
  m.info.clear();
  CHECK_FALSE(m.make().ok());
}

TEST_CASE("arm: sections, supersections, pages of 4 and 64 KiB") {
  TableMachine m(Machine::kArm, 0x80000000, 0xc0000000);
  TableBuilder tables(
      m, 0x80004000, {{20, 12}, {12, 8}},
      [](std::uint64_t t, const TableLevel&) { return t | 0x1; }, 4);
  m.info = "SYMBOL(swapper_pg_dir)=c0004000\n";
  tables.map(0xc0000000, 20, 0x80000c02);
  tables.map(0xf0005000, 12, 0x80abc45f);
  for (std::uint64_t i = 0; i < 16; ++i)
    tables.map(0xf0010000 + i * 0x1000, 12, 0x90050c05);
  for (std::uint64_t i = 0; i < 16; ++i)
    tables.map(0xf1000000 + (i << 20), 20, 0xa5000000 | 3 << 20 | 1 << 18 | 2);
  auto space = m.make();
  REQUIRE_MESSAGE(space.ok(), space.error().message);
  CHECK(paddr(**space, 0xc0012345) == 0x80012345);
  CHECK(paddr(**space, 0xf0005123) == 0x80abc123);
  CHECK(paddr(**space, 0xf0012345) == 0x90052345);
  CHECK(paddr(**space, 0xf1312345) == 0x3a5312345);
  CHECK_FALSE((*space)->translate(0xf0006000).has_value());
  CHECK_FALSE((*space)->translate(0xd0000000).has_value());
  CHECK(phys_base_of(m.machine, Vmcoreinfo(m.info)) == 0x80000000);
}

TEST_CASE("arm with LPAE: memory above 4 GiB") {
  TableMachine m(Machine::kArm, 0x40000000, 0xc0000000);
  TableBuilder tables(m, 0x40003000, {{30, 2}, {21, 9}, {12, 9}},
                      [](std::uint64_t t, const TableLevel&) { return t | 0x3; });
  m.info = "SYMBOL(swapper_pg_dir)=c0003000\nCONFIG_ARM_LPAE=y\n";
  tables.map(0xc0000000, 21, 0x40000711);
  tables.map(0xff201000, 12, 0x00400008abcd0f13);
  tables.map(0xff202000, 12, 0x40000711);  // a block where a page must be
  auto space = m.make();
  REQUIRE_MESSAGE(space.ok(), space.error().message);
  CHECK(paddr(**space, 0xc0012345) == 0x40012345);
  CHECK(paddr(**space, 0xff201008) == 0x8abcd0008);
  CHECK_FALSE((*space)->translate(0xff202000).has_value());
  CHECK(phys_base_of(m.machine, Vmcoreinfo(m.info)) == 0x40000000);
}

TEST_CASE("32 bits: a section's map is kept as a difference modulo 2^32") {
  TableMachine m(Machine::kI386, 0, 0xc0000000);
  TableBuilder tables(m, 0x1000, {{30, 2}, {21, 9}, {12, 9}},
                      [](std::uint64_t t, const TableLevel&) { return t | 0x1; });
  tables.map(0xc0000000, 21, 0x000000e3);
  m.info =
      "SYMBOL(swapper_pg_dir)=c0001000\nCONFIG_X86_PAE=y\nSYMBOL(mem_section)=c0005000\n"
      "LENGTH(mem_section)=128\nSIZE(mem_section)=8\nOFFSET(mem_section.section_mem_map)=0\n"
      "SIZE(page)=32\n";
  // Section 8, page frames from 0x100000 on: its map at 0xc0008000, less 32 bytes for each.
  m.put(0x5000 + 8 * 8, ((0xc0008000 - 0x100000ULL * 32) & 0xffffffff) | 3, 4);
  auto space = m.make();
  REQUIRE_MESSAGE(space.ok(), space.error().message);
  KernelMemory kernel(**space, m.memory(), Fields(32, false));
  auto map = make_page_map(Vmcoreinfo(m.info), 4096, (*space)->sparse_bits(), kernel);
  REQUIRE_MESSAGE(map.ok(), map.error().message);
  CHECK((*map)->find(0x100000).address == 0xc0008000);
  CHECK((*map)->find(0x100003).address == 0xc0008060);
  CHECK((*map)->find(0x0fffff).address == 0);
}

}  // namespace
}  // namespace mkcapture
