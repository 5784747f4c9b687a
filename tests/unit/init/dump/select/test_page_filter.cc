// From a vmcore to the pages that a dump keeps: sections, page tables, descriptors, cycles.
#include <doctest/doctest.h>

#include "init/dump/select/kept_pages.h"
#include "tests/fakes/described_machine.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::Described;
using fakes::SyntheticMachine;

constexpr std::uint64_t kPages = SyntheticMachine::kMemory / 4096;  // 2048

/// The page frames that the filter leaves out, asked for in cycles of `cycle` page frames.
std::vector<std::uint64_t> left_out(VmcoreSource& vmcore, int level, std::uint64_t cycle = kPages) {
  auto filter = vmcore.filter(level);
  REQUIRE(filter.ok());
  CHECK((*filter)->level() == (level & ~1));
  std::vector<std::uint64_t> pfns;
  std::vector<std::uint8_t> bits(cycle / 8);
  for (std::uint64_t first = 0; first < kPages; first += cycle) {
    REQUIRE((*filter)->keep(first, bits).ok());
    for (std::uint64_t i = 0; i < cycle; ++i) {
      if ((bits[i / 8] >> (i % 8) & 1) == 0) pfns.push_back(first + i);
    }
  }
  CHECK_MESSAGE((*filter)->note().empty(), (*filter)->note());
  return pfns;
}

std::vector<std::uint64_t> numbers(std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint64_t> v;
  for (; from < to; ++from)
    v.push_back(from);
  return v;
}

TEST_CASE("Pages are found through mem_section and the page tables, 4 and 5 levels") {
  for (const int levels : {4, 5}) {
    SyntheticMachine bare("6.1.0", levels);
    Described d(levels);
    // 5 levels: kVmemmap is in the kernel's half there too.
    d.cache(5);
    d.cache(64);
    d.cache(2047);
    const auto vmcore = d.machine.open();
    CHECK(left_out(*vmcore, 2) == std::vector<std::uint64_t>{5, 64, 2047});
    CHECK(left_out(*vmcore, 16).empty());
    CHECK(left_out(*vmcore, 0).empty());
  }
}

TEST_CASE("A block reaches over descriptors' pages and over cycles") {
  Described d;
  d.free_block(1024, 10);
  d.free_block(512, 4);
  const auto vmcore = d.machine.open();
  auto expected = numbers(512, 528);
  for (const std::uint64_t pfn : numbers(1024, 2048))
    expected.push_back(pfn);
  for (const std::uint64_t cycle : {2048, 256, 64, 8}) {
    CAPTURE(cycle);
    CHECK(left_out(*vmcore, 16, cycle) == expected);
  }
}

TEST_CASE("Only page frames with memory are judged, and none else is kept") {
  Described d;
  d.free_block(0, 3);  // its head lies in no range
  d.cache(9);
  d.machine.loads = {{.paddr = 0x1000, .size = 0x3ff000}, {.paddr = 0x500000, .size = 0x300000}};
  const auto vmcore = d.machine.open();
  std::vector<std::uint64_t> expected{0, 9};
  for (const std::uint64_t pfn : numbers(1024, 1280))
    expected.push_back(pfn);
  CHECK(left_out(*vmcore, 31) == expected);
}

TEST_CASE("Descriptors that cannot be read: their pages are kept and counted") {
  Described d;
  d.cache(5);
  d.cache(200);
  d.machine.put64(d.machine.entry_paddr(SyntheticMachine::kVmemmap + 0x1000, 12), 0);
  const auto vmcore = d.machine.open();
  auto filter = vmcore->filter(2);
  REQUIRE(filter.ok());
  std::vector<std::uint8_t> bits(kPages / 8);
  REQUIRE((*filter)->keep(0, bits).ok());
  CHECK(bits[0] == 0xdf);
  CHECK(bits[64 / 8] == 0xff);
  CHECK(bits[200 / 8] == 0xfe);
  CHECK((*filter)->note() == "64 pages kept: no page descriptor could be read");
  CHECK((*filter)->level() == 2);

  const auto report = vmcore->check_level(2);  // the note comes with the cycles
  REQUIRE(report.ok());
  CHECK(report->note == (*filter)->note());
  CHECK(report->level_reached == 2);
  CHECK(report->bytes_kept == SyntheticMachine::kMemory - 2 * 4096);
  CHECK(report->bytes_total == SyntheticMachine::kMemory);
}

