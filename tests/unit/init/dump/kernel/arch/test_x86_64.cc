// Virtual to physical on x86_64, from page tables in a machine's memory.
#include <doctest/doctest.h>

#include "init/dump/core/memory_ranges.h"
#include "init/dump/kernel/arch/arch.h"
#include "init/dump/kernel/kernel_memory.h"
#include "tests/fakes/synthetic_machine.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::BytesFile;
using fakes::SyntheticMachine;

/// The address space of a machine as it stands.
struct Opened {
  explicit Opened(const SyntheticMachine& m)
      : file(m.memory), ranges{{0, SyntheticMachine::kMemory, 0, 0}}, memory(file, ranges) {
    machine.ranges = ranges;
    auto made = make_x86_64(machine, Vmcoreinfo(m.vmcoreinfo), memory);
    REQUIRE_MESSAGE(made.ok(), made.error().message);
    space = std::move(*made);
  }
  BytesFile file;
  std::vector<MemoryRange> ranges;
  PhysicalMemory memory;
  CrashedMachine machine;
  std::unique_ptr<AddressSpace> space;
};

TEST_CASE("The kernel's image needs no tables") {
  const SyntheticMachine m;
  Opened o(m);
  const auto e = o.space->translate(0xffffffff81000123);
  REQUIRE(e.has_value());
  CHECK(e->paddr == 0x100123);
  CHECK(e->size == (std::uint64_t{512} << 20) - 0x1000123);
}

TEST_CASE("Pages of 4 KiB, 2 MiB and 1 GiB, with 4 and 5 levels") {
  for (const int levels : {4, 5}) {
    CAPTURE(levels);
    SyntheticMachine m("6.1.0", levels);
    const std::uint64_t at = levels == 5 ? 0xff11000000000000 : 0xffff888000000000;
    m.map(at, 0x5000);
    m.map(at + 0x1000, 0x3000, 12, std::uint64_t{1} << 63);  // no-execute
    m.map(at + 0x200000, 0x600000, 21);
    m.map(at + 0x400000, 0x600000, 21, 0x1000);  // PAT
    m.map(at + 0x40000000, 0x80000000, 30);
    Opened o(m);
    const auto check = [&](std::uint64_t vaddr, std::uint64_t paddr, std::uint64_t size) {
      const auto e = o.space->translate(vaddr);
      REQUIRE(e.has_value());
      CHECK(e->paddr == paddr);
      CHECK(e->size == size);
    };
    check(at + 0x10, 0x5010, 0xff0);
    check(at + 0x1fff, 0x3fff, 1);
    check(at + 0x200000, 0x600000, 0x200000);
    check(at + 0x3ff123, 0x7ff123, 0xedd);
    check(at + 0x400000, 0x600000, 0x200000);
    check(at + 0x40000000 + 0x12345, 0x80012345, 0x40000000 - 0x12345);
    CHECK_FALSE(o.space->translate(at + 0x2000).has_value());
    CHECK_FALSE(o.space->translate(at + 0x80000000).has_value());
    CHECK_FALSE(o.space->translate(0x1000).has_value());
    CHECK_FALSE(o.space->translate(0x0000800000000000).has_value());
    CHECK(o.space->sparse_bits().max_physmem == (levels == 5 ? 52U : 46U));
  }
}

TEST_CASE("The memory encryption bit is not part of an address") {
  SyntheticMachine m;
  m.map(SyntheticMachine::kDirectMap, 0x5000, 12, std::uint64_t{1} << 47);
  {
    Opened o(m);
    CHECK(o.space->translate(SyntheticMachine::kDirectMap)->paddr ==
          (std::uint64_t{1} << 47) + 0x5000);
  }
  m.info("NUMBER(sme_mask)=140737488355328");
  Opened o(m);
  CHECK(o.space->translate(SyntheticMachine::kDirectMap)->paddr == 0x5000);
}

TEST_CASE("Tables that point to themselves or out of memory") {
  SyntheticMachine m;
  const std::uint64_t top = SyntheticMachine::image_paddr(0);
  for (std::uint64_t i = 0; i < 512; ++i)
    m.put64(top + i * 8, top | 0x63);
  Opened o(m);
  const auto e = o.space->translate(0xffff888000000000);
  REQUIRE(e.has_value());  // the table itself, as a page
  CHECK(e->paddr == top);
  for (std::uint64_t i = 0; i < 512; ++i)
    m.put64(top + i * 8, 0xffffffffff063);
  Opened far(m);
  CHECK_FALSE(far.space->translate(0xffff888000000000).has_value());
}

TEST_CASE("phys_base: from VMCOREINFO, else from the PT_LOAD of the kernel's image") {
  CrashedMachine machine;
  machine.ranges = {{0x1000, 0x1000, 0xffff888000001000, 0},
                    {0x15400000, 0x3430000, 0xffffffff8b600000, 0}};
  CHECK(x86_64_phys_base(machine, Vmcoreinfo()) == 0x15400000 - 0xb600000);
  CHECK(x86_64_phys_base(machine, Vmcoreinfo("NUMBER(phys_base)=-4096")) ==
        static_cast<std::uint64_t>(-4096));
  machine.ranges.pop_back();
  CHECK_FALSE(x86_64_phys_base(machine, Vmcoreinfo()).has_value());
}

TEST_CASE("What VMCOREINFO must have") {
  const SyntheticMachine m;
  const BytesFile file{std::vector<std::byte>(4096)};
  const std::vector<MemoryRange> ranges{{0, 4096, 0, 0}};
  PhysicalMemory memory(file, ranges);
  const auto make = [&](const char* info) { return make_x86_64({}, Vmcoreinfo(info), memory); };
  CHECK_FALSE(make("").ok());
  CHECK_FALSE(make("NUMBER(phys_base)=0").ok());
  CHECK_FALSE(make("NUMBER(phys_base)=0\nSYMBOL(swapper_pg_dir)=1000").ok());
  CHECK(make("NUMBER(phys_base)=0\nSYMBOL(swapper_pg_dir)=ffffffff81000000").ok());
}

TEST_CASE("Kernel memory: a read across pages that lie apart") {
  SyntheticMachine m;
  const std::uint64_t at = 0xffffc90000000000;
  m.map(at, 0x7000);
  m.map(at + 0x1000, 0x3000);
  m.put64(0x7ff8, 0x1111111111111111);
  m.put64(0x3000, 0x2222222222222222);
  Opened o(m);
  KernelMemory kernel(*o.space, o.memory, Fields(64, false));
  CHECK(kernel.u64(at + 0xffc) == 0x2222222211111111);
  CHECK(kernel.u32(at + 0x1000) == 0x22222222);
  CHECK_FALSE(kernel.u64(at + 0x1ffc).has_value());
  CHECK_FALSE(kernel.word(~std::uint64_t{0} - 3).has_value());
  CHECK(kernel.word(at + 0xff8) == 0x1111111111111111);
}

}  // namespace
}  // namespace mkcapture
