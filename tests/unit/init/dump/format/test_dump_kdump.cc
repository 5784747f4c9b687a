// The kdump and flattened formats, read back by the tests' own reader.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "init/dump/dump.h"
#include "tests/fakes/dump_reader.h"
#include "tests/fakes/fake_vmcore.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::FakeVmcore;
using fakes::KdumpReader;
using fakes::MemoryOutput;

/// Every third page zero, every fifth incompressible, the rest text-like.
void mixed_page(std::uint64_t pfn, std::span<std::byte> page) {
  if (pfn % 3 == 0) return;
  std::uint64_t x = pfn * 0x9e3779b97f4a7c15 + 1;
  for (std::size_t i = 0; i < page.size(); ++i) {
    if (pfn % 5 == 0) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
      page[i] = static_cast<std::byte>(x);
    } else {
      page[i] = static_cast<std::byte>((pfn >> (i % 8)) + i / 64);
    }
  }
}

/// Two ranges; the first ends, the second begins inside of a page.
FakeVmcore small_machine() {
  return FakeVmcore({{0x1000, 0x9e400}, {0x100000, 0x300000}, {0x7ff80800, 0x80000}}, mixed_page);
}

fakes::ReadAt reader_of(const MemoryOutput& file) {
  return [&file](std::uint64_t offset, std::size_t size) { return file.read(offset, size); };
}

DumpReport dump(FakeVmcore& vmcore, Output& output, const DumpOptions& options) {
  fakes::NoProgress progress;
  auto report = write_dump(vmcore, output, options, progress);
  REQUIRE_MESSAGE(report.ok(), report.error().message);
  return *report;
}

/// Compares every page frame of the machine with the dump.
void check_pages(const FakeVmcore& vmcore, const KdumpReader& dump, bool filtered) {
  for (std::uint64_t pfn = 0; pfn < vmcore.machine.max_pfn; ++pfn) {
    if (dump.block == 4096 && pfn == 0x500) pfn = 0x7ff00;  // nothing there
    const bool there = vmcore.present(pfn);
    const bool kept = there && (!filtered || !vmcore.keep || vmcore.keep(pfn));
    if (dump.present(pfn) != there || dump.kept(pfn) != kept) {
      FAIL("bits of page frame " << pfn);
    }
    if (!kept) continue;
    const auto page = dump.page(pfn);
    if (vmcore.unreadable.contains(pfn)) {
      if (page) FAIL("bytes of page frame " << pfn << ", which cannot be read");
      continue;
    }
    if (!page || *page != vmcore.page(pfn)) FAIL("bytes of page frame " << pfn);
  }
}

TEST_CASE("kdump: headers as the format has them") {
  FakeVmcore vmcore = small_machine();
  vmcore.machine.phys_base = 0x12345000;
  MemoryOutput file;
  const DumpReport report =
      dump(vmcore, file,
           {.choice = {.level = 1, .format = DumpFormat::kKdump, .codec = DumpCodec::kZstd}});
  const KdumpReader r(reader_of(file), true, false);
  CHECK(r.version == 6);
  CHECK(r.status == 0x20);
  CHECK(r.block == 4096);
  CHECK(r.nr_cpus == 2);
  CHECK(r.seconds == 1700000000);
  CHECK(r.sysname == "Linux");
  CHECK(r.nodename == "fake");
  CHECK(r.release == "6.1.0-fake");
  CHECK(r.machine == "x86_64");
  CHECK(r.phys_base == 0x12345000);
  CHECK(r.dump_level == 1);
  CHECK(r.max_mapnr == vmcore.machine.max_pfn);
  CHECK(r.vmcoreinfo == vmcore.machine.vmcoreinfo);
  CHECK(r.notes == vmcore.machine.notes);
  CHECK(report.incomplete.empty());
  CHECK(report.file_size == file.size());
  CHECK(report.bytes_written <= file.bytes());
  CHECK(file.finished());
}