TEST_CASE("Descriptors whose size does not divide a page, in pages that lie apart") {
  Described d;
  // 56 bytes each: descriptor 73 crosses the first page's end (4088 to 4144).
  d.machine.info("SIZE(page)=56\nOFFSET(page._mapcount)=44\nOFFSET(page._refcount)=48");
  const std::uint64_t apart = d.machine.take_page();
  d.machine.map(SyntheticMachine::kVmemmap + 0x1000, apart);
  d.machine.put64(d.array + 72 * 56, Described::kLru);
  d.machine.put64(apart + 48, 0);
  d.machine.put64(d.array + 73 * 56, Described::kLru);  // flags: the last 8 bytes of the first page
  d.machine.put64(apart + 48 + 56, Described::kLru);    // descriptor 75: 74 begins at 4144
  const auto vmcore = d.machine.open();
  CHECK(left_out(*vmcore, 2) == std::vector<std::uint64_t>{72, 73, 75});
}

TEST_CASE("Section maps that lead anywhere keep every page") {
  const auto kept = [](std::uint64_t section_map) {
    Described d;
    d.cache(5);
    d.machine.put64(SyntheticMachine::image_paddr(0x9000), section_map);
    const auto vmcore = d.machine.open();
    auto filter = vmcore->filter(31);
    REQUIRE(filter.ok());
    std::vector<std::uint8_t> bits(kPages / 8);
    REQUIRE((*filter)->keep(0, bits).ok());
    for (const std::uint8_t byte : bits)
      CHECK(byte == 0xff);
    CHECK((*filter)->note().find("2048 pages kept") != std::string::npos);
  };
  kept(0);
  kept(SyntheticMachine::kVmemmap | 2);  // not present
  kept(SyntheticMachine::kVmemmap | 1);  // no map
  kept(0xffffffffffffffff);
  kept(0x0000123456789003);
  kept(0xffffffff80000003);  // the kernel's image, below its memory
}

TEST_CASE("Memory that was added and is not online is in no dump") {
  const auto sections = [](std::uint64_t first, std::uint64_t second) {
    Described d;
    auto& info = d.machine.vmcoreinfo;  // two sections of 4 MiB
    info.replace(info.find("NUMBER(SECTION_SIZE_BITS)=27"), 28, "NUMBER(SECTION_SIZE_BITS)=22");
    info.replace(info.find("NUMBER(MAX_PHYSMEM_BITS)=46"), 27, "NUMBER(MAX_PHYSMEM_BITS)=41");
    d.machine.put64(SyntheticMachine::image_paddr(0x9000), SyntheticMachine::kVmemmap | first);
    d.machine.put64(SyntheticMachine::image_paddr(0x9020), SyntheticMachine::kVmemmap | second);
    d.cache(5);
    d.cache(1500);
    return d.machine.open();
  };
  CHECK(left_out(*sections(0xf, 0xf), 2) == std::vector<std::uint64_t>{5, 1500});
  for (const int level : {0, 16})
    CHECK(left_out(*sections(0xf, 0xb), level) == numbers(1024, 2048));
  // A kernel that marks no section, not even its own.
  CHECK(left_out(*sections(0xb, 0xb), 2) == std::vector<std::uint64_t>{5, 1500});
  CHECK(left_out(*sections(0xb, 0xf), 2) == std::vector<std::uint64_t>{5, 1500});
}

TEST_CASE("Memory models that cannot be are named") {
  const auto note = [](const char* line) {
    Described d;
    d.machine.info(line);
    auto filter = d.machine.open()->filter(31);
    REQUIRE(filter.ok());
    CHECK((*filter)->level() == 0);
    return (*filter)->note();
  };
  CHECK(note("LENGTH(mem_section)=77") ==
        "all of memory kept: VMCOREINFO's number of memory sections fits no memory model");
  CHECK(note("NUMBER(SECTION_SIZE_BITS)=12") ==
        "all of memory kept: VMCOREINFO's layout of mem_section is impossible");
  CHECK(note("NUMBER(MAX_PHYSMEM_BITS)=200") ==
        "all of memory kept: VMCOREINFO's layout of mem_section is impossible");
  CHECK(note("SIZE(mem_section)=4") ==
        "all of memory kept: VMCOREINFO's layout of mem_section is impossible");
}

