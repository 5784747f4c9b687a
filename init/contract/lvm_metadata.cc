#include "init/contract/lvm_metadata.h"

#include <algorithm>
#include <cstring>

#include "init/base/text.h"
#include "init/base/units.h"
#include "init/contract/lvm_text.h"
#include "init/contract/storage.h"

namespace mkcapture {
namespace {

constexpr std::size_t kSector = 512;
constexpr std::size_t kLabelSectors = 4;
constexpr std::string_view kLabelMagic = "LABELONE";
constexpr std::string_view kLabelType = "LVM2 001";
constexpr std::size_t kUuidLength = 32;
constexpr std::string_view kAreaMagic = " LVM2 x[5A%r0N*>";
constexpr std::size_t kAreaHeader = 512;
constexpr std::uint64_t kMaxText = 4 << 20;  // 500 volumes take about half a MiB
constexpr std::uint32_t kIgnored = 1;        // a raw location's flag
constexpr std::size_t kMaxAreas = 8;         // of metadata on one PV; LVM makes two at most

constexpr std::size_t kMaxEntries = 8192;  // of one section
constexpr std::uint64_t kMaxExtents = 0xffffffff;
constexpr std::uint64_t kMaxExtentSectors = std::uint64_t{1} << 31;
constexpr std::uint64_t kMaxSector = std::uint64_t{1} << 54;

// Everything on disk is little endian.
std::uint64_t number_at(std::string_view data, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(data[at + i]);
  return value;
}
std::uint32_t u32(std::string_view data, std::size_t at) {
  return static_cast<std::uint32_t>(number_at(data, at, 4));
}
std::uint64_t u64(std::string_view data, std::size_t at) {
  return number_at(data, at, 8);
}

std::uint32_t crc(std::string_view data) {
  std::uint32_t value = 0xf597a6cf;
  for (const char c : data) {
    value ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit)
      value = value >> 1 ^ (0xedb88320 & (0 - (value & 1)));
  }
  return value;
}

struct Area {
  std::uint64_t offset;
  std::uint64_t bytes;
};
struct Label {
  std::string uuid;
  std::vector<Area> areas;
};

/// The PV header behind the label in `sector`: UUID, size, data areas up to an empty one, metadata
/// areas up to an empty one.
Label parse_pv_header(std::string_view sector, std::size_t at) {
  Label label;
  label.uuid = sector.substr(at, kUuidLength);
  at += kUuidLength + 8;
  for (bool of_data = true; at + 16 <= sector.size(); at += 16) {
    const Area area{u64(sector, at), u64(sector, at + 8)};
    if (area.offset == 0) {
      if (!of_data) break;
      of_data = false;
    } else if (!of_data && label.areas.size() < kMaxAreas) {
      label.areas.push_back(area);
    }
  }
  return label;
}

std::optional<Label> parse_label(std::string_view head) {
  for (std::size_t n = 0; n < kLabelSectors && (n + 1) * kSector <= head.size(); ++n) {
    const auto sector = head.substr(n * kSector, kSector);
    if (!sector.starts_with(kLabelMagic) || u64(sector, 8) != n) continue;
    if (sector.substr(24, kLabelType.size()) != kLabelType) continue;
    if (u32(sector, 16) != crc(sector.substr(20))) continue;
    const std::size_t at = u32(sector, 20);
    if (at < 32 || at + kUuidLength + 8 > kSector) continue;
    return parse_pv_header(sector, at);
  }
  return std::nullopt;
}

/// The text of one metadata area; empty where there is none, or none that is right.
std::string read_area(const ReadAt& read, const Area& area) {
  const auto header = read(area.offset, kAreaHeader);
  if (!header || header->size() != kAreaHeader) return {};
  const std::string_view data = *header;
  if (data.substr(4, kAreaMagic.size()) != kAreaMagic || u32(data, 0) != crc(data.substr(4)) ||
      u32(data, 20) != 1 || u64(data, 24) != area.offset) {
    return {};
  }
  const std::uint64_t size = std::min(u64(data, 32), area.bytes);
  const std::uint64_t offset = u64(data, 40);
  const std::uint64_t bytes = u64(data, 48);
  const bool ignored = (u32(data, 60) & kIgnored) != 0;
  if (ignored || offset < kAreaHeader || offset >= size || bytes == 0 || bytes > kMaxText ||
      bytes > size - kAreaHeader) {
    return {};
  }
  // The text lies in a ring behind the header.
  const std::uint64_t first = std::min(bytes, size - offset);
  auto text = read(area.offset + offset, static_cast<std::size_t>(first));
  if (!text) return {};
  if (first < bytes) {
    const auto rest = read(area.offset + kAreaHeader, static_cast<std::size_t>(bytes - first));
    if (!rest) return {};
    *text += *rest;
  }
  if (text->size() != bytes || crc(*text) != u32(data, 56)) return {};
  return *std::move(text);
}

std::string uuid_of(const LvmSection& section) {
  const auto id = section.find("id");
  return id ? without_dashes(id->text()) : std::string();
}

std::uint64_t number(const LvmSection& section, std::string_view name, std::uint64_t otherwise) {
  const auto entry = section.find(name);
  if (!entry) return otherwise;
  const auto value = parse_number(entry->value);
  return value ? *value : otherwise;
}

bool has_flag(const LvmSection& section, std::string_view flag) {
  for (const std::string_view list : {"status", "flags"}) {
    const auto entry = section.find(list);
    if (!entry) continue;
    const auto all = entry->elements();
    if (std::find(all.begin(), all.end(), flag) != all.end()) return true;
  }
  return false;
}

Result<LvmSegment> parse_segment(const LvmSection& section) {
  LvmSegment segment;
  segment.start = number(section, "start_extent", kMaxExtents + 1);
  segment.count = number(section, "extent_count", 0);
  if (segment.start > kMaxExtents || segment.count == 0 || segment.count > kMaxExtents) {
    return fail("a segment with impossible numbers");
  }
  if (const auto type = section.find("type")) segment.type = type->text();
  segment.stripe_sectors = number(section, "stripe_size", 0);
  for (const std::string_view other : {"origin", "cow_store", "merging_store", "external_origin"}) {
    if (const auto name = section.find(other)) segment.entangled.emplace_back(name->text());
  }
  const auto stripes = section.find("stripes");
  if (!stripes) return segment;
  const auto elements = stripes->elements();
  for (std::size_t i = 0; i + 1 < elements.size(); i += 2) {
    const auto start = parse_number(elements[i + 1]);
    if (!start || *start > kMaxExtents) return fail("a stripe with impossible numbers");
    segment.areas.push_back({std::string(elements[i]), *start});
  }
  if (segment.areas.empty() || segment.areas.size() != number(section, "stripe_count", 0)) {
    return fail("a segment with another number of stripes than it says");
  }
  return segment;
}

Result<LvmVolume> parse_volume(std::string_view name, const LvmSection& section) {
  LvmVolume volume;
  volume.name = name;
  volume.uuid = uuid_of(section);
  volume.visible = has_flag(section, "VISIBLE");
  if (!has_flag(section, "WRITE")) volume.refused = "is read-only";
  if (has_flag(section, "PVMOVE")) volume.refused = "is being moved by pvmove";
  if (has_flag(section, "LOCKED")) volume.refused = "is locked (a pvmove that has not ended)";
  for (const auto& entry : section.entries(kMaxEntries)) {
    if (!entry.is_section || !entry.name.starts_with("segment")) continue;
    TRY_ASSIGN(segment, parse_segment(LvmSection(entry.value)));
    volume.segments.push_back(std::move(segment));
  }
  return volume;
}

/// The origin of a snapshot written to without the snapshot's knowledge would spoil it.
void refuse_entangled(LvmGroup& group) {
  for (const auto& volume : group.volumes) {
    for (const auto& segment : volume.segments) {
      for (auto& other : group.volumes) {
        const auto& names = segment.entangled;
        if (std::find(names.begin(), names.end(), other.name) != names.end())
          other.refused = "has snapshots, or is one";
      }
    }
  }
}

std::string group_refusal(const LvmSection& section) {
  if (has_flag(section, "EXPORTED")) return "is exported (vgexport)";
  if (has_flag(section, "CLUSTERED") || has_flag(section, "SHARED")) return "is a cluster's";
  const auto lock = section.find("lock_type");
  if (lock && lock->text() != "none") {
    return "is shared with other machines (lock_type " + std::string(lock->text()) + ")";
  }
  return {};
}

}  // namespace

