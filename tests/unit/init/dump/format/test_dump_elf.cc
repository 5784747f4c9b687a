// ELF cores, read back by the tests' own reader.
#include <doctest/doctest.h>

#include <algorithm>

#include "init/dump/dump.h"
#include "init/dump/format/elf_writer.h"
#include "tests/fakes/dump_reader.h"
#include "tests/fakes/fake_vmcore.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::ElfReader;
using fakes::FakeVmcore;
using fakes::MemoryOutput;

void tagged_page(std::uint64_t pfn, std::span<std::byte> page) {
  if (pfn % 3 == 0) return;
  for (std::size_t i = 0; i < page.size(); ++i)
    page[i] = static_cast<std::byte>(pfn + i / 256);
}

fakes::ReadAt reader_of(const MemoryOutput& file) {
  return [&file](std::uint64_t offset, std::size_t size) { return file.read(offset, size); };
}

DumpReport dump(FakeVmcore& vmcore, Output& output, int level) {
  fakes::NoProgress progress;
  auto report = write_dump(
      vmcore, output,
      {.choice = {.level = level, .format = DumpFormat::kElf, .codec = DumpCodec::kNone}},
      progress);
  REQUIRE_MESSAGE(report.ok(), report.error().message);
  return *report;
}

void check_bytes(const FakeVmcore& vmcore, const ElfReader& elf) {
  for (const MemoryRange& r : vmcore.machine.ranges) {
    for (std::uint64_t at = r.paddr; at < r.paddr + r.size;) {
      const std::uint64_t pfn = at / 4096;
      const std::uint64_t end = std::min((pfn + 1) * 4096, r.paddr + r.size);
      const auto bytes = elf.at(at, end - at);
      REQUIRE(bytes);
      const auto page = vmcore.page(pfn);
      if (!std::equal(bytes->begin(), bytes->end(), page.begin() + static_cast<long>(at % 4096))) {
        FAIL("bytes at " << at);
      }
      at = end;
    }
  }
}

TEST_CASE("elf: whole at level 0, zero pages as holes at level 1") {
  FakeVmcore vmcore({{0x1000, 0x9e400}, {0x100000, 0x300000}, {0x7ff80800, 0x80000}}, tagged_page);
  for (const int level : {0, 1}) {
    MemoryOutput file;
    const DumpReport report = dump(vmcore, file, level);
    const ElfReader elf(reader_of(file));
    CHECK(elf.elf_class == 64);
    CHECK(!elf.big_endian);
    CHECK(elf.type == 4);
    CHECK(elf.machine == 62);
    CHECK(elf.notes == vmcore.machine.notes);
    REQUIRE(elf.loads.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      const MemoryRange& r = vmcore.machine.ranges[i];
      CHECK(elf.loads[i].paddr == r.paddr);
      CHECK(elf.loads[i].vaddr == r.vaddr);
      CHECK(elf.loads[i].filesz == r.size);
      CHECK(elf.loads[i].memsz == r.size);
      CHECK(elf.loads[i].offset % 4096 == r.paddr % 4096);
    }
    check_bytes(vmcore, elf);
    const auto zero_page = elf.offset_of(0x102000 / 0x3000 * 0x3000 + 0x3000);
    REQUIRE(zero_page);
    CHECK(file.written(*zero_page) == (level == 0));
    CHECK(report.file_size == file.size());
    CHECK(report.bytes_written == file.bytes() - 4);  // e_flags a second time
    CHECK(file.read(48, 4) == std::vector<std::byte>(4));
    CHECK(report.pages_total == 0x9f + 0x300 + 0x81);
    CHECK(file.finished());
  }
}

TEST_CASE("elf: what the filter leaves out lies between segments, short runs are written") {
  FakeVmcore vmcore({{0x100000, 0x1000000}}, tagged_page);
  vmcore.keep = [](std::uint64_t pfn) { return (pfn < 0x400 || pfn >= 0x800) && pfn % 10 != 1; };
  vmcore.poisoned = {2061};
  MemoryOutput file;
  dump(vmcore, file, 31);
  const ElfReader elf(reader_of(file));
  REQUIRE(elf.loads.size() == 2);
  CHECK(elf.loads[0].paddr == 0x100000);
  CHECK(elf.loads[0].memsz == 0x300000);
  CHECK(elf.loads[1].paddr == 0x800000);
  CHECK(elf.loads[1].vaddr == 0xffff888000800000);
  CHECK(!elf.at(0x500000, 4096));
  CHECK(*elf.at(0x805000, 4096) == vmcore.page(0x805));
  // A hole would be zeros to a reader: what is not asked for is there, but for what cannot be read.
  CHECK_FALSE(vmcore.keep(2051));
  CHECK(*elf.at(std::uint64_t{2051} * 4096, 4096) == vmcore.page(2051));
  CHECK(!file.written(*elf.offset_of(std::uint64_t{2061} * 4096)));
}

