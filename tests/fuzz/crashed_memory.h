// For the fuzz targets of the dump engine: a vmcore and a machine's memory from the fuzzer's bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "init/dump/core/core_file.h"
#include "init/dump/kernel/arch/arch.h"
#include "init/dump/kernel/kernel_memory.h"
#include "init/output/output.h"

namespace mkcapture::fuzz {

using namespace dump;

class BytesFile final : public CoreFile {
 public:
  explicit BytesFile(Bytes bytes) : bytes_(bytes) {}
  [[nodiscard]] std::uint64_t size() const noexcept override { return bytes_.size(); }
  [[nodiscard]] std::size_t read(std::uint64_t offset,
                                 std::span<std::byte> out) const noexcept override {
    if (offset >= bytes_.size()) return 0;
    const std::size_t n = std::min<std::uint64_t>(out.size(), bytes_.size() - offset);
    std::copy_n(bytes_.data() + offset, n, out.begin());
    return n;
  }
  [[nodiscard]] FileMapping map(std::uint64_t, std::size_t) const noexcept override { return {}; }

 private:
  Bytes bytes_;
};

/// Counts what is written and looks at the order.
class CountingOutput final : public Output {
 public:
  [[nodiscard]] bool seekable() const noexcept override { return false; }
  Status write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    if (offset != size) std::abort();
    size += data.size();
    return {};
  }
  Status finish(std::uint64_t) override { return {}; }

  std::uint64_t size = 0;
};

/// The fuzzer's bytes as the memory of an x86_64 machine from physical address 0 on. Its kernel's
/// image is at 0, so that 0xffffffff80000000 + n is byte n, and the top page table is there too.
class Memory {
 public:
  static constexpr std::uint64_t kImage = 0xffffffff80000000;

  Memory(Bytes bytes, const std::string& more_info)
      : info("OSRELEASE=6.1.0\nNUMBER(phys_base)=0\nSYMBOL(swapper_pg_dir)=ffffffff80000000\n" +
             more_info),
        file_(bytes),
        ranges_{{0, bytes.size(), 0, 0}},
        physical_(file_, ranges_) {
    machine.ranges = ranges_;
    auto made = make_x86_64(machine, info, physical_);
    if (!made) std::abort();
    space = std::move(*made);
    kernel = std::make_unique<KernelMemory>(*space, physical_, Fields(64, false));
  }

  Vmcoreinfo info;
  CrashedMachine machine;
  std::unique_ptr<AddressSpace> space;
  std::unique_ptr<KernelMemory> kernel;

  [[nodiscard]] std::unique_ptr<MemoryWindow> window() const {
    return std::make_unique<CoreWindow>(file_, machine.ranges, 4096, 64 << 10);
  }

 private:
  BytesFile file_;
  std::vector<MemoryRange> ranges_;
  PhysicalMemory physical_;
};

}  // namespace mkcapture::fuzz