TEST_CASE("kdump: every page comes back, with each codec and number of threads") {
  for (const DumpCodec codec : {DumpCodec::kNone, DumpCodec::kZlib, DumpCodec::kLzo,
                                DumpCodec::kSnappy, DumpCodec::kZstd}) {
    for (const int threads : {1, 2, 5}) {
      CAPTURE(static_cast<int>(codec));
      CAPTURE(threads);
      FakeVmcore vmcore = small_machine();
      MemoryOutput file;
      const DumpReport report =
          dump(vmcore, file,
               {.choice = {.level = 1, .format = DumpFormat::kKdump, .codec = codec},
                .threads = threads});
      CHECK(report.threads == threads);
      const KdumpReader r(reader_of(file), true, false);
      check_pages(vmcore, r, false);
      std::uint64_t present = 0;
      std::uint64_t zero = 0;
      for (std::uint64_t pfn = 0; pfn < vmcore.machine.max_pfn; ++pfn) {
        if (!vmcore.present(pfn)) continue;
        ++present;
        zero += vmcore.page(pfn) == fakes::Bytes(4096) ? 1 : 0;
      }
      CHECK(report.pages_total == present);
      CHECK(report.pages_saved == present - zero);
      CHECK(report.pages_unreadable == 0);
    }
  }
}

TEST_CASE("kdump: the same bytes whatever the number of threads") {
  FakeVmcore vmcore = small_machine();
  MemoryOutput one;
  MemoryOutput four;
  DumpOptions options{
      .choice = {.level = 1, .format = DumpFormat::kKdump, .codec = DumpCodec::kLzo}};
  dump(vmcore, one, options);
  options.threads = 4;
  dump(vmcore, four, options);
  REQUIRE(one.size() == four.size());
  CHECK(one.read(0, one.size()) == four.read(0, four.size()));
}

TEST_CASE("kdump: zero pages share one page at level 1, and are stored at level 0") {
  FakeVmcore vmcore = small_machine();
  MemoryOutput shared;
  MemoryOutput whole;
  DumpOptions options{
      .choice = {.level = 1, .format = DumpFormat::kKdump, .codec = DumpCodec::kNone}};
  dump(vmcore, shared, options);
  options.choice.level = 0;
  dump(vmcore, whole, options);
  const KdumpReader a(reader_of(shared), true, false);
  const KdumpReader b(reader_of(whole), true, false);
  CHECK(a.descriptor(3).offset == a.descriptor(6).offset);
  CHECK(b.descriptor(3).offset != b.descriptor(6).offset);
  CHECK(shared.size() < whole.size());
  check_pages(vmcore, b, false);
}

TEST_CASE("kdump: thousands of zero pages behind a page that fills no block") {
  const auto mostly_zeros = [](std::uint64_t pfn, std::span<std::byte> page) {
    if (pfn % 9000 == 5) std::fill(page.begin(), page.end(), std::byte{7});
  };
  for (const bool seekable : {true, false}) {
    FakeVmcore vmcore({{0, 27000 * 4096}}, mostly_zeros);
    MemoryOutput file(seekable);
    const DumpReport report =
        dump(vmcore, file,
             {.choice = {.level = 1, .format = DumpFormat::kKdump, .codec = DumpCodec::kZstd}});
    CHECK(report.pages_saved == 3);
    const auto flat = seekable ? fakes::Unflattened() : fakes::unflatten(file.read(0, file.size()));
    const KdumpReader r([&](std::uint64_t o,
                            std::size_t n) { return seekable ? file.read(o, n) : flat.read(o, n); },
                        true, false);
    for (std::uint64_t pfn = 0; pfn < 27000; ++pfn) {
      const auto page = r.page(pfn);
      if (!page || (*page)[0] != std::byte{pfn % 9000 == 5 ? std::uint8_t{7} : std::uint8_t{0}})
        FAIL("page frame " << pfn);
    }
  }
}

