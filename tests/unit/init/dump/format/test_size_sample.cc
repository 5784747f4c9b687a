// The size of a dump, told before it is written.
#include <doctest/doctest.h>

#include "init/dump/dump.h"
#include "tests/fakes/dump_reader.h"
#include "tests/fakes/fake_vmcore.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::FakeVmcore;
using fakes::MemoryOutput;

/// 24 MB: memory of zeros, of text and of noise, in regions and mixed.
void page_of_machine(std::uint64_t pfn, std::span<std::byte> page) {
  const std::uint64_t kind = pfn < 2048 ? pfn / 512 : pfn % 4;
  if (kind == 0) return;
  std::uint64_t x = pfn * 0x9e3779b97f4a7c15 + 1;
  for (std::size_t i = 0; i < page.size(); ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    page[i] = static_cast<std::byte>(kind == 1 ? x : (pfn >> (i % 8)) + i / 64);
  }
}

TEST_CASE("forecast: what the dump takes, within a few percent") {
  const std::vector<DumpChoice> choices = {
      {.level = 1, .format = DumpFormat::kKdump, .codec = DumpCodec::kZstd},
      {.level = 0, .format = DumpFormat::kKdump, .codec = DumpCodec::kZlib},
      {.level = 1, .format = DumpFormat::kKdump, .codec = DumpCodec::kNone},
      {.level = 2, .format = DumpFormat::kKdump, .codec = DumpCodec::kNone},
      {.level = 1, .format = DumpFormat::kElf, .codec = DumpCodec::kNone},
  };
  for (const DumpChoice& choice : choices) {
    FakeVmcore vmcore({{0, 24 << 20}}, page_of_machine);
    vmcore.keep = [](std::uint64_t pfn) { return pfn % 16 != 5; };
    const auto told = vmcore.forecast(choice);
    REQUIRE(told);
    MemoryOutput file;
    fakes::NoProgress progress;
    const auto report = write_dump(vmcore, file, {.choice = choice}, progress);
    REQUIRE(report);
    CAPTURE(report->bytes_written);
    CAPTURE(told->bytes_forecast);
    CHECK(told->bytes_forecast > report->bytes_written / 100 * 95);
    CHECK(told->bytes_forecast < report->bytes_written / 100 * 105);
  }
}

TEST_CASE("forecast: pages that cannot be read take nothing") {
  FakeVmcore vmcore({{0, 4 << 20}}, page_of_machine);
  for (std::uint64_t pfn = 0; pfn < 1024; ++pfn)
    vmcore.unreadable.insert(pfn);
  const auto told =
      vmcore.forecast({.level = 0, .format = DumpFormat::kElf, .codec = DumpCodec::kNone});
  REQUIRE(told);
  CHECK(told->bytes_forecast == 0);
}

}  // namespace
}  // namespace mkcapture
