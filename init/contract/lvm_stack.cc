#include "init/contract/lvm_stack.h"

#include <algorithm>

#include "init/base/text.h"
#include "init/base/units.h"

namespace mkcapture {
namespace {

constexpr std::size_t kMaxParts = 512;
constexpr std::size_t kMaxAreas = 1 << 14;  // of all parts together
constexpr std::size_t kMaxLegs = 253;       // of a RAID: dm-raid's own limit
constexpr std::uint64_t kMaxStripe = std::uint64_t{1} << 31;
constexpr std::uint64_t kMaxThinId = (1 << 24) - 1;
constexpr unsigned kMostUsed = 90;  // per cent of a thin pool

/// One copy of what `a + b + c` would put at every place.
[[gnu::noinline]] std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const auto part : parts)
    text.append(part);
  return text;
}

[[gnu::noinline]] std::string decimal(std::uint64_t number) {
  return std::to_string(number);
}

bool is_linear(std::string_view type) {
  return type == "striped" || type == "linear";
}

/// The type as dm-raid calls it: LVM's names for what it does by itself are shorter.
std::string_view raid_type(std::string_view type) {
  if (type == "raid5") return "raid5_ls";
  if (type == "raid6") return "raid6_zr";
  return type == "raid0_meta" ? "raid0" : type;
}

bool is_known_raid(std::string_view type) {
  for (const std::string_view known :
       {"raid0", "raid0_meta", "raid1", "raid4", "raid5", "raid6", "raid10", "raid10_near"}) {
    if (type == known) return true;
  }
  return (type.starts_with("raid5_") || type.starts_with("raid6_")) &&
         type.find(' ') == std::string_view::npos;
}

/// Whether the array works with these legs.
bool is_enough(const LvmSegment& segment, const std::vector<bool>& there) {
  const auto missing = static_cast<std::size_t>(std::count(there.begin(), there.end(), false));
  const std::string_view type = segment.type;
  if (type == "raid1") return missing < there.size();
  if (type == "raid4" || type.starts_with("raid5")) return missing <= 1;
  if (type.starts_with("raid6")) return missing <= 2;
  if (!type.starts_with("raid10")) return missing == 0;
  // Copies are neighbours.
  const auto copies = std::max<std::size_t>(segment.copies, 2);
  for (std::size_t i = 0; i < there.size(); i += copies) {
    const auto end = std::min(i + copies, there.size());
    if (std::count(there.begin() + static_cast<long>(i), there.begin() + static_cast<long>(end),
                   true) == 0)
      return false;
  }
  return true;
}

class Builder {
 public:
  Builder(const LvmGroup& group, const std::vector<LvmDevice>* there)
      : group_(group), there_(there) {}

  /// Adds the volume behind what it stands on; says how it is.
  LvmHealth add(const LvmVolume& volume) {
    if (const auto* known = stack.part(volume.name)) return known->health;
    if (under_way_.size() >= kMaxParts) {
      refuse(volume, "stands on too much");
      return LvmHealth::kBroken;
    }
    for (const auto* above : under_way_) {
      if (above != &volume) continue;
      refuse(volume, "stands on itself");
      return LvmHealth::kBroken;
    }
    under_way_.push_back(&volume);
    LvmHealth health = volume.segments.empty() ? LvmHealth::kBroken : LvmHealth::kWhole;
    check(volume);
    for (const auto& segment : volume.segments) {
      if (!stack.refused.empty()) break;
      health = std::min(health, health_of(volume, segment));
    }
    under_way_.pop_back();
    if (volume.rebuilt) health = LvmHealth::kBroken;
    if (stack.parts.size() < kMaxParts) {
      stack.parts.push_back({&volume, health});
    } else {
      refuse(volume, "stands on too much");
    }
    return health;
  }

  LvmStack stack;

 private:
  void refuse(const LvmVolume& volume, std::string_view why) {
    if (stack.refused.empty()) stack.refused = joined({group_.name, "/", volume.name, " ", why});
  }

