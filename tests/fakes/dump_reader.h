// Small readers of the dump formats for the tests, written from the formats' descriptions and not
// from the writers: whatever both get wrong would have to be wrong twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mkcapture::fakes {

using Bytes = std::vector<std::byte>;
/// Reads bytes of a file; holes and what is behind its end are zeros.
using ReadAt = std::function<Bytes(std::uint64_t offset, std::size_t size)>;

/// A kdump-compressed file of a 64-bit or 32-bit machine.
class KdumpReader {
 public:
  /// Throws std::runtime_error with what is wrong.
  KdumpReader(ReadAt read, bool wide, bool big_endian, bool padded = true);

  int version = 0;
  std::uint32_t status = 0;
  std::uint64_t block = 0, sub_blocks = 0, bitmap_blocks = 0, nr_cpus = 0;
  std::uint64_t seconds = 0, phys_base = 0, max_mapnr = 0, dump_level = 0;
  std::string sysname, nodename, release, machine;
  Bytes notes;
  std::string vmcoreinfo;

  [[nodiscard]] bool present(std::uint64_t pfn) const;
  [[nodiscard]] bool kept(std::uint64_t pfn) const;
  /// The page's bytes; nothing where its descriptor is empty. Throws where it is not kept.
  [[nodiscard]] std::optional<Bytes> page(std::uint64_t pfn) const;
  struct Descriptor {
    std::uint64_t offset = 0;
    std::uint32_t size = 0, flags = 0;
  };
  [[nodiscard]] Descriptor descriptor(std::uint64_t pfn) const;

 private:
  [[nodiscard]] std::uint64_t number(const Bytes& b, std::size_t at, std::size_t n) const;
  ReadAt read_;
  bool big_endian_;
  Bytes present_, kept_;
  std::vector<std::uint64_t> kept_before_;  // for each byte of kept_: bits set before it
  std::uint64_t descriptors_at_ = 0;
};

/// An ELF core.
class ElfReader {
 public:
  explicit ElfReader(ReadAt read);

  int elf_class = 0;
  bool big_endian = false;
  std::uint64_t type = 0, machine = 0;
  Bytes notes;
  struct Load {
    std::uint64_t offset, vaddr, paddr, filesz, memsz;
  };
  std::vector<Load> loads;

  /// Nothing where no PT_LOAD has the address.
  [[nodiscard]] std::optional<Bytes> at(std::uint64_t paddr, std::size_t size) const;
  [[nodiscard]] std::optional<std::uint64_t> offset_of(std::uint64_t paddr) const;

 private:
  ReadAt read_;
};

/// Puts the records of a flattened file in their places. `ended`: whether the end record is there.
struct Unflattened {
  std::map<std::uint64_t, Bytes> records;
  bool ended = false;
  [[nodiscard]] Bytes read(std::uint64_t offset, std::size_t size) const;
};
[[nodiscard]] Unflattened unflatten(const Bytes& stream);

}  // namespace mkcapture::fakes