Result<LvmPv> read_lvm_pv(const ReadAt& read) {
  TRY_ASSIGN(head, read(0, kLabelSectors * kSector));
  const auto label = parse_label(head);
  if (!label) return fail("no LVM2 label with a right checksum");
  LvmPv pv{label->uuid, {}};
  std::uint64_t newest = 0;
  for (const auto& area : label->areas) {
    std::string text = read_area(read, area);
    const auto version = lvm_version(text);
    if (!version || (!pv.text.empty() && version->seqno <= newest)) continue;
    newest = version->seqno;
    pv.text = std::move(text);
  }
  return pv;
}

std::optional<LvmVersion> lvm_version(std::string_view text) {
  const auto group = LvmSection(text).entries(1);
  if (group.empty() || !group[0].is_section) return std::nullopt;
  const LvmSection section(group[0].value);
  LvmVersion version{uuid_of(section), number(section, "seqno", 0)};
  if (version.uuid.size() != kUuidLength) return std::nullopt;
  return version;
}

Result<LvmGroup> parse_lvm_group(std::string_view text) {
  const auto entries = LvmSection(text).entries(1);
  if (entries.empty() || !entries[0].is_section) return fail("not the metadata of a volume group");
  const LvmSection section(entries[0].value);
  LvmGroup group;
  group.name = entries[0].name;
  group.uuid = uuid_of(section);
  group.seqno = number(section, "seqno", 0);
  group.extent_sectors = number(section, "extent_size", 0);
  group.refused = group_refusal(section);
  if (const auto owner = section.find("system_id")) group.system_id = owner->text();
  if (group.uuid.size() != kUuidLength || group.extent_sectors == 0 ||
      group.extent_sectors > kMaxExtentSectors) {
    return fail("the metadata of " + group.name + " has impossible numbers");
  }
  if (const auto pvs = section.find("physical_volumes"); pvs && pvs->is_section) {
    for (const auto& entry : LvmSection(pvs->value).entries(kMaxEntries)) {
      if (!entry.is_section) continue;
      const LvmSection pv(entry.value);
      group.pvs.push_back({std::string(entry.name), uuid_of(pv),
                           number(pv, "pe_start", kMaxSector + 1), has_flag(pv, "MISSING")});
      if (group.pvs.back().data_sector > kMaxSector) {
        return fail("a PV of " + group.name + " has impossible numbers");
      }
    }
  }
  if (const auto volumes = section.find("logical_volumes"); volumes && volumes->is_section) {
    for (const auto& entry : LvmSection(volumes->value).entries(kMaxEntries)) {
      if (!entry.is_section) continue;
      auto volume = parse_volume(entry.name, LvmSection(entry.value));
      if (!volume) {
        return std::move(volume).error().within(group.name + "/" + std::string(entry.name));
      }
      group.volumes.push_back(*std::move(volume));
    }
  }
  refuse_entangled(group);
  return group;
}

