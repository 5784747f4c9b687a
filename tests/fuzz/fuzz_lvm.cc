// A disk that says it is an LVM PV: label, metadata areas and text; and a text alone.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "init/contract/lvm_metadata.h"

using namespace mkcapture;

namespace {

void use(std::string_view text) {
  const auto group = parse_lvm_group(text);
  if (!group) return;
  for (const auto& volume : group->volumes) {
    if (!lvm_refusal(*group, volume).empty()) continue;
    const auto table = lvm_table(*group, volume, [](const auto&) { return std::string("8:1"); });
    std::uint64_t end = 0;
    for (const auto& target : table) {
      if (target.start != end || target.sectors == 0) std::abort();
      end += target.sectors;
    }
    if (table.empty() || lvm_pvs(*group, volume).empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view disk(reinterpret_cast<const char*>(data), size);
  use(disk);
  const auto pv = read_lvm_pv([&](std::uint64_t offset, std::size_t bytes) -> Result<std::string> {
    if (offset >= disk.size()) return std::string();
    return std::string(disk.substr(static_cast<std::size_t>(offset), bytes));
  });
  if (pv) use(pv->text);
  return 0;
}
