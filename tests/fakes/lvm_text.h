// LVM's metadata as text, as lvm2 writes it (lib/format_text/export.c, lib/raid/raid.c,
// lib/thin/thin.c), without what nobody reads.
#pragma once

#include <cstdint>
#include <string>

namespace mkcapture::fakes {

/// 32 characters, another for each name.
inline std::string lvm_id(const std::string& name) {
  std::string id = name;
  for (auto& c : id)
    if (c == '_' || c == '-') c = 'U';
  id.resize(32, 'x');
  return id;
}

/// vg0 with the PVs pv0 to pv4, extents of 1 MiB. `more`: lines that go before its others.
inline std::string lvm_group(const std::string& volumes, const std::string& more = "") {
  std::string text = "vg0 {\n" + more + "id = \"" + lvm_id("vg0") +
                     "\"\nseqno = 7\nstatus = [\"RESIZEABLE\", \"READ\", \"WRITE\"]\n"
                     "extent_size = 2048\nphysical_volumes {\n";
  for (const char* name : {"pv0", "pv1", "pv2", "pv3", "pv4"})
    text += std::string(name) + " {\nid = \"" + lvm_id(name) +
            "\"\nstatus = [\"ALLOCATABLE\"]\nflags = []\npe_start = 2048\n}\n";
  return text + "}\nlogical_volumes {\n" + volumes + "}\n}\n";
}

/// One segment; `what` is its type and what belongs to it.
inline std::string lvm_volume(const std::string& name, const std::string& what, int extents,
                              bool visible = false) {
  return name + " {\nid = \"" + lvm_id(name) + "\"\nstatus = [\"READ\", \"WRITE\"" +
         (visible ? ", \"VISIBLE\"" : "") +
         "]\nflags = []\nsegment_count = 1\nsegment1 {\nstart_extent = 0\nextent_count = " +
         std::to_string(extents) + "\n" + what + "}\n}\n";
}

inline std::string lvm_linear(const std::string& name, const std::string& on, int extents) {
  return lvm_volume(
      name, "type = \"striped\"\nstripe_count = 1\nstripes = [\n\"" + on + "\", 0\n]\n", extents);
}

/// Both parts of a leg.
inline std::string lvm_leg(const std::string& raid, unsigned number, const std::string& on) {
  const std::string n = std::to_string(number);
  return lvm_linear(raid + "_rmeta_" + n, on, 1) + lvm_linear(raid + "_rimage_" + n, on, 40);
}

inline std::string lvm_raid(const std::string& name, const std::string& type, unsigned legs,
                            const std::string& more = "") {
  std::string text = "type = \"" + type + "\"\ndevice_count = " + std::to_string(legs) +
                     "\nregion_size = 4096\n" + more + "raids = [\n";
  for (unsigned i = 0; i < legs; ++i)
    text += (i == 0 ? "\"" : ",\n\"") + name + "_rmeta_" + std::to_string(i) + "\", \"" + name +
            "_rimage_" + std::to_string(i) + "\"";
  return lvm_volume(name, text + "\n]\n", 40, true);
}

inline std::string lvm_thin_pool(const std::string& name, int transaction) {
  return lvm_volume(name,
                    "type = \"thin-pool\"\nmetadata = \"" + name + "_tmeta\"\npool = \"" + name +
                        "_tdata\"\ntransaction_id = " + std::to_string(transaction) +
                        "\ndata_block_size = 128\ndiscards = \"passdown\"\nzero_new_blocks = 1\n",
                    40, true);
}

inline std::string lvm_thin(const std::string& name, const std::string& pool, int id,
                            const std::string& more = "") {
  return lvm_volume(name,
                    "type = \"thin\"\nthin_pool = \"" + pool +
                        "\"\ntransaction_id = 0\ndevice_id = " + std::to_string(id) + "\n" + more,
                    100, true);
}

/// The beginning of a PV with this metadata (lib/label/label.h, lib/format_text/layout.h).
inline std::string lvm_pv(const std::string& name, const std::string& text) {
  constexpr std::size_t kLabel = 512;
  constexpr std::size_t kArea = 4096;
  std::string disk(1 << 20, '\0');
  const auto put = [&](std::size_t at, std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i)
      disk[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> (8 * i));
  };
  const auto crc = [&](std::size_t from, std::size_t bytes) {
    std::uint32_t value = 0xf597a6cf;
    for (std::size_t i = from; i < from + bytes; ++i) {
      value ^= static_cast<unsigned char>(disk[i]);
      for (int bit = 0; bit < 8; ++bit)
        value = value >> 1 ^ (0xedb88320 & (0 - (value & 1)));
    }
    return value;
  };
  disk.replace(kLabel, 8, "LABELONE");
  put(kLabel + 8, 1, 8);
  put(kLabel + 20, 32, 4);
  disk.replace(kLabel + 24, 8, "LVM2 001");
  disk.replace(kLabel + 32, 32, lvm_id(name));
  put(kLabel + 72, 1 << 20, 8);  // data, to the device's end; then metadata
  put(kLabel + 104, kArea, 8);
  put(kLabel + 112, disk.size() - kArea, 8);
  put(kLabel + 16, crc(kLabel + 20, 492), 4);
  disk.replace(kArea + 512, text.size(), text);
  disk.replace(kArea + 4, 16, " LVM2 x[5A%r0N*>");
  put(kArea + 20, 1, 4);
  put(kArea + 24, kArea, 8);
  put(kArea + 32, disk.size() - kArea, 8);
  put(kArea + 40, 512, 8);
  put(kArea + 48, text.size(), 8);
  put(kArea + 56, crc(kArea + 512, text.size()), 4);
  put(kArea, crc(kArea + 4, 508), 4);
  return disk;
}

}  // namespace mkcapture::fakes