TEST_CASE("One array of sections, without roots") {
  Described d;
  d.cache(5);
  d.machine.put64(SyntheticMachine::image_paddr(0x8000), SyntheticMachine::kVmemmap | 3);
  d.machine.info("LENGTH(mem_section)=524288");  // 2^(46 - 27)
  CHECK(left_out(*d.machine.open(), 2) == std::vector<std::uint64_t>{5});
}

TEST_CASE("Kernels before 5.13 do not tell the size of a section: it is the machine's usual one") {
  Described d;
  d.cache(5);
  for (const char* key : {"NUMBER(SECTION_SIZE_BITS)=27", "NUMBER(MAX_PHYSMEM_BITS)=46"}) {
    const std::size_t at = d.machine.vmcoreinfo.find(key);
    REQUIRE(at != std::string::npos);
    d.machine.vmcoreinfo.replace(at, 6, "NOTHING");
  }
  CHECK(left_out(*d.machine.open(), 2) == std::vector<std::uint64_t>{5});
}

TEST_CASE("Bits of a section that are not told and are not the usual ones follow from the count") {
  struct Case {
    const char* missing;  // besides MAX_PHYSMEM_BITS or instead of it
    std::uint64_t size_bits, physmem_bits;
  };
  for (const auto& [missing, size_bits, physmem_bits] :
       {Case{"MAX_PHYSMEM_BITS", 27, 47}, Case{"MAX_PHYSMEM_BITS", 27, 51},
        Case{"MAX_PHYSMEM_BITS", 27, 52}, Case{"SECTION_SIZE_BITS", 24, 46},
        Case{"SECTION_SIZE_BITS", 30, 46}}) {
    CAPTURE(physmem_bits);
    CAPTURE(size_bits);
    Described d;
    d.cache(5);
    d.machine.info("NUMBER(SECTION_SIZE_BITS)=" + std::to_string(size_bits));
    d.machine.info("NUMBER(MAX_PHYSMEM_BITS)=" + std::to_string(physmem_bits));
    std::string& info = d.machine.vmcoreinfo;
    for (std::size_t at; (at = info.find(std::string("NUMBER(") + missing)) != std::string::npos;)
      info.replace(at, 6, "NOTHING");
    const std::uint64_t roots = (std::uint64_t{1} << (physmem_bits - size_bits)) / (4096 / 32);
    d.machine.info("LENGTH(mem_section)=" + std::to_string(roots));
    CHECK(left_out(*d.machine.open(), 2) == std::vector<std::uint64_t>{5});
  }
}

TEST_CASE("FLATMEM: one map from the node's first page frame on") {
  Described d;
  d.machine.vmcoreinfo.replace(d.machine.vmcoreinfo.find("SYMBOL(mem_section)"), 19,
                               "SYMBOL(nothing_here)");
  d.machine.symbol("contig_page_data", SyntheticMachine::image(0xa000));
  d.machine.info(
      "OFFSET(pglist_data.node_mem_map)=16\nOFFSET(pglist_data.node_start_pfn)=24\n"
      "OFFSET(pglist_data.node_spanned_pages)=32");
  const std::uint64_t node = SyntheticMachine::image_paddr(0xa000);
  d.machine.put64(node + 16, SyntheticMachine::kVmemmap + 256 * 64);
  d.machine.put64(node + 24, 256);
  d.machine.put64(node + 32, 1792);
  d.cache(300);
  d.machine.loads = {{.paddr = 256 * 4096, .size = 1792 * 4096}};
  auto expected = numbers(0, 256);
  expected.push_back(300);
  CHECK(left_out(*d.machine.open(), 2) == expected);
}

}  // namespace
}  // namespace mkcapture