TEST_CASE("kdump: pages that cannot be compressed are stored as they are") {
  FakeVmcore vmcore = small_machine();
  for (const DumpCodec codec :
       {DumpCodec::kZlib, DumpCodec::kLzo, DumpCodec::kSnappy, DumpCodec::kZstd}) {
    MemoryOutput file;
    dump(vmcore, file, {.choice = {.level = 1, .format = DumpFormat::kKdump, .codec = codec}});
    const KdumpReader r(reader_of(file), true, false);
    CHECK(r.descriptor(5).flags == 0);
    CHECK(r.descriptor(5).size == 4096);
    CHECK(r.descriptor(4).flags != 0);
    CHECK(r.descriptor(4).size < 4096);
  }
}

TEST_CASE("kdump: every level of a codec makes pages smaller, and they come back") {
  FakeVmcore vmcore({{0, 0x10000}}, [](std::uint64_t pfn, std::span<std::byte> page) {
    for (std::size_t i = 0; i < page.size(); ++i)
      page[i] = static_cast<std::byte>(i % 16 < 8 ? i / 256 + pfn : i % 16);
  });
  for (const DumpCodec codec : {DumpCodec::kZstd, DumpCodec::kZlib}) {
    for (int level = 1; level <= (codec == DumpCodec::kZstd ? 19 : 9); ++level) {
      CAPTURE(level);
      MemoryOutput file;
      dump(vmcore, file,
           {.choice = {.level = 1, .format = DumpFormat::kKdump, .codec = codec},
            .codec_level = level});
      const KdumpReader r(reader_of(file), true, false);
      check_pages(vmcore, r, false);
      for (std::uint64_t pfn = 0; pfn < 16; ++pfn)
        CHECK(r.descriptor(pfn).size < 1024);
    }
  }
}

TEST_CASE("kdump: what the filter leaves out has no bit") {
  FakeVmcore vmcore = small_machine();
  vmcore.keep = [](std::uint64_t pfn) { return pfn % 7 != 2 && (pfn < 0x180 || pfn > 0x1c0); };
  vmcore.filter_level = 0b01110;
  vmcore.filter_note = "free pages are kept: not known";
  for (const int threads : {1, 3}) {
    MemoryOutput file;
    const DumpReport report =
        dump(vmcore, file,
             {.choice = {.level = 31, .format = DumpFormat::kKdump, .codec = DumpCodec::kZstd},
              .threads = threads});
    const KdumpReader r(reader_of(file), true, false);
    check_pages(vmcore, r, true);
    CHECK(report.level_reached == 0b01111);
    CHECK(report.note == vmcore.filter_note);
    CHECK(r.dump_level == 0b01111);
  }
}

TEST_CASE("kdump: pages that cannot be read are an error for readers, and counted") {
  FakeVmcore vmcore = small_machine();
  vmcore.unreadable = {2, 0x102, 0x103, 0x203, 0x7ff90};
  for (const DumpFormat format : {DumpFormat::kKdump, DumpFormat::kFlat}) {
    for (const int threads : {1, 2}) {
      MemoryOutput file(format == DumpFormat::kKdump);
      const DumpReport report =
          dump(vmcore, file,
               {.choice = {.level = 1, .format = format, .codec = DumpCodec::kZstd},
                .threads = threads});
      CHECK(report.pages_unreadable == 5);
      CHECK(report.incomplete.empty());
      const auto flat = format == DumpFormat::kFlat ? fakes::unflatten(file.read(0, file.size()))
                                                    : fakes::Unflattened();
      const fakes::ReadAt read =
          format == DumpFormat::kFlat
              ? [&](std::uint64_t o, std::size_t n) { return flat.read(o, n); }
              : reader_of(file);
      check_pages(vmcore, KdumpReader(read, true, false), false);
    }
  }
}

