// A disk that says it is an LVM PV: label, metadata areas and text; and a text alone.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "init/contract/lvm_stack.h"

using namespace mkcapture;

namespace {

void check_table(const std::vector<DmTarget>& table) {
  std::uint64_t end = 0;
  for (const auto& target : table) {
    if (target.start != end || target.sectors == 0 || target.parameters.empty()) std::abort();
    end += target.sectors;
  }
}

void use(std::string_view text) {
  const auto group = parse_lvm_group(text);
  if (!group) return;
  for (const auto& volume : group->volumes) {
    if (!lvm_refusal(*group, volume).empty()) continue;
    auto stack = lvm_stack(*group, volume, nullptr);
    if (stack.parts.empty() || stack.parts.back().volume != &volume) std::abort();
    for (auto& part : stack.parts) {
      if (part.health == LvmHealth::kBroken) continue;  // a leg that is not brought up
      check_table(lvm_table(*group, stack, *part.volume));
      part.device = "253:1";
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view disk(reinterpret_cast<const char*>(data), size);
  use(disk);
  (void)thin_pool_refusal(disk, 1);
  const auto pv = read_lvm_pv([&](std::uint64_t offset, std::size_t bytes) -> Result<std::string> {
    if (offset >= disk.size()) return std::string();
    return std::string(disk.substr(static_cast<std::size_t>(offset), bytes));
  });
  if (pv) use(pv->text);
  return 0;
}