TEST_CASE("elf: never more segments than readers take") {
  FakeVmcore vmcore({{0, std::uint64_t{700} << 20}}, [](std::uint64_t, std::span<std::byte>) {});
  vmcore.keep = [](std::uint64_t pfn) { return pfn % 20 == 0; };  // 8960 gaps of 19 pages
  MemoryOutput file;
  dump(vmcore, file, 31);
  const ElfReader elf(reader_of(file));
  CHECK(elf.loads.size() <= kMaxElfSegments);
  CHECK(elf.offset_of(20 * 4096 * 100));
}

TEST_CASE("elf: pages that cannot be read are holes") {
  FakeVmcore vmcore({{0x100000, 0x100000}}, tagged_page);
  vmcore.unreadable = {0x101, 0x14f};
  MemoryOutput file;
  const DumpReport report = dump(vmcore, file, 0);
  CHECK(report.pages_unreadable == 2);
  CHECK(report.incomplete.empty());
  const ElfReader elf(reader_of(file));
  CHECK(!file.written(*elf.offset_of(0x101000)));
  CHECK(*elf.at(0x102000, 4096) == vmcore.page(0x102));
  CHECK(*elf.at(0x150000, 4096) == vmcore.page(0x150));
}

TEST_CASE("elf: in the crashed machine's class and byte order") {
  for (const bool big_endian : {false, true}) {
    FakeVmcore vmcore({{0x100000, 0x100000}}, tagged_page);
    vmcore.machine.elf_class = big_endian ? 64 : 32;
    vmcore.machine.big_endian = big_endian;
    vmcore.machine.elf_machine = big_endian ? 22 : 3;
    vmcore.machine.ranges[0].vaddr = 0xc0100000;
    MemoryOutput file;
    dump(vmcore, file, 1);
    const ElfReader elf(reader_of(file));
    CHECK(elf.elf_class == vmcore.machine.elf_class);
    CHECK(elf.big_endian == big_endian);
    CHECK(elf.machine == vmcore.machine.elf_machine);
    REQUIRE(elf.loads.size() == 1);
    CHECK(elf.loads[0].vaddr == 0xc0100000);
    check_bytes(vmcore, elf);
  }
}

TEST_CASE("elf: 4 GiB do not fit into ELF32") {
  FakeVmcore vmcore({{0, std::uint64_t{1} << 32}}, tagged_page);
  vmcore.machine.elf_class = 32;
  MemoryOutput file;
  fakes::NoProgress progress;
  auto pages = KeptPages::create(vmcore, 0, Descriptors::kAll, progress);
  REQUIRE(pages);
  const auto report = write_elf(vmcore, *pages, file, {}, progress);
  REQUIRE_FALSE(report);
  CHECK(report.error().kind == ErrorKind::kUnavailable);
  CHECK(file.calls() == 0);
}

TEST_CASE("elf: what it cannot hold becomes a kdump dump, with the reason") {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (std::uint64_t i = 0; i <= kMaxElfSegments; ++i)
    ranges.emplace_back(i * 8192, 4096);
  FakeVmcore pieces(ranges, tagged_page);
  MemoryOutput file;
  const DumpReport report = dump(pieces, file, 1);
  CHECK(report.note == "kdump in place of elf: too many memory ranges for an ELF core");
  CHECK(file.read(0, 1)[0] == std::byte{'K'});
}

TEST_CASE("elf: a full disk leaves what was written before it") {
  FakeVmcore vmcore({{0x100000, 0x800000}}, tagged_page);
  MemoryOutput file;
  file.full_at = 0x400000;
  const DumpReport report = dump(vmcore, file, 0);
  CHECK(report.incomplete == "write: No space left on device");
  const ElfReader elf(reader_of(file));
  CHECK(*elf.at(0x140000, 4096) == vmcore.page(0x140));
  CHECK(file.read(48, 1)[0] == std::byte{1});  // e_flags: what crash calls incomplete
}

}  // namespace
}  // namespace mkcapture