TEST_CASE("kdump: windows that give little at once") {
  FakeVmcore vmcore = small_machine();
  vmcore.most_bytes_at_once = 3 * 4096 + 100;
  MemoryOutput file;
  dump(vmcore, file,
       {.choice = {.level = 1, .format = DumpFormat::kKdump, .codec = DumpCodec::kLzo}});
  check_pages(vmcore, KdumpReader(reader_of(file), true, false), false);
}

TEST_CASE("kdump: in the crashed machine's word size, byte order and page size") {
  struct Form {
    Machine machine;
    int elf_class;
    bool big_endian, padded;
    std::uint32_t page_size;
  };
  for (const Form& f :
       {Form{Machine::kS390x, 64, true, true, 4096}, Form{Machine::kI386, 32, false, false, 4096},
        Form{Machine::kArm, 32, false, true, 4096}, Form{Machine::kArm64, 64, false, true, 65536},
        Form{Machine::kPpc64, 64, true, true, 65536}}) {
    CAPTURE(static_cast<int>(f.machine));
    FakeVmcore vmcore({{0x10000, 0x200000}, {0x400000, 0x100000}}, mixed_page);
    vmcore.machine.machine = f.machine;
    vmcore.machine.elf_class = vmcore.machine.word_bits = f.elf_class;
    vmcore.machine.big_endian = f.big_endian;
    vmcore.machine.page_size = f.page_size;
    vmcore.machine.max_pfn = 0x500000 / f.page_size;
    vmcore.machine.notes.clear();
    fakes::add_note(vmcore.machine.notes, f.big_endian, "CORE", 1, std::string(100, 'x'));
    fakes::add_note(vmcore.machine.notes, f.big_endian, "VMCOREINFO", 0, vmcore.machine.vmcoreinfo);
    for (const DumpCodec codec : {DumpCodec::kZstd, DumpCodec::kZlib}) {
      MemoryOutput file;
      dump(vmcore, file,
           {.choice = {.level = 1, .format = DumpFormat::kKdump, .codec = codec}, .threads = 2});
      const KdumpReader r(reader_of(file), f.elf_class == 64, f.big_endian, f.padded);
      CHECK(r.block == f.page_size);
      CHECK(r.nr_cpus == 1);
      CHECK(r.max_mapnr == vmcore.machine.max_pfn);
      CHECK(r.vmcoreinfo == vmcore.machine.vmcoreinfo);
      check_pages(vmcore, r, false);
    }
  }
}

TEST_CASE("kdump: arm counts page frames from where memory begins") {
  FakeVmcore vmcore({{0x40000000, 0x200000}, {0x50000000, 0x100000}}, mixed_page);
  vmcore.machine.machine = Machine::kArm;
  vmcore.machine.elf_class = vmcore.machine.word_bits = 32;
  vmcore.machine.phys_base = 0x40000000;
  for (const std::uint64_t phys_base : {0x40000000, 0x30000000}) {
    CAPTURE(phys_base);
    vmcore.machine.phys_base = phys_base;
    const std::uint64_t first = phys_base / 4096;
    for (const bool can_seek : {true, false}) {
      MemoryOutput file(can_seek);
      dump(vmcore, file, {});
      const auto flat =
          can_seek ? fakes::Unflattened() : fakes::unflatten(file.read(0, file.size()));
      const KdumpReader r(
          can_seek ? reader_of(file)
                   : [&](std::uint64_t o, std::size_t n) { return flat.read(o, n); },
          false, false);
      CHECK(r.phys_base == phys_base);
      CHECK(r.max_mapnr == 0x50100 - first);
      CHECK(r.present(0x40000 - first));
      if (first < 0x40000) CHECK_FALSE(r.present(0));
      CHECK_FALSE(r.present(0x40200 - first));
      CHECK(*r.page(0x40001 - first) == vmcore.page(0x40001));
      CHECK(*r.page(0x50002 - first) == vmcore.page(0x50002));
    }
  }
}

