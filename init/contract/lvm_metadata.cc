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

Status parse_stripes(const LvmSection& section, LvmSegment& segment) {
  const auto elements = section.find("stripes")->elements();
  for (std::size_t i = 0; i + 1 < elements.size(); i += 2) {
    const auto start = parse_number(elements[i + 1]);
    if (!start || *start > kMaxExtents) return fail("a stripe with impossible numbers");
    segment.areas.push_back({std::string(elements[i]), *start, {}});
  }
  if (segment.areas.empty() || segment.areas.size() != number(section, "stripe_count", 0)) {
    return fail("a segment with another number of stripes than it says");
  }
  return {};
}

/// Volumes in pairs, that with the metadata first (lvm2: lib/raid/raid.c); raid0 mostly has none.
Status parse_legs(const LvmSection& section, LvmSegment& segment) {
  segment.region_sectors = number(section, "region_size", 0);
  segment.copies = number(section, "data_copies", 0);
  const auto plain = section.find("raid0_lvs");
  const auto pairs = section.find("raids");
  const auto names = plain   ? plain->elements()
                     : pairs ? pairs->elements()
                             : decltype(plain->elements())();
  const std::size_t step = plain ? 1 : 2;
  for (std::size_t i = 0; i + step <= names.size(); i += step) {
    segment.areas.push_back(
        {std::string(names[i + step - 1]), 0, plain ? std::string() : std::string(names[i])});
  }
  const auto count = number(section, "device_count", number(section, "stripe_count", 0));
  if (segment.areas.empty() || segment.areas.size() != count || names.size() != step * count) {
    return fail("a segment with another number of devices than it says");
  }
  // The data of a volume that was reshaped begins elsewhere.
  if (section.find("reshape_count") || section.find("data_offset")) segment.type += " (reshaped)";
  return {};
}

/// lvm2: lib/thin/thin.c
void parse_thin(const LvmSection& section, LvmSegment& segment) {
  const bool pool = segment.type == "thin-pool";
  const auto below = section.find(pool ? "pool" : "thin_pool");
  const auto meta = section.find("metadata");
  segment.id = number(section, pool ? "transaction_id" : "device_id", ~std::uint64_t{0});
  segment.stripe_sectors = number(section, "data_block_size", number(section, "chunk_size", 0));
  segment.zero_new = number(section, "zero_new_blocks", 0) != 0;
  if (below) {
    segment.areas.push_back(
        {std::string(below->text()), 0, pool && meta ? std::string(meta->text()) : std::string()});
  }
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
  for (const std::string_view other :
       {"origin", "cow_store", "merging_store", "external_origin", "merge"}) {
    // Thin snapshots share blocks, which neither writes to.
    if (segment.type == "thin" && other == "origin") continue;
    if (const auto name = section.find(other)) segment.entangled.emplace_back(name->text());
  }
  if (segment.type.starts_with("raid")) {
    TRY(parse_legs(section, segment));
  } else if (segment.type.starts_with("thin")) {
    parse_thin(section, segment);
  } else if (section.find("stripes")) {
    TRY(parse_stripes(section, segment));
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
  volume.rebuilt = has_flag(section, "REBUILD");
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
