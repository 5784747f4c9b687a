// The rules that come of each kernel's VMCOREINFO. x86_64-6.1, 6.12, 6.18, 7.3 and arm-6.1 are the
// kernels' own words (Debian's packages in QEMU); the others are 6.1's with the keys and types that
// those releases are known to have, and were not seen on a running one.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "init/dump/select/page_rules.h"
#include "tests/fakes/source_tree.h"

namespace mkcapture {
namespace {

using namespace dump;

using Order = PageRules::Order;
using Hugetlb = PageRules::Hugetlb;

Vmcoreinfo vmcoreinfo(const std::string& kernel) {
  std::ifstream file(fakes::source_path("tests/golden/vmcoreinfo/" + kernel + ".txt"));
  REQUIRE(file.good());
  std::stringstream text;
  text << file.rdbuf();
  return Vmcoreinfo(text.str());
}

struct Expected {
  const char* kernel;
  std::uint64_t lru, private_data, slab, hwpoison, head;
  std::uint64_t buddy, slab_type, offline, hugetlb_type;
  Order order;
  Hugetlb hugetlb;
};

constexpr std::uint64_t kNone = PageRules::kNoType;
constexpr std::uint64_t bit(unsigned n) {
  return std::uint64_t{1} << n;
}

const Expected kKernels[] = {
    {"x86_64-4.18", bit(5), bit(12), bit(8), bit(22), bit(15), 0xffffff7f, kNone, kNone, kNone,
     Order::kByte, Hugetlb::kDestructor},
    {"x86_64-4.19", bit(5), bit(12), bit(8), bit(22), bit(15), 0xffffff7f, kNone, kNone, kNone,
     Order::kByte, Hugetlb::kDestructor},
    {"x86_64-5.4", bit(4), bit(13), bit(9), bit(23), bit(16), 0xffffff7f, kNone, 0xfffffeff, kNone,
     Order::kByte, Hugetlb::kDestructor},
    {"x86_64-5.10", bit(4), bit(13), bit(9), bit(23), bit(16), 0xffffff7f, kNone, 0xfffffeff, kNone,
     Order::kByte, Hugetlb::kDestructor},
    {"x86_64-5.15", bit(4), bit(13), bit(9), bit(23), bit(16), 0xffffff7f, kNone, 0xfffffeff, kNone,
     Order::kByte, Hugetlb::kDestructor},
    {"x86_64-6.1", bit(4), bit(13), bit(9), bit(23), bit(16), 0xffffff7f, kNone, 0xfffffeff, kNone,
     Order::kByte, Hugetlb::kDestructor},
    {"x86_64-6.6", bit(4), bit(13), bit(9), bit(23), bit(16), 0xffffff7f, kNone, 0xfffffeff, kNone,
     Order::kFlagsLowByte, Hugetlb::kFlag},
    {"x86_64-6.12", bit(5), bit(14), 0, bit(20), bit(6), 0xf0000000, 0xf5000000, 0xf1000000,
     0xf4000000, Order::kFlagsLowByte, Hugetlb::kType},
    {"x86_64-6.18", bit(5), bit(14), 0, bit(21), bit(6), 0xf0000000, 0xf5000000, 0xf1000000,
     0xf4000000, Order::kFlagsLowByte, Hugetlb::kType},
    {"x86_64-7.3", bit(5), bit(14), 0, bit(21), bit(6), 0xf0000000, 0xf5000000, 0xf1000000,
     0xf4000000, Order::kFlagsLowByte, Hugetlb::kType},
};

TEST_CASE("Each kernel's VMCOREINFO gives every rule of level 31") {
  for (const Expected& e : kKernels) {
    CAPTURE(std::string(e.kernel));
    const PageRules r = make_page_rules(vmcoreinfo(e.kernel), Fields(64, false), 31);
    CHECK(r.usable);
    CHECK(r.level == 30);
    CHECK(r.note == "");
    CHECK(r.descriptor_size == 64);
    CHECK(r.flags_at == 0);
    CHECK(r.head_at == 8);
    CHECK(r.mapping_at == 24);
    CHECK(r.private_at == 40);
    CHECK(r.mapcount_at == 48);
    CHECK(r.lru == e.lru);
    CHECK(r.private_data == e.private_data);
    CHECK(r.slab == e.slab);
    CHECK(r.hwpoison == e.hwpoison);
    CHECK(r.head == e.head);
    CHECK(r.buddy_type == e.buddy);
    CHECK(r.slab_type == e.slab_type);
    CHECK(r.offline_type == e.offline);
    CHECK(r.hugetlb_type == e.hugetlb_type);
    CHECK(r.orders == 11);
    CHECK(r.order == e.order);
    CHECK(r.hugetlb == e.hugetlb);
  }
}

TEST_CASE("Unaccepted memory is told from 6.16 on") {
  const auto type = [](const char* kernel) {
    return make_page_rules(vmcoreinfo(kernel), Fields(64, false), 31).unaccepted_type;
  };
  CHECK(type("x86_64-6.12") == kNone);
  CHECK(type("x86_64-7.3") == 0xf7000000);
}

TEST_CASE("A 32-bit kernel's VMCOREINFO") {
  const PageRules r = make_page_rules(vmcoreinfo("arm-6.1"), Fields(32, false), 31);
  CHECK(r.usable);
  CHECK(r.level == 30);
  CHECK(r.note == "");
  CHECK(r.head_at == 4);
}

}  // namespace
}  // namespace mkcapture