TEST_CASE("flat: the same dump as records, each byte once") {
  FakeVmcore vmcore = small_machine();
  for (const DumpFormat format : {DumpFormat::kFlat, DumpFormat::kKdump}) {  // kdump into a pipe
    MemoryOutput pipe(false);
    const DumpReport report =
        dump(vmcore, pipe,
             {.choice = {.level = 1, .format = format, .codec = DumpCodec::kZstd}, .threads = 2});
    CHECK(report.incomplete.empty());
    const auto flat = fakes::unflatten(pipe.read(0, pipe.size()));
    CHECK(flat.ended);
    std::uint64_t end = 0;
    for (const auto& [offset, data] : flat.records) {
      CHECK(offset >= end);
      end = offset + data.size();
    }
    const KdumpReader r([&](std::uint64_t o, std::size_t n) { return flat.read(o, n); }, true,
                        false);
    CHECK(r.status == 0x20);
    check_pages(vmcore, r, false);
  }
}

TEST_CASE("flat: once a write has failed nothing more goes into the stream") {
  FakeVmcore vmcore = small_machine();
  MemoryOutput whole(false);
  const DumpOptions options{
      .choice = {.level = 1, .format = DumpFormat::kFlat, .codec = DumpCodec::kZstd}};
  dump(vmcore, whole, options);
  REQUIRE(whole.calls() > 10);
  for (std::uint64_t call = 1; call <= whole.calls(); ++call) {
    CAPTURE(call);
    MemoryOutput pipe(false);
    pipe.fail_at_call = call;
    fakes::NoProgress progress;
    const auto report = write_dump(vmcore, pipe, options, progress);
    CHECK((!report || report->incomplete == "write: Input/output error"));
    CHECK(pipe.calls() == call);
    CHECK_FALSE(pipe.finished());
    if (call > 1) CHECK_FALSE(fakes::unflatten(pipe.read(0, pipe.size())).ended);
  }
}

/// What a dump that ended early must be: marked, and right in everything that can be read.
void check_incomplete(const FakeVmcore& vmcore, const MemoryOutput& file,
                      const DumpReport& report) {
  const KdumpReader r(reader_of(file), true, false);
  CHECK((r.status & 0x8) != 0);
  std::uint64_t readable = 0;
  for (std::uint64_t pfn = 0; pfn < vmcore.machine.max_pfn; ++pfn) {
    if (pfn == 0x500) pfn = 0x7ff00;
    if (!r.kept(pfn)) continue;
    const auto page = r.page(pfn);
    if (!page) continue;
    if (*page != vmcore.page(pfn)) FAIL("bytes of page frame " << pfn);
    ++readable;
  }
  CHECK(readable >= report.pages_saved);
}

TEST_CASE("kdump: a full disk at each stage leaves a dump that can be read as far as it came") {
  FakeVmcore vmcore({{0x1000, 0x9e400}, {0x200000, 0xb0000}}, mixed_page);
  MemoryOutput whole;
  DumpOptions options{
      .choice = {.level = 0, .format = DumpFormat::kKdump, .codec = DumpCodec::kNone}};
  dump(vmcore, whole, options);
  std::uint64_t most_saved = 0;
  for (std::uint64_t calls = 1; calls <= whole.calls(); ++calls) {
    for (const int threads : {1, 2}) {
      CAPTURE(calls);
      options.threads = threads;
      MemoryOutput file;
      file.fail_at_call = calls;
      fakes::NoProgress progress;
      const auto report = write_dump(vmcore, file, options, progress);
      if (!report) continue;  // nothing usable: the headers or bitmaps did not get there
      CHECK(report->incomplete == "write: Input/output error");
      check_incomplete(vmcore, file, *report);
      if (report->pages_saved > most_saved) most_saved = report->pages_saved;
    }
  }
  CHECK(most_saved > 300);

  MemoryOutput file;
  file.full_at = whole.bytes() / 2;
  fakes::NoProgress progress;
  options.threads = 1;
  const auto report = write_dump(vmcore, file, options, progress);
  REQUIRE(report.ok());
  CHECK(report->incomplete == "write: No space left on device");
  CHECK(report->pages_saved > 100);
}

