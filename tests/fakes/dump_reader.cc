#include "tests/fakes/dump_reader.h"

#include <lzo/lzo1x.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace mkcapture::fakes {
namespace {

std::uint64_t load(const Bytes& b, std::size_t at, std::size_t n, bool big_endian) {
  if (at + n > b.size()) throw std::runtime_error("short read");
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto byte = static_cast<std::uint64_t>(b[at + i]);
    v |= byte << (8 * (big_endian ? n - 1 - i : i));
  }
  return v;
}

std::string text(const Bytes& b, std::size_t at, std::size_t n) {
  const std::string all(reinterpret_cast<const char*>(b.data() + at), n);
  return all.substr(0, all.find('\0'));
}

bool bit(const Bytes& bits, std::uint64_t pfn) {
  return pfn / 8 < bits.size() && ((static_cast<unsigned>(bits[pfn / 8]) >> (pfn % 8)) & 1U) != 0;
}

Bytes unpack(const Bytes& data, std::uint32_t flags, std::size_t page_size) {
  if (flags == 0) {
    if (data.size() != page_size) throw std::runtime_error("raw page of a wrong size");
    return data;
  }
  Bytes page(page_size);
  auto* const out = reinterpret_cast<unsigned char*>(page.data());
  const auto* const in = reinterpret_cast<const unsigned char*>(data.data());
  std::size_t size = 0;
  if (flags == 0x1) {
    uLongf n = page_size;
    if (uncompress(out, &n, in, data.size()) != Z_OK) throw std::runtime_error("zlib");
    size = n;
  } else if (flags == 0x2) {
    lzo_uint n = page_size;
    if (lzo1x_decompress_safe(in, data.size(), out, &n, nullptr) != LZO_E_OK) {
      throw std::runtime_error("lzo");
    }
    size = n;
  } else if (flags == 0x4) {
    const auto* const chars = reinterpret_cast<const char*>(in);
    if (!snappy::GetUncompressedLength(chars, data.size(), &size) || size > page_size ||
        !snappy::RawUncompress(chars, data.size(), reinterpret_cast<char*>(out))) {
      throw std::runtime_error("snappy");
    }
  } else if (flags == 0x20) {
    size = ZSTD_decompress(out, page_size, in, data.size());
  } else {
    throw std::runtime_error("unknown page flags");
  }
  if (size != page_size) throw std::runtime_error("unpacked to a wrong size");
  return page;
}

}  // namespace

std::uint64_t KdumpReader::number(const Bytes& b, std::size_t at, std::size_t n) const {
  return load(b, at, n, big_endian_);
}

KdumpReader::KdumpReader(ReadAt read, bool wide, bool big_endian, bool padded)
    : read_(std::move(read)), big_endian_(big_endian) {
  const std::size_t word = wide ? 8 : 4;
  const Bytes h = read_(0, 4096);
  if (text(h, 0, 8) != "KDUMP   ") throw std::runtime_error("no kdump signature");
  version = static_cast<int>(number(h, 8, 4));
  sysname = text(h, 12, 65);
  nodename = text(h, 12 + 65, 65);
  release = text(h, 12 + 2 * 65, 65);
  machine = text(h, 12 + 4 * 65, 65);
  std::size_t at = wide ? 408 : 404;
  seconds = number(h, at, word);
  at += 2 * word;
  status = static_cast<std::uint32_t>(number(h, at, 4));
  block = number(h, at + 4, 4);
  sub_blocks = number(h, at + 8, 4);
  bitmap_blocks = number(h, at + 12, 4);
  nr_cpus = number(h, at + 36, 4);

  const Bytes s = read_(block, 256);
  phys_base = number(s, 0, word);
  dump_level = number(s, word, 4);
  const bool pad = !wide && padded;
  std::size_t p = word + 8 + 2 * word + (pad ? 4 : 0);
  const std::uint64_t step = 8 + word + (pad ? 4 : 0);
  const std::uint64_t info_at = number(s, p, 8);
  const std::uint64_t info_size = number(s, p + 8, word);
  const std::uint64_t notes_at = number(s, p + step, 8);
  const std::uint64_t notes_size = number(s, p + step + 8, word);
  max_mapnr = number(s, p + 3 * step + 16, 8);
  const Bytes info = read_(info_at, info_size);
  vmcoreinfo = std::string(reinterpret_cast<const char*>(info.data()), info.size());
  notes = read_(notes_at, notes_size);

  const std::uint64_t bitmap_at = block * (1 + sub_blocks);
  const std::uint64_t bitmap_bytes = block * bitmap_blocks;
  present_ = read_(bitmap_at, bitmap_bytes / 2);
  kept_ = read_(bitmap_at + bitmap_bytes / 2, bitmap_bytes / 2);
  descriptors_at_ = bitmap_at + bitmap_bytes;
  std::uint64_t kept = 0;
  for (const std::byte b : kept_) {
    kept_before_.push_back(kept);
    kept += static_cast<unsigned>(__builtin_popcount(static_cast<unsigned>(b)));
  }
}

