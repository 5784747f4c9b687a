#include <doctest/doctest.h>

#include "init/dump/kernel/vmcoreinfo.h"

namespace mkcapture {
namespace {

using namespace dump;

const char* const kText =
    "OSRELEASE=6.1.0-56-amd64\n"
    "PAGESIZE=4096\n"
    "SYMBOL(init_uts_ns)=ffffffff8d1fb000\n"
    "SYMBOL(gone)=0\n"
    "SIZE(page)=64\n"
    "OFFSET(page.lru)=8\n"
    "OFFSET(page.lru.more)=9\n"
    "LENGTH(zone.free_area)=11\n"
    "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\n"
    "NUMBER(kimage_voffset)=0xffff7fffc8000000\n"
    "NUMBER(odd)=12x\n"
    "NUMBER(huge)=99999999999999999999999\n"
    "KERNELOFFSET=a600000\n"
    "CRASHTIME=1\n"
    "CRASHTIME=1795511683";

TEST_CASE("VMCOREINFO: every kind of line") {
  const Vmcoreinfo info(kText);
  CHECK(info.value("OSRELEASE") == "6.1.0-56-amd64");
  CHECK(info.decimal("PAGESIZE") == 4096);
  CHECK(info.symbol("init_uts_ns") == 0xffffffff8d1fb000);
  CHECK(info.size("page") == 64);
  CHECK(info.offset("page.lru") == 8);
  CHECK(info.length("zone.free_area") == 11);
  CHECK(info.number("PAGE_BUDDY_MAPCOUNT_VALUE") == static_cast<std::uint64_t>(-129));
  CHECK(info.number("kimage_voffset") == 0xffff7fffc8000000);
  CHECK(info.hex("KERNELOFFSET") == 0xa600000);
  CHECK(info.decimal("CRASHTIME") == 1795511683);  // the last one counts
}

TEST_CASE("VMCOREINFO: what is not there") {
  const Vmcoreinfo info(kText);
  CHECK_FALSE(info.symbol("gone").has_value());
  CHECK_FALSE(info.symbol("page").has_value());
  CHECK_FALSE(info.size("pag").has_value());
  CHECK_FALSE(info.offset("page").has_value());
  CHECK_FALSE(info.number("odd").has_value());
  CHECK_FALSE(info.number("huge").has_value());
  CHECK_FALSE(info.value("RELEASE").has_value());
  CHECK_FALSE(Vmcoreinfo().value("OSRELEASE").has_value());
  CHECK_FALSE(Vmcoreinfo("SIZE(page\nSIZE(page)\nSIZE(page)64").size("page").has_value());
}

TEST_CASE("Kernel versions") {
  CHECK(parse_kernel_version("6.1.0-56-amd64") == KernelVersion{6, 1, 0});
  CHECK(parse_kernel_version("6.12.95+deb12-amd64") == KernelVersion{6, 12, 95});
  CHECK(parse_kernel_version("7.0-rc1") == KernelVersion{7, 0, 0});
  CHECK(parse_kernel_version("5.10") == KernelVersion{5, 10, 0});
  CHECK_FALSE(parse_kernel_version("").has_value());
  CHECK_FALSE(parse_kernel_version("6").has_value());
  CHECK_FALSE(parse_kernel_version("6.").has_value());
  CHECK_FALSE(parse_kernel_version("linux-6.1").has_value());
  CHECK_FALSE(parse_kernel_version("99999999999.1").has_value());
  CHECK(KernelVersion{6, 9, 0} < KernelVersion{6, 10, 0});
}

}  // namespace
}  // namespace mkcapture