const LvmVolume* LvmGroup::find(std::string_view volume_uuid) const {
  const auto found = std::find_if(volumes.begin(), volumes.end(),
                                  [&](const auto& v) { return v.uuid == volume_uuid; });
  return found == volumes.end() ? nullptr : &*found;
}
const LvmVolume* LvmGroup::named(std::string_view volume) const {
  const auto found =
      std::find_if(volumes.begin(), volumes.end(), [&](const auto& v) { return v.name == volume; });
  return found == volumes.end() ? nullptr : &*found;
}
const LvmGroup::Pv* LvmGroup::pv(std::string_view key) const {
  const auto found =
      std::find_if(pvs.begin(), pvs.end(), [&](const auto& p) { return p.name == key; });
  return found == pvs.end() ? nullptr : &*found;
}

std::string lvm_refusal(const LvmGroup& group, const LvmVolume& volume) {
  const std::string name = group.name + "/" + volume.name;
  if (!group.refused.empty()) return group.name + " " + group.refused;
  if (!volume.refused.empty()) return name + " " + volume.refused;
  std::uint64_t next = 0;
  for (const auto& segment : volume.segments) {
    if (segment.type != "striped" && segment.type != "linear") {
      return name + " is of type " + segment.type + ", not linear or striped";
    }
    const std::size_t stripes = segment.areas.size();
    if (segment.start != next || stripes == 0 || segment.count % stripes != 0 ||
        (stripes > 1 && (segment.stripe_sectors == 0 || segment.stripe_sectors > kMaxSector))) {
      return name + " has segments that do not fit together";
    }
    next += segment.count;
    for (const auto& area : segment.areas) {
      const auto* pv = group.pv(area.name);
      if (pv == nullptr) return name + " lies on " + area.name + ", which is no PV";
      if (pv->missing) return name + " lies on " + area.name + ", a PV that is marked as missing";
    }
  }
  if (volume.segments.empty()) return name + " has no segments";
  return {};
}

std::vector<const LvmGroup::Pv*> lvm_pvs(const LvmGroup& group, const LvmVolume& volume) {
  std::vector<const LvmGroup::Pv*> all;
  for (const auto& segment : volume.segments) {
    for (const auto& area : segment.areas) {
      const auto* pv = group.pv(area.name);
      if (pv != nullptr && std::find(all.begin(), all.end(), pv) == all.end()) all.push_back(pv);
    }
  }
  return all;
}

std::vector<DmTarget> lvm_table(const LvmGroup& group, const LvmVolume& volume,
                                const std::function<std::string(const LvmGroup::Pv&)>& device_of) {
  std::vector<DmTarget> table;
  for (const auto& segment : volume.segments) {
    const bool linear = segment.areas.size() == 1;
    DmTarget target{segment.start * group.extent_sectors, segment.count * group.extent_sectors,
                    linear ? "linear" : "striped", ""};
    if (!linear) {
      target.parameters =
          std::to_string(segment.areas.size()) + " " + std::to_string(segment.stripe_sectors) + " ";
    }
    for (const auto& area : segment.areas) {
      const auto* pv = group.pv(area.name);
      if (pv == nullptr) continue;
      if (!target.parameters.empty() && !target.parameters.ends_with(' ')) target.parameters += ' ';
      target.parameters += device_of(*pv) + " " +
                           std::to_string(pv->data_sector + area.start * group.extent_sectors);
    }
    table.push_back(std::move(target));
  }
  return table;
}

std::string lvm_mapper_name(std::string_view group, std::string_view volume) {
  std::string name;
  const auto append = [&name](std::string_view part) {
    for (const char c : part)
      name.append(c == '-' ? 2 : 1, c);
  };
  append(group);
  name += '-';
  append(volume);
  return name;
}

}  // namespace mkcapture
