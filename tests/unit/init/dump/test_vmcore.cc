// A vmcore as /init and savecore see it.
#include <doctest/doctest.h>

#include "init/dump/core/elf_core.h"
#include "init/dump/vmcore.h"
#include "tests/fakes/described_machine.h"
#include "tests/fakes/fake_vmcore.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::BytesFile;
using fakes::SyntheticMachine;

/// As kernels before 5.11 have it, where `at` is not exported; since then it is, and is 0.
void put_utsname(SyntheticMachine& m, std::string_view node, std::uint64_t at = 4) {
  m.symbol("init_uts_ns", SyntheticMachine::image(0x4000));
  if (at != 4) m.info("OFFSET(uts_namespace.name)=" + std::to_string(at));
  const std::string_view fields[] = {"Linux", node, "6.1.0-real", "#1 SMP", "x86_64", "(none)"};
  for (std::size_t i = 0; i < 6; ++i)
    m.put_text(SyntheticMachine::image_paddr(0x4000) + at + i * 65, fields[i]);
}

std::string why_not(std::vector<std::byte> bytes) {
  const auto vmcore = make_vmcore(std::make_unique<BytesFile>(std::move(bytes)));
  REQUIRE_FALSE(vmcore.ok());
  return vmcore.error().message;
}

TEST_CASE("What a vmcore tells of its machine") {
  SyntheticMachine m;
  put_utsname(m, "db-1.example");
  const auto vmcore = m.open();
  CHECK(vmcore->os_release() == "6.1.0-test");
  CHECK(vmcore->crash_time() == 1700000123);
  CHECK(vmcore->memory_bytes() == SyntheticMachine::kMemory);
  CHECK(vmcore->size() == m.core().size());
  CHECK(*vmcore->node_name() == "db-1.example");
  const CrashedMachine& c = vmcore->crashed();
  CHECK(c.machine == Machine::kX86_64);
  CHECK(c.elf_class == 64);
  CHECK(c.page_size == 4096);
  CHECK(c.max_pfn == 2048);
  CHECK(c.phys_base == static_cast<std::uint64_t>(-15728640));
  CHECK(c.sysname == "Linux");
  CHECK(c.release == "6.1.0-real");
  CHECK(c.version == "#1 SMP");
  CHECK(c.machine_name == "x86_64");
  CHECK(c.vmcoreinfo == m.vmcoreinfo);
}

TEST_CASE("The names of the machine, before and since the kernel tells where they are") {
  for (const std::uint64_t at : {4, 0, 8}) {
    SyntheticMachine m;
    m.put32(SyntheticMachine::image_paddr(0x4000), 3);  // the reference count, or overwritten
    put_utsname(m, "db-1", at);
    CHECK(m.open()->crashed().nodename == "db-1");
  }
  // Also without a place or with nothing there a reader learns which machine it is.
  SyntheticMachine m;
  CHECK(m.open()->crashed().machine_name == "x86_64");
  m.info("SYMBOL(init_uts_ns)=ffffffff81004000");
  CHECK(m.open()->crashed().machine_name == "x86_64");
  CHECK(m.open()->crashed().nodename.empty());
}

TEST_CASE("Node names that are none, or none for a file") {
  const auto node_name = [](std::string_view node) {
    SyntheticMachine m;
    put_utsname(m, node);
    return m.open()->node_name();
  };
  CHECK(*node_name("a b/c\nd") == "a_b_c_d");
  CHECK(*node_name("../../etc") == "_._.._etc");
  CHECK(*node_name("-rf") == "_rf");
  CHECK(node_name(std::string(64, 'x'))->size() == 64);
  CHECK_FALSE(node_name("(none)").ok());
  CHECK_FALSE(node_name("").ok());
  SyntheticMachine m;
  CHECK_FALSE(m.open()->node_name().ok());
  put_utsname(m, "host");
  m.put_text(SyntheticMachine::image_paddr(0x4004), "Plan9");
  CHECK_FALSE(m.open()->node_name().ok());
  CHECK(m.open()->crashed().release == "6.1.0-test");
}

TEST_CASE("Memory through windows, and every page at level 0") {
  SyntheticMachine m;
  m.put64(0x5000, 0x123456789abcdef0);
  const auto vmcore = m.open();
  auto window = vmcore->window(1 << 20);
  REQUIRE(window.ok());
  const auto page = (*window)->at(0x5000, 4096);
  REQUIRE(page.size() == 4096);
  CHECK(Fields().u64(page, 0) == 0x123456789abcdef0);
  auto filter = vmcore->filter(0);
  REQUIRE(filter.ok());
  std::vector<std::uint8_t> bits(512);
  REQUIRE((*filter)->keep(0, bits).ok());
  CHECK(bits[255] == 0xff);
  CHECK(bits[256] == 0);
  CHECK((*filter)->note().empty());
  // Nothing is known of this machine's descriptors.
  CHECK((*vmcore->filter(31))->level() == 0);
  CHECK_FALSE((*vmcore->filter(31))->note().empty());
}

