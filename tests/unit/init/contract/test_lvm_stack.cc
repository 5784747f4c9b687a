// Volumes that stand on others: RAIDs and thin ones, by metadata in lvm2's text form.
#include <doctest/doctest.h>

#include "init/contract/lvm_stack.h"
#include "tests/fakes/lvm_text.h"

using namespace mkcapture;
using fakes::lvm_group;
using fakes::lvm_leg;
using fakes::lvm_linear;
using fakes::lvm_volume;

namespace {

LvmGroup parsed(const std::string& volumes) {
  auto group = parse_lvm_group(lvm_group(volumes));
  REQUIRE(group.ok());
  return *std::move(group);
}

std::string refusal(const std::string& volumes) {
  const auto group = parse_lvm_group(lvm_group(volumes));
  if (!group) return group.error().message;
  return lvm_refusal(*group, *group->named("var"));
}

/// With these of the group's PVs ("0", "02", ...).
LvmStack stack_of(const LvmGroup& group, const std::string& pvs) {
  std::vector<LvmDevice> there;
  for (const char c : pvs)
    there.push_back({group.pvs[static_cast<std::size_t>(c - '0')].uuid, std::string("8:") + c});
  return lvm_stack(group, *group.named("var"), &there);
}

LvmHealth health(const std::string& volumes, const std::string& pvs) {
  return stack_of(parsed(volumes), pvs).health();
}

std::string legs(unsigned count) {
  std::string text;
  for (unsigned i = 0; i < count; ++i)
    text += lvm_leg("var", i, "pv" + std::to_string(i));
  return text;
}

std::string raid(const std::string& type, unsigned count, const std::string& more = "") {
  return fakes::lvm_raid("var", type, count, more) + legs(count);
}

/// The last part's table, as if its parts were 253:0, 253:1, ...
std::string top_table(const std::string& volumes, const std::string& pvs) {
  const LvmGroup group = parsed(volumes);
  LvmStack stack = stack_of(group, pvs);
  int minor = 0;
  for (auto& part : stack.parts)
    if (part.health != LvmHealth::kBroken) part.device = "253:" + std::to_string(minor++);
  const auto table = lvm_table(group, stack, *stack.parts.back().volume);
  REQUIRE(table.size() == 1);
  return std::to_string(table[0].sectors) + " " + table[0].type + " " + table[0].parameters;
}

const std::string kThin = fakes::lvm_thin("var", "pool", 3) + fakes::lvm_thin_pool("pool", 7) +
                          lvm_linear("pool_tdata", "pv0", 40) + lvm_linear("pool_tmeta", "pv1", 1);

}  // namespace

TEST_CASE("LVM stack: a mirror's table, whole and without a leg") {
  const std::string mirror = raid("raid1", 2);
  CHECK(refusal(mirror).empty());
  CHECK(health(mirror, "01") == LvmHealth::kWhole);
  CHECK(top_table(mirror, "01") ==
        "81920 raid raid1 3 0 region_size 4096 2 253:0 253:1 253:2 253:3");
  CHECK(health(mirror, "1") == LvmHealth::kDegraded);
  CHECK(top_table(mirror, "1") == "81920 raid raid1 3 0 region_size 4096 2 - - 253:0 253:1");
  CHECK(health(mirror, "") == LvmHealth::kBroken);
  const auto group = parsed(mirror);
  const auto stack = stack_of(group, "01");
  REQUIRE(stack.parts.size() == 5);
  CHECK(stack.parts[0].volume->name == "var_rmeta_0");
  CHECK(stack.parts[4].volume->name == "var");
  CHECK(stack.pvs.size() == 2);
  CHECK(lvm_modules(*group.named("var")) ==
        std::vector<std::string_view>{"dm_mod", "raid1", "dm_raid"});
  CHECK(lvm_modules(*group.named("var_rmeta_1")) == std::vector<std::string_view>{"dm_mod"});
}

TEST_CASE("LVM stack: how many legs each level can do without") {
  const std::string stripe = "stripe_size = 128\n";
  const std::string five = raid("raid5", 3, stripe);
  CHECK(top_table(five, "012") ==
        "81920 raid raid5_ls 3 128 region_size 4096 3 253:0 253:1 253:2 253:3 253:4 253:5");
  CHECK(health(five, "02") == LvmHealth::kDegraded);
  CHECK(health(five, "2") == LvmHealth::kBroken);
  const std::string six = raid("raid6", 5, stripe);
  CHECK(top_table(six, "01234").starts_with("81920 raid raid6_zr 3 128 "));
  CHECK(health(six, "014") == LvmHealth::kDegraded);
  CHECK(health(six, "14") == LvmHealth::kBroken);
  CHECK(health(raid("raid4", 3, stripe), "12") == LvmHealth::kDegraded);
  const std::string ten = raid("raid10", 4, stripe + "data_copies = 2\n");
  CHECK(top_table(ten, "0123")
            .starts_with("81920 raid raid10 5 128 region_size 4096 raid10_copies 2 4 "));
  CHECK(health(ten, "02") == LvmHealth::kDegraded);
  CHECK(health(ten, "23") == LvmHealth::kBroken);  // both halves of the first
  CHECK(health(raid("raid0_meta", 2, stripe), "0") == LvmHealth::kBroken);
  const auto group = parsed(six);
  CHECK(lvm_modules(*group.named("var"))[1] == "raid456");
}