  void check(const LvmVolume& volume) {
    if (!volume.refused.empty()) refuse(volume, volume.refused);
    if (volume.segments.empty()) refuse(volume, "has no segments");
    const bool fits = std::all_of(volume.segments.begin(), volume.segments.end(),
                                  [next = std::uint64_t{0}](const auto& segment) mutable {
                                    const bool follows = segment.start == next;
                                    next += segment.count;
                                    return follows;
                                  });
    for (const auto& segment : volume.segments) {
      const auto& type = segment.type;
      const bool thin = type.starts_with("thin");
      const bool raid = is_known_raid(type);
      const std::size_t areas = segment.areas.size();
      // What stands for a leg that was taken away.
      if (type == "error" && under_way_.size() > 1) continue;
      if (!is_linear(type) && !raid && type != "thin" && type != "thin-pool") {
        refuse(volume, joined({"is of type ", type, ", not linear, striped, raid or thin"}));
      } else if (thin && areas == 0) {
        refuse(volume, "has no thin pool");
      } else if (!fits || areas == 0 || (is_linear(type) && segment.count % areas != 0) ||
                 (!is_linear(type) && volume.segments.size() != 1) ||
                 segment.stripe_sectors > kMaxStripe || segment.region_sectors > kMaxStripe ||
                 (areas > 1 && type != "raid1" && segment.stripe_sectors == 0) ||
                 (raid && areas > kMaxLegs) || (thin && segment.id > kMaxThinId) ||
                 (type == "thin-pool" &&
                  (segment.stripe_sectors == 0 || segment.areas[0].meta.empty()))) {
        refuse(volume, "has segments that do not fit together");
      }
    }
    if (under_way_.size() == 1 && is_thin_pool(volume))
      refuse(volume, "is a thin pool, not a volume");
  }

  LvmHealth health_of(const LvmVolume& volume, const LvmSegment& segment) {
    const bool raid = is_known_raid(segment.type);
    LvmHealth all = segment.areas.empty() ? LvmHealth::kBroken : LvmHealth::kWhole;
    std::vector<bool> there;
    for (const auto& area : segment.areas) {
      if (++areas_ > kMaxAreas) {
        refuse(volume, "stands on too much");
        return LvmHealth::kBroken;
      }
      auto one = LvmHealth::kWhole;
      if (!area.meta.empty()) one = health_of(volume, area.meta, false);
      one = std::min(one, health_of(volume, area.name, is_linear(segment.type)));
      there.push_back(one != LvmHealth::kBroken);
      all = std::min(all, one);
    }
    if (!raid || all == LvmHealth::kWhole) return all;
    return is_enough(segment, there) ? LvmHealth::kDegraded : LvmHealth::kBroken;
  }

  LvmHealth health_of(const LvmVolume& volume, const std::string& name, bool may_be_pv) {
    if (const auto* pv = may_be_pv ? group_.pv(name) : nullptr) return health_of(*pv);
    if (const auto* below = group_.named(name)) return add(*below);
    refuse(volume, joined({"lies on ", name, ", which is no PV"}));
    return LvmHealth::kBroken;
  }

  LvmHealth health_of(const LvmGroup::Pv& pv) {
    auto known = std::find_if(stack.pvs.begin(), stack.pvs.end(),
                              [&](const auto& one) { return one.pv == &pv; });
    if (known == stack.pvs.end()) {
      stack.pvs.push_back({&pv, there_ == nullptr ? pv.name : std::string()});
      known = stack.pvs.end() - 1;
      for (std::size_t i = 0; there_ != nullptr && i < there_->size(); ++i)
        if ((*there_)[i].uuid == pv.uuid) known->device = (*there_)[i].number;
    }
    return known->device.empty() || pv.missing ? LvmHealth::kBroken : LvmHealth::kWhole;
  }

  const LvmGroup& group_;
  const std::vector<LvmDevice>* there_;
  std::vector<const LvmVolume*> under_way_;
  std::size_t areas_ = 0;
};

/// The devices of a leg, metadata first; "-" for both where one is missing.
std::string leg_of(const LvmStack& stack, const LvmSegment::Area& area) {
  const auto* data = stack.part(area.name);
  const auto* meta = area.meta.empty() ? nullptr : stack.part(area.meta);
  const bool there = data != nullptr && !data->device.empty() &&
                     (area.meta.empty() || (meta != nullptr && !meta->device.empty()));
  if (!there) return " - -";
  return joined({" ", meta == nullptr ? "-" : meta->device, " ", data->device});
}

std::string raid_parameters(const LvmStack& stack, const LvmSegment& segment) {
  const bool region = segment.region_sectors != 0;
  const bool copies = segment.copies != 0 && segment.type.starts_with("raid10");
  std::string text = joined(
      {raid_type(segment.type), " ", decimal(1U + 2U * region + 2U * copies), " ",
       decimal(segment.type == "raid1" ? 0 : segment.stripe_sectors), region ? " region_size " : "",
       region ? decimal(segment.region_sectors) : "", copies ? " raid10_copies " : "",
       copies ? decimal(segment.copies) : "", " ", decimal(segment.areas.size())});
  for (const auto& area : segment.areas)
    text += leg_of(stack, area);
  return text;
}

std::string device_of(const LvmStack& stack, std::string_view name) {
  const auto* part = stack.part(name);
  return part == nullptr ? std::string() : part->device;
}