TEST_CASE("Without VMCOREINFO there is still memory to save") {
  SyntheticMachine m;
  m.vmcoreinfo.clear();
  const auto vmcore = m.open();
  CHECK(vmcore->os_release().empty());
  CHECK(vmcore->crash_time() == 0);
  CHECK((*vmcore->filter(31))->note() == "all of memory kept: no VMCOREINFO in the vmcore");
  CHECK((*vmcore->filter(1))->note().empty());
  CHECK((*vmcore->window(4096)).get()->at(0, 4096).size() == 4096);
}

TEST_CASE("A vmcore that was cut short has the memory that is there") {
  auto bytes = SyntheticMachine().core();
  bytes.resize(bytes.size() - 5 * 4096 - 100);
  const auto vmcore = make_vmcore(std::make_unique<BytesFile>(bytes));
  REQUIRE(vmcore.ok());
  CHECK((*vmcore)->memory_bytes() == SyntheticMachine::kMemory - 5 * 4096);
  CHECK((*vmcore)->crashed().pages_missing == 5);
  CHECK((*vmcore)->crashed().max_pfn == 2048 - 5);
  CHECK((*vmcore)->size() == SyntheticMachine().core().size());
  bytes.resize(4096);
  CHECK(why_not(bytes) == "the file ends before its memory begins");
}

TEST_CASE("Mappings without a physical address are no memory") {
  SyntheticMachine m;
  m.loads.push_back({.paddr = ~std::uint64_t{0}, .size = 0x1000, .vaddr = 0xffffc90000000000});
  CHECK(m.open()->memory_bytes() == SyntheticMachine::kMemory);
}

TEST_CASE("Files that are no vmcore say why") {
  const auto good = SyntheticMachine().core();
  CHECK(why_not({}) == "not an ELF file");
  CHECK(why_not({good.begin(), good.begin() + 80}) == "ELF program headers are cut short");
  auto bad = good;
  bad[56] = std::byte{0};  // e_phnum
  CHECK(why_not(bad) == "ELF file has no program headers");
  bad = good;
  bad[64 + 56] = std::byte{9};  // the PT_LOAD's type
  CHECK(why_not(bad) == "ELF file has no PT_LOAD: no memory in it");
  bad = good;
  for (std::size_t i = 0; i < 8; ++i)
    bad[64 + 56 + 32 + i] = std::byte{0xf9};  // its size
  CHECK(why_not(bad).find("impossible PT_LOAD") == 0);
  SyntheticMachine m;
  m.info("PAGESIZE=4095");
  CHECK(why_not(m.core()) == "VMCOREINFO has an impossible page size");
  CHECK(open_vmcore("/nonexistent").error().message == "/nonexistent: No such file or directory");
}

TEST_CASE("One PT_LOAD of no memory costs nothing but itself, and is counted") {
  SyntheticMachine m;
  m.loads.push_back({.paddr = std::uint64_t{1} << 60, .size = 0x1000});
  const auto vmcore = m.open();
  CHECK(vmcore->memory_bytes() == SyntheticMachine::kMemory);
  CHECK(vmcore->crashed().loads_impossible == 1);
  // riscv64 has memory up to here.
  SyntheticMachine far;
  far.loads.push_back({.paddr = std::uint64_t{1} << 55, .size = 0x1000});
  CHECK(far.open()->crashed().loads_impossible == 0);
}

TEST_CASE("Dumps of devices in front of the notes are passed over") {
  SyntheticMachine m;
  fakes::add_note(m.other_notes, false, "LINUX", 0x700, std::string(5 << 20, 'd'));
  fakes::add_note(m.other_notes, false, "LINUX", 0x700, std::string(101, 'd'));
  fakes::add_note(m.other_notes, false, "CORE", 1, std::string(336, 'r'));
  const auto vmcore = m.open();
  CHECK(vmcore->os_release() == "6.1.0-test");
  CHECK(vmcore->crashed().notes.size() < 16384);
  Bytes notes = vmcore->crashed().notes;
  CHECK(next_note(Fields(), notes)->name == "CORE");
}

TEST_CASE("A Xen host's page frames are not judged") {
  for (const char* name : {"Xen", "VMCOREINFO_XEN"}) {
    fakes::Described d;
    CHECK((*d.machine.open()->filter(31))->level() == 30);
    fakes::add_note(d.machine.other_notes, false, name, 0x1000001, std::string(80, 'x'));
    auto filter = d.machine.open()->filter(31);
    CHECK((*filter)->level() == 0);
    CHECK((*filter)->note() ==
          "all of memory kept: it is a Xen host's, whose page frames are not the kernel's");
  }
}

TEST_CASE("A note segment of 2^60 bytes is cut to what is there") {
  auto bytes = SyntheticMachine().core();
  bytes[64 + 32 + 7] = std::byte{0x10};  // p_filesz of the PT_NOTE
  const auto vmcore = make_vmcore(std::make_unique<BytesFile>(bytes));
  REQUIRE(vmcore.ok());
  CHECK((*vmcore)->os_release() == "6.1.0-test");
  CHECK((*vmcore)->crashed().notes.size() <= kMaxNotesBytes);
}

}  // namespace
}  // namespace mkcapture