TEST_CASE("kdump: a full disk leaves no descriptor of a page that is not there") {
  // Two of three pages are zero: they share one, and their descriptors come between the others'.
  FakeVmcore vmcore({{0x100000, 0x4000000}}, [](std::uint64_t pfn, std::span<std::byte> page) {
    if (pfn % 3 == 0) mixed_page(pfn * 5 + 5, page);
  });
  MemoryOutput whole;
  const DumpOptions options{
      .choice = {.level = 1, .format = DumpFormat::kKdump, .codec = DumpCodec::kNone}};
  dump(vmcore, whole, options);
  for (const std::uint64_t call : {whole.calls() / 3, whole.calls() * 2 / 3, whole.calls() - 4}) {
    CAPTURE(call);
    MemoryOutput file;
    file.fail_at_call = call;
    fakes::NoProgress progress;
    const auto report = write_dump(vmcore, file, options, progress);
    REQUIRE(report);
    const KdumpReader r(reader_of(file), true, false);
    bool ended = false;
    std::uint64_t saved = 0;
    for (std::uint64_t pfn = 0x100; pfn < vmcore.machine.max_pfn; ++pfn) {
      const auto d = r.descriptor(pfn);
      ended = ended || d.size == 0;
      if (ended != (d.size == 0)) FAIL("a gap in the descriptors before page frame " << pfn);
      if (ended) continue;
      if (!file.written(d.offset) || !file.written(d.offset + d.size - 1))
        FAIL("page frame " << pfn << " is not there");
      if (pfn % 3 == 0 && pfn % 15 != 0) ++saved;
    }
    CHECK(report->pages_saved >= saved);
  }
}

TEST_CASE("kdump: memory far up takes no room for what lies between") {
  FakeVmcore vmcore({{0x100000, 0x100000}, {0x10000000000, 0x100000}}, mixed_page);
  const DumpOptions options{
      .choice = {.level = 1, .format = DumpFormat::kKdump, .codec = DumpCodec::kZstd}};
  MemoryOutput file;
  dump(vmcore, file, options);
  CHECK(file.size() > 64 << 20);  // of bitmaps
  CHECK(file.allocated() < 1 << 20);
  const KdumpReader r(reader_of(file), true, false);
  CHECK(r.kept(0x10000000));
  CHECK(*r.page(0x10000001) == vmcore.page(0x10000001));

  // A disk that will not set aside all or anything of what is asked for still takes the dump.
  for (const std::uint64_t most : {std::uint64_t{0}, std::uint64_t{4096}}) {
    MemoryOutput full;
    full.most_reserved = most;
    CHECK(dump(vmcore, full, options).incomplete.empty());
  }

  // A device writes zeros over what lies between, a step at a time, each of them a sign of life.
  FakeVmcore far({{0x100000, 0x100000}, {0x202000000000, 0x100000}}, mixed_page);
  MemoryOutput device;
  dump(far, device, options);
  CHECK(device.size() > std::uint64_t{2} << 30);
  CHECK(device.longest_gap() <= 64 << 20);
  CHECK(device.allocated() < 2 << 20);
}

