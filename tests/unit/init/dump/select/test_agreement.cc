// The filter held against what a running kernel says of its pages.
#include <doctest/doctest.h>

#include <functional>
#include <vector>

#include "init/dump/select/agreement.h"
#include "tests/fakes/described_machine.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::Described;

constexpr std::uint64_t kSaysLru = 1 << 5, kSaysFree = 1 << 10, kSaysAnon = 1 << 12,
                        kSaysHead = 1 << 15, kSaysTail = 1 << 16, kSaysHuge = 1 << 17,
                        kSaysNoPage = 1 << 20, kSaysOffline = 1 << 23;

/// As /proc/kpageflags, with a change at each look.
class Flags final : public KernelPageFlags {
 public:
  std::vector<std::uint64_t> flags = std::vector<std::uint64_t>(2048);
  std::function<void(Flags&)> at_each_look;

  std::size_t read(std::uint64_t pfn, std::span<std::uint64_t> out) override {
    if (pfn == 0 && at_each_look) at_each_look(*this);
    if (pfn >= flags.size()) return 0;
    const std::size_t n = std::min<std::size_t>(out.size(), flags.size() - pfn);
    std::copy_n(flags.begin() + static_cast<long>(pfn), n, out.begin());
    return n;
  }
};

struct Running : Described {
  Running() {
    free_block(1024, 3);
    for (std::uint64_t i = 0; i < 8; ++i)
      flags.flags[1024 + i] = kSaysFree;
    for (std::uint64_t pfn = 100; pfn < 120; ++pfn) {
      cache(pfn);
      flags.flags[pfn] = kSaysLru;
    }
    // A huge page of a process: the kernel says most of it of the head alone.
    machine.put64(array + 512 * 64, kLru | 1 << 16);
    machine.put64(array + 512 * 64 + 24, 0xffff888000000001);
    for (std::uint64_t t = 513; t < 516; ++t)
      machine.put64(array + t * 64 + 8, 0xffffea0000008001);
    machine.put32(array + 513 * 64 + 16, 2 << 8);  // compound_order
    flags.flags[512] = kSaysLru | kSaysAnon | kSaysHead;
    for (std::uint64_t t = 513; t < 516; ++t)
      flags.flags[t] = kSaysTail;
    machine.put32(array + 700 * 64 + 48, 0xfffffeff);
    flags.flags[700] = kSaysOffline;
    flags.flags[2000] = kSaysNoPage;
  }
  AgreementReport compare() {
    const auto source = machine.open();
    const auto report = compare_filter(*source, flags);
    REQUIRE_MESSAGE(report, report.error().message);
    return *report;
  }
  Flags flags;
};

std::uint64_t differences(const AgreementReport& report) {
  std::uint64_t n = 0;
  for (const auto& c : report.classes)
    n += c.differ;
  return n;
}

const AgreementReport::Class& of(const AgreementReport& report, PageClass c) {
  return report.classes[static_cast<std::size_t>(c)];
}

TEST_CASE("A filter that agrees with the running kernel, class by class") {
  Running r;
  const AgreementReport report = r.compare();
  CHECK(differences(report) == 0);
  CHECK(of(report, PageClass::kFree).pages == 8);
  CHECK(of(report, PageClass::kCache).pages == 20);
  CHECK(of(report, PageClass::kUser).pages == 4);
  CHECK(of(report, PageClass::kUnreadable).pages == 1);
  CHECK(of(report, PageClass::kKernel).pages == 2048 - 33 - 1);
}

TEST_CASE("Pages that differ are counted in the class that the kernel has them in") {
  Running r;
  r.flags.flags[101] = 0;  // the kernel's own, and the filter takes it for cache
  r.flags.flags[300] = kSaysHuge;
  const AgreementReport report = r.compare();
  CHECK(differences(report) == 2);
  CHECK(of(report, PageClass::kKernel).differ == 1);
  CHECK(report.own_left_out == 1);
  CHECK(of(report, PageClass::kUser).differ == 1);
}

TEST_CASE("A page that changes hands between two looks does not differ") {
  Running r;
  int look = 0;
  r.flags.at_each_look = [&look](Flags& f) { f.flags[101] = ++look == 1 ? 0 : kSaysLru; };
  CHECK(differences(r.compare()) == 0);
  CHECK(look == 2);
}

TEST_CASE("A filter that cannot judge is not compared") {
  Running r;
  r.machine.info("NUMBER(PG_lru)=99");
  const auto source = r.machine.open();
  const auto report = compare_filter(*source, r.flags);
  REQUIRE_FALSE(report);
  CHECK(report.error().message.find("PG_lru") != std::string::npos);
}

}  // namespace
}  // namespace mkcapture