std::string linear_parameters(const LvmGroup& group, const LvmStack& stack,
                              const LvmSegment& segment) {
  std::string text;
  if (segment.areas.size() > 1)
    text = joined({decimal(segment.areas.size()), " ", decimal(segment.stripe_sectors)});
  for (const auto& area : segment.areas) {
    std::uint64_t sector = area.start * group.extent_sectors;
    std::string device;
    if (const auto* pv = group.pv(area.name)) {
      sector += pv->data_sector;
      for (const auto& one : stack.pvs)
        if (one.pv == pv) device = one.device;
    } else {
      device = device_of(stack, area.name);
    }
    text += joined({text.empty() ? "" : " ", device, " ", decimal(sector)});
  }
  return text;
}

}  // namespace

const LvmPart* LvmStack::part(std::string_view name) const {
  const auto found = std::find_if(parts.begin(), parts.end(),
                                  [&](const auto& part) { return part.volume->name == name; });
  return found == parts.end() ? nullptr : &*found;
}

LvmStack lvm_stack(const LvmGroup& group, const LvmVolume& volume,
                   const std::vector<LvmDevice>* there) {
  Builder builder(group, there);
  if (group.refused.empty()) {
    builder.add(volume);
  } else {
    builder.stack.refused = group.name + " " + group.refused;
  }
  return std::move(builder.stack);
}

std::string lvm_refusal(const LvmGroup& group, const LvmVolume& volume) {
  auto stack = lvm_stack(group, volume, nullptr);
  if (!stack.refused.empty() || stack.health() != LvmHealth::kBroken) return stack.refused;
  std::string missing;
  for (const auto& [pv, device] : stack.pvs)
    if (pv->missing) missing += (missing.empty() ? "" : ", ") + pv->name;
  return joined({group.name, "/", volume.name, " lies on ",
                 missing.empty() ? "legs that hold no data" : std::string_view(missing),
                 missing.empty() ? "" : ", a PV that is marked as missing"});
}

std::vector<DmTarget> lvm_table(const LvmGroup& group, const LvmStack& stack,
                                const LvmVolume& volume) {
  std::vector<DmTarget> table;
  for (const auto& segment : volume.segments) {
    DmTarget target{segment.start * group.extent_sectors, segment.count * group.extent_sectors,
                    segment.type, ""};
    if (is_linear(segment.type)) {
      target.type = segment.areas.size() == 1 ? "linear" : "striped";
      target.parameters = linear_parameters(group, stack, segment);
    } else if (segment.type == "thin") {
      target.parameters =
          joined({device_of(stack, segment.areas[0].name), " ", decimal(segment.id)});
    } else if (segment.type == "thin-pool") {
      // Full, it says so at once: nobody will make it larger.
      target.parameters =
          joined({device_of(stack, segment.areas[0].meta), " ",
                  device_of(stack, segment.areas[0].name), " ", decimal(segment.stripe_sectors),
                  " 0 ", segment.zero_new ? "1" : "2 skip_block_zeroing", " error_if_no_space"});
    } else {
      target.type = "raid";
      target.parameters = raid_parameters(stack, segment);
    }
    table.push_back(std::move(target));
  }
  return table;
}

std::vector<std::string_view> lvm_modules(const LvmVolume& volume) {
  std::vector<std::string_view> modules{"dm_mod"};
  if (volume.segments.empty()) return modules;
  const std::string_view type = volume.segments[0].type;
  if (type.starts_with("thin")) modules.push_back("dm_thin_pool");
  if (!type.starts_with("raid")) return modules;
  modules.push_back(type.starts_with("raid10")  ? "raid10"
                    : type == "raid1"           ? "raid1"
                    : type.starts_with("raid0") ? "raid0"
                                                : "raid456");
  modules.push_back("dm_raid");
  return modules;
}

std::string thin_pool_refusal(std::string_view status, std::uint64_t transaction) {
  // TRANSACTION USED/ALL(metadata) USED/ALL(data) ROOT MODE ...
  const auto words = split(trim(status), ' ');
  if (words.size() < 5 || words[0] == "Fail") return joined({"does not work (", status, ")"});
  const auto now = parse_number(words[0]);
  if (!now || *now != transaction) {
    return joined({"is at transaction ", words[0], ", and LVM knows of ", decimal(transaction)});
  }
  for (const std::size_t n : {1, 2}) {
    const auto slash = words[n].find('/');
    const auto used = parse_number(words[n].substr(0, slash));
    const auto all =
        slash == std::string_view::npos ? used : parse_number(words[n].substr(slash + 1));
    constexpr std::uint64_t kMost = ~std::uint64_t{0} / 100;
    if (!used || !all || *all == 0 || *used > *all || *used > kMost)
      return "has a use that makes no sense";
    const auto percent = 100 * *used / *all;
    if (percent > kMostUsed) {
      return joined({"is ", decimal(percent), " % full (", n == 1 ? "metadata" : "data",
                     "): a dump could fill it"});
    }
  }
  for (const auto word : words) {
    if (word == "ro" || word == "out_of_data_space" || word == "needs_check")
      return joined({"cannot be written to (", word, ")"});
  }
  return {};
}

}  // namespace mkcapture
