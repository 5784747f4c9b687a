#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "init/contract/lvm_stack.h"
#include "init/contract/lvm_text.h"
#include "tests/fakes/source_tree.h"

using namespace mkcapture;

namespace {

// The first sectors of two PVs as lvm2 2.03.16 wrote them: vgcreate -s 1M vg-0, lvcreate -L 20M -n
// var, lvcreate -L 8M -i 2 -I 64k -n strip, lvextend -L 70M var.
std::string golden(const std::string& name) {
  std::ifstream file(fakes::source_path("tests/golden/lvm/" + name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Result<LvmPv> read_pv(const std::string& disk) {
  return read_lvm_pv([&](std::uint64_t offset, std::size_t bytes) -> Result<std::string> {
    if (offset >= disk.size()) return std::string();
    return disk.substr(static_cast<std::size_t>(offset), bytes);
  });
}

LvmGroup group_of(const std::string& text) {
  auto group = parse_lvm_group(text);
  REQUIRE(group.ok());
  return *std::move(group);
}

const std::string kId = "aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggg";

/// A group vg0 of two PVs with one volume; `group`, `volume` and `segments` are added texts.
std::string text_of(const std::string& segments, const std::string& volume = "",
                    const std::string& group = "") {
  return "vg0 {\nid = \"" + kId + "\"\nseqno = 7\nextent_size = 8192\n" + group +
         "physical_volumes {\npv0 {\nid = \"PPPPPP-bbbb-cccc-dddd-eeee-ffff-gggggg\"\n"
         "status = [\"ALLOCATABLE\"]\npe_start = 2048\n}\n"
         "pv1 {\nid = \"QQQQQQ-bbbb-cccc-dddd-eeee-ffff-gggggg\"\npe_start = 4096\n"
         "flags = [\"MISSING\"]\n}\n}\nlogical_volumes {\nvar {\nid = \"" +
         kId + "\"\nstatus = [\"READ\", \"WRITE\", \"VISIBLE\"" + volume + "]\n" + segments +
         "}\n}\n}\n";
}
const std::string kLinear =
    "segment1 {\nstart_extent = 0\nextent_count = 5\ntype = \"striped\"\nstripe_count = 1\n"
    "stripes = [\n\"pv0\", 3\n]\n}\n";

std::string refusal(const std::string& text) {
  const auto group = parse_lvm_group(text);
  if (!group) return group.error().message;
  const auto* volume = group->named("var");
  return volume == nullptr ? "no volume" : lvm_refusal(*group, *volume);
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

}  // namespace

TEST_CASE("LVM: what lvm2 itself wrote") {
  const auto pv = read_pv(golden("pv0"));
  REQUIRE(pv.ok());
  CHECK(pv->uuid == "kMNO6184F2SGkQuqteIrPF0K05G00wAw");
  const auto group = group_of(pv->text);
  CHECK(group.name == "vg-0");
  CHECK(group.uuid == "JiceXPNcJViLDoMfEKcBbgHGYLavx9Ud");
  CHECK(group.seqno == 4);
  REQUIRE(group.pvs.size() == 2);
  CHECK(read_pv(golden("pv1"))->uuid == group.pvs[1].uuid);
  REQUIRE(group.volumes.size() == 2);

  const auto* var = group.named("var");
  REQUIRE(var != nullptr);
  CHECK(group.find(var->uuid) == var);
  CHECK(lvm_refusal(group, *var).empty());
  const std::vector<LvmDevice> there{{group.pvs[0].uuid, "8:1"}, {group.pvs[1].uuid, "8:17"}};
  const auto stack = lvm_stack(group, *var, &there);
  CHECK(stack.pvs.size() == 2);
  CHECK(stack.health() == LvmHealth::kWhole);
  const auto table = lvm_table(group, stack, *var);
  REQUIRE(table.size() == 3);
  CHECK(table[0].type == "linear");
  CHECK(table[0].sectors == 20 * 2048);
  CHECK(table[0].parameters == "8:1 2048");
  CHECK(table[1].start == 20 * 2048);
  CHECK(table[1].parameters == "8:1 51200");
  CHECK(table[2].parameters == "8:17 10240");

  const auto* strip = group.named("strip");
  const auto striped = lvm_table(group, lvm_stack(group, *strip, &there), *strip);
  REQUIRE(striped.size() == 1);
  CHECK(striped[0].type == "striped");
  CHECK(striped[0].parameters == "2 128 8:1 43008 8:17 2048");
  CHECK(lvm_mapper_name(group.name, "a-b") == "vg--0-a--b");
}

TEST_CASE("LVM: nothing with a wrong checksum is taken") {
  std::string disk = golden("pv0");
  SUBCASE("the label's") {
    disk[512 + 40] ^= 1;
    CHECK(read_pv(disk).error().message == "no LVM2 label with a right checksum");
  }
  SUBCASE("the metadata header's") {
    disk[4096 + 41] ^= 1;
    CHECK(read_pv(disk)->text.empty());
  }
  SUBCASE("the text's") {
    disk[4096 + 5120 + 100] ^= 1;
    CHECK(read_pv(disk)->text.empty());
  }
  SUBCASE("a disk that ends too soon") {
    disk.resize(4096 + 5120 + 100);
    CHECK(read_pv(disk)->text.empty());
  }
}

TEST_CASE("LVM: what is refused, in words") {
  CHECK(refusal(text_of(kLinear)).empty());
  CHECK(refusal(text_of(kLinear, "", "status = [\"EXPORTED\", \"READ\"]\n")) ==
        "vg0 is exported (vgexport)");
  CHECK(refusal(text_of(kLinear, "", "lock_type = \"sanlock\"\n")) ==
        "vg0 is shared with other machines (lock_type sanlock)");
  CHECK(refusal(text_of(kLinear, "", "lock_type = \"none\"\n")).empty());
  for (const char* flag : {"CLUSTERED", "SHARED"})
    CHECK(refusal(text_of(kLinear, "", std::string("status = [\"") + flag + "\"]\n")) ==
          "vg0 is a cluster's");
  CHECK(refusal(text_of(kLinear, ", \"PVMOVE\"")) == "vg0/var is being moved by pvmove");
  CHECK(refusal(text_of(kLinear, ", \"LOCKED\"")) ==
        "vg0/var is locked (a pvmove that has not ended)");
  CHECK(refusal(replaced(text_of(kLinear), "\"WRITE\", ", "")) == "vg0/var is read-only");
  CHECK(refusal(text_of(replaced(kLinear, "striped", "cache+METADATA_FORMAT"))) ==
        "vg0/var is of type cache+METADATA_FORMAT, not linear, striped, raid or thin");
  CHECK(refusal(text_of(replaced(kLinear, "pv0", "pv1"))) ==
        "vg0/var lies on pv1, a PV that is marked as missing");
  CHECK(refusal(text_of(replaced(kLinear, "pv0", "pv7"))) == "vg0/var lies on pv7, which is no PV");
  CHECK(refusal(text_of(replaced(kLinear, "start_extent = 0", "start_extent = 1"))) ==
        "vg0/var has segments that do not fit together");
  CHECK(refusal(text_of("")) == "vg0/var has no segments");
  // A snapshot's origin: a write to it alone would spoil the snapshot.
  CHECK(refusal(text_of(kLinear +
                        "}\nsnapshot0 {\nsegment1 {\nstart_extent = 0\nextent_count = 1\n"
                        "type = \"snapshot\"\norigin = \"var\"\ncow_store = \"snap\"\n}\n")) ==
        "vg0/var has snapshots, or is one");
  CHECK(group_of(text_of(kLinear, "", "system_id = \"other\"\n")).system_id == "other");
}

TEST_CASE("LVM: impossible numbers and broken texts") {
  CHECK(refusal("") == "not the metadata of a volume group");
  CHECK(refusal("vg0 {\nid = \"" + kId) == "not the metadata of a volume group");
  const std::string impossible = "vg0/var: a segment with impossible numbers";
  CHECK(refusal(text_of(replaced(kLinear, "count = 5", "count = 99999999999"))) == impossible);
  CHECK(refusal(text_of(replaced(kLinear, "count = 5", "count = 0"))) == impossible);
  CHECK(refusal(text_of(replaced(kLinear, "count = 5", "count = -1"))) == impossible);
  CHECK(refusal(replaced(text_of(kLinear), "extent_size = 8192", "extent_size = 0")) ==
        "the metadata of vg0 has impossible numbers");
  CHECK(refusal(replaced(text_of(kLinear), "pe_start = 2048", "pe_start = 18446744073709551615")) ==
        "a PV of vg0 has impossible numbers");
  CHECK(refusal(text_of(replaced(kLinear, "stripe_count = 1", "stripe_count = 2"))) ==
        "vg0/var: a segment with another number of stripes than it says");
}

TEST_CASE("LVM: the form of the text") {
  const LvmSection section(
      "# a comment {\na = \"x } \\\" y\" # another }\nb = [ \"1\", 2,\n\"3 ]\" ]\nc {\nd "
      "{\n}\ne=5\n}\n"
      "f = 7\n");
  const auto entries = section.entries(10);
  REQUIRE(entries.size() == 4);
  CHECK(entries[0].text() == "x } \\\" y");
  CHECK(entries[1].elements() == std::vector<std::string_view>{"1", "2", "3 ]"});
  CHECK(entries[2].is_section);
  CHECK(LvmSection(entries[2].value).find("e")->value == "5");
  CHECK(section.find("f")->value == "7");
  CHECK(!section.find("e"));
  CHECK(section.entries(2).size() == 2);
  CHECK(LvmSection("a { b {").entries(9).empty());
  CHECK(LvmSection(std::string(100000, '{')).entries(9).empty());
  CHECK(LvmSection("a = \"").entries(9).empty());
}