bool KdumpReader::present(std::uint64_t pfn) const {
  return bit(present_, pfn);
}
bool KdumpReader::kept(std::uint64_t pfn) const {
  return bit(kept_, pfn);
}

KdumpReader::Descriptor KdumpReader::descriptor(std::uint64_t pfn) const {
  if (!kept(pfn)) throw std::runtime_error("page is not in the dump");
  std::uint64_t rank = kept_before_[pfn / 8];
  for (std::uint64_t i = pfn / 8 * 8; i < pfn; ++i)
    rank += kept(i) ? 1 : 0;
  const Bytes d = read_(descriptors_at_ + rank * 24, 24);
  return {number(d, 0, 8), static_cast<std::uint32_t>(number(d, 8, 4)),
          static_cast<std::uint32_t>(number(d, 12, 4))};
}

std::optional<Bytes> KdumpReader::page(std::uint64_t pfn) const {
  const Descriptor d = descriptor(pfn);
  if (d.offset == 0 || d.offset >> 62 != 0) return std::nullopt;  // not there (yet), or unreadable
  return unpack(read_(d.offset, d.size), d.flags, block);
}

ElfReader::ElfReader(ReadAt read) : read_(std::move(read)) {
  const Bytes h = read_(0, 64);
  if (text(h, 1, 3) != "ELF" || h[0] != std::byte{0x7f}) throw std::runtime_error("not ELF");
  elf_class = h[4] == std::byte{2} ? 64 : 32;
  big_endian = h[5] == std::byte{2};
  const bool wide = elf_class == 64;
  type = load(h, 16, 2, big_endian);
  machine = load(h, 18, 2, big_endian);
  const std::uint64_t phoff = wide ? load(h, 32, 8, big_endian) : load(h, 28, 4, big_endian);
  const std::size_t size = load(h, wide ? 54 : 42, 2, big_endian);
  const std::size_t count = load(h, wide ? 56 : 44, 2, big_endian);
  for (std::size_t i = 0; i < count; ++i) {
    const Bytes p = read_(phoff + i * size, size);
    const auto field = [&](std::size_t at64, std::size_t at32) {
      return wide ? load(p, at64, 8, big_endian) : load(p, at32, 4, big_endian);
    };
    const Load l{field(8, 4), field(16, 8), field(24, 12), field(32, 16), field(40, 20)};
    const std::uint64_t kind = load(p, 0, 4, big_endian);
    if (kind == 4) notes = read_(l.offset, l.filesz);
    if (kind == 1) loads.push_back(l);
  }
}

std::optional<std::uint64_t> ElfReader::offset_of(std::uint64_t paddr) const {
  for (const Load& l : loads) {
    if (paddr >= l.paddr && paddr < l.paddr + l.filesz) return l.offset + (paddr - l.paddr);
  }
  return std::nullopt;
}

std::optional<Bytes> ElfReader::at(std::uint64_t paddr, std::size_t size) const {
  const auto offset = offset_of(paddr);
  if (!offset) return std::nullopt;
  return read_(*offset, size);
}

Bytes Unflattened::read(std::uint64_t offset, std::size_t size) const {
  Bytes out(size);
  auto r = records.upper_bound(offset);
  if (r != records.begin()) --r;
  for (; r != records.end() && r->first < offset + size; ++r) {
    const std::uint64_t from = std::max(offset, r->first);
    const std::uint64_t to = std::min(offset + size, r->first + r->second.size());
    for (std::uint64_t i = from; i < to; ++i)
      out[i - offset] = r->second[i - r->first];
  }
  return out;
}

Unflattened unflatten(const Bytes& stream) {
  if (text(stream, 0, 16) != "makedumpfile") throw std::runtime_error("no flat signature");
  if (load(stream, 16, 8, true) != 1 || load(stream, 24, 8, true) != 1) {
    throw std::runtime_error("type or version");
  }
  Unflattened u;
  std::size_t at = 4096;
  while (at + 16 <= stream.size()) {
    const std::uint64_t offset = load(stream, at, 8, true);
    const std::uint64_t size = load(stream, at + 8, 8, true);
    at += 16;
    if (offset == ~std::uint64_t{0}) {
      u.ended = at == stream.size();
      break;
    }
    if (at + size > stream.size()) break;
    auto& record = u.records[offset];
    if (!record.empty()) throw std::runtime_error("two records at one offset");
    record.assign(stream.begin() + static_cast<long>(at),
                  stream.begin() + static_cast<long>(at + size));
    at += size;
  }
  return u;
}

}  // namespace mkcapture::fakes