TEST_CASE("LVM stack: legs that hold no data, or nothing any more") {
  // What `vgreduce --removemissing --force` puts in the place of a leg.
  const std::string gone = fakes::lvm_raid("var", "raid1", 2) + lvm_leg("var", 1, "pv1") +
                           lvm_volume("var_rmeta_0", "type = \"error\"\n", 1) +
                           lvm_volume("var_rimage_0", "type = \"error\"\n", 40);
  CHECK(refusal(gone).empty());
  CHECK(health(gone, "01") == LvmHealth::kDegraded);
  // lvconvert --repair, not done yet.
  std::string rebuilt = raid("raid1", 2);
  rebuilt.replace(rebuilt.find("\"READ\"", rebuilt.find("var_rimage_0 {")), 6,
                  "\"REBUILD\", \"READ\"");
  CHECK(health(rebuilt, "01") == LvmHealth::kDegraded);
  CHECK(health(rebuilt, "0") == LvmHealth::kBroken);
}

TEST_CASE("LVM stack: a thin volume, its pool and that one's parts") {
  CHECK(refusal(kThin).empty());
  const auto group = parsed(kThin);
  auto stack = stack_of(group, "01");
  REQUIRE(stack.parts.size() == 4);
  CHECK(stack.health() == LvmHealth::kWhole);
  stack.parts[0].device = "253:0";
  stack.parts[1].device = "253:1";
  stack.parts[2].device = "253:2";
  CHECK(stack.parts[2].volume->name == "pool");
  const auto pool = lvm_table(group, stack, *stack.parts[2].volume);
  CHECK(pool[0].type == "thin-pool");
  CHECK(pool[0].parameters == "253:0 253:1 128 0 1 error_if_no_space");
  const auto thin = lvm_table(group, stack, *stack.parts[3].volume);
  CHECK(thin[0].type == "thin");
  CHECK(thin[0].parameters == "253:2 3");
  CHECK(health(kThin, "0") == LvmHealth::kBroken);
  CHECK(lvm_modules(*group.named("pool")) ==
        std::vector<std::string_view>{"dm_mod", "dm_thin_pool"});
  CHECK(lvm_refusal(group, *group.named("pool")) == "vg0/pool is a thin pool, not a volume");
  // A snapshot in the pool shares blocks with its origin, and neither is spoiled by the other.
  CHECK(refusal(kThin + fakes::lvm_thin("snap", "pool", 4, "origin = \"var\"\n")).empty());
  CHECK(refusal(kThin + fakes::lvm_thin("copy", "pool", 5, "external_origin = \"var\"\n")) ==
        "vg0/var has snapshots, or is one");
}

TEST_CASE("LVM stack: what does not fit together, loops, other types below") {
  CHECK(refusal(fakes::lvm_raid("var", "raid1", 2) + lvm_leg("var", 0, "pv0")) ==
        "vg0/var lies on var_rmeta_1, which is no PV");
  CHECK(refusal(lvm_linear("var", "var", 40)) == "vg0/var stands on itself");
  CHECK(refusal(lvm_linear("var", "b", 40) + lvm_linear("b", "var", 40)) ==
        "vg0/var stands on itself");
  CHECK(refusal(fakes::lvm_thin("var", "nopool", 3)) == "vg0/var lies on nopool, which is no PV");
  CHECK(refusal(raid("raid5", 3)) == "vg0/var has segments that do not fit together");
  CHECK(refusal(raid("raid1", 2, "reshape_count = 4\n")) ==
        "vg0/var is of type raid1 (reshaped), not linear, striped, raid or thin");
  CHECK(refusal(raid("raid10_far", 2, "stripe_size = 128\n")) ==
        "vg0/var is of type raid10_far, not linear, striped, raid or thin");
  std::string integrity = raid("raid1", 2);
  integrity.replace(integrity.find("striped"), 7, "integrity");
  CHECK(refusal(integrity) ==
        "vg0/var_rmeta_0 is of type integrity, not linear, striped, raid or thin");
  std::string fewer = raid("raid1", 2);
  fewer.replace(fewer.find("device_count = 2"), 16, "device_count = 3");
  CHECK(refusal(fewer) == "vg0/var: a segment with another number of devices than it says");
  std::string chain;
  for (int i = 0; i < 2000; ++i)
    chain += lvm_linear(i == 0 ? "var" : "v" + std::to_string(i), "v" + std::to_string(i + 1), 40);
  CHECK(refusal(chain).find("stands on too much") != std::string::npos);
}

TEST_CASE("thin pool: what is not to be written to") {
  const auto why = [](const std::string& status) { return thin_pool_refusal(status, 7); };
  const std::string rest = " - rw discard_passdown error_if_no_space - 1024";
  CHECK(why("7 12/1024 90/100" + rest).empty());
  CHECK(why("6 12/1024 9/100" + rest) == "is at transaction 6, and LVM knows of 7");
  CHECK(why("7 12/1024 92/100" + rest) == "is 92 % full (data): a dump could fill it");
  CHECK(why("7 1000/1024 9/100" + rest) == "is 97 % full (metadata): a dump could fill it");
  CHECK(why("7 12/1024 9/100 - ro discard_passdown error_if_no_space - 1024") ==
        "cannot be written to (ro)");
  CHECK(why("7 12/1024 9/100 - rw discard_passdown error_if_no_space needs_check 1024") ==
        "cannot be written to (needs_check)");
  CHECK(why("Fail") == "does not work (Fail)");
  CHECK(why("") == "does not work ()");
  CHECK(why("7 x y z rw") == "has a use that makes no sense");
  CHECK(why("7 1/0 9/100 - rw") == "has a use that makes no sense");
}