TEST_CASE("kdump: each pass is seen to move, however long nothing is written") {
  // 3 TiB of which nothing is kept, in a kernel's own number of cycles.
  struct Moves final : DumpProgress {
    std::uint64_t cycles = 0, total = 0;
    void update(std::uint64_t, std::uint64_t, std::uint64_t) override {}
    void looked_at(std::uint64_t done, std::uint64_t of) override {
      CHECK(done <= of);
      total = of;
      ++cycles;
    }
  };
  FakeVmcore vmcore({{0, std::uint64_t{3} << 30}}, mixed_page);
  vmcore.keep = [](std::uint64_t) { return false; };
  for (const DumpFormat format : {DumpFormat::kElf, DumpFormat::kKdump, DumpFormat::kFlat}) {
    Moves moves;
    MemoryOutput file(format != DumpFormat::kFlat);
    REQUIRE(write_dump(vmcore, file,
                       {.choice = {.level = 31, .format = format, .codec = DumpCodec::kNone}},
                       moves));
    CHECK(moves.total == 3);
    CHECK(moves.cycles == (format == DumpFormat::kElf ? 9 : 6));
  }
}

TEST_CASE("kdump: without the descriptors of left-out pages the header says so") {
  FakeVmcore vmcore = small_machine();
  for (const bool left_out : {false, true}) {
    vmcore.without_descriptors = left_out;
    MemoryOutput file;
    dump(vmcore, file, {.choice = {}, .leave_out_descriptors = left_out});
    CHECK(KdumpReader(reader_of(file), true, false).status == (left_out ? 0x30U : 0x20U));
  }
}

TEST_CASE("kdump: a sync that fails is not a whole dump, and the header never says that it is") {
  for (const bool last : {false, true}) {
    FakeVmcore vmcore = small_machine();
    MemoryOutput file;
    (last ? file.finish_errno : file.sync_errno) = EIO;
    fakes::NoProgress progress;
    const auto report =
        write_dump(vmcore, file, {.choice = {.format = DumpFormat::kKdump}}, progress);
    REQUIRE(report.ok());
    CHECK(report->incomplete == "sync: Input/output error");
    CHECK((KdumpReader(reader_of(file), true, false).status & 8) != 0);
  }
}

TEST_CASE("kdump: machines that need several cycles, with the bits kept and not kept") {
  // 5 GiB at two places: kept between the passes. Ranges in 40 cycles: filtered twice.
  for (const std::uint64_t ranges : {2, 40}) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> list;
    for (std::uint64_t i = 0; i < ranges; ++i)
      list.emplace_back((i << 30) + 0x3ff00000, 0x180000);
    FakeVmcore vmcore(list, mixed_page);
    vmcore.keep = [](std::uint64_t pfn) { return pfn % 4 != 1; };
    MemoryOutput file;
    dump(vmcore, file,
         {.choice = {.level = 31, .format = DumpFormat::kKdump, .codec = DumpCodec::kLzo},
          .threads = 2});
    const KdumpReader r(reader_of(file), true, false);
    for (const auto& [paddr, size] : list) {
      for (std::uint64_t pfn = paddr / 4096 - 2; pfn < (paddr + size) / 4096 + 2; pfn += 5) {
        const bool kept = vmcore.present(pfn) && vmcore.keep(pfn);
        CHECK(r.present(pfn) == vmcore.present(pfn));
        REQUIRE(r.kept(pfn) == kept);
        if (kept && pfn % 64 == 0) CHECK(*r.page(pfn) == vmcore.page(pfn));
      }
    }
  }
}

TEST_CASE("an impossible level is refused") {
  FakeVmcore vmcore = small_machine();
  MemoryOutput file;
  fakes::NoProgress progress;
  CHECK(!write_dump(
      vmcore, file,
      {.choice = {.level = 32, .format = DumpFormat::kKdump, .codec = DumpCodec::kNone}},
      progress));
  CHECK(!write_dump(
      vmcore, file,
      {.choice = {.level = -1, .format = DumpFormat::kElf, .codec = DumpCodec::kNone}}, progress));
  CHECK(!write_dump(vmcore, file,
                    {.choice = {.format = DumpFormat::kElf, .codec = DumpCodec::kZstd}}, progress));
  CHECK(file.calls() == 0);
}

}  // namespace
}  // namespace mkcapture
