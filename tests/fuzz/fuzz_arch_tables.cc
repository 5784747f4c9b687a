// Page tables of every machine. The last byte says which, the eight before it are an address, the
// rest is memory from physical address 0 on with the kernel's top table at its beginning.
#include <cstdint>

#include "tests/fuzz/crashed_memory.h"

using namespace mkcapture;
using namespace mkcapture::dump;

namespace {

struct Kernel {
  mkcapture::dump::Machine machine;
  bool big_endian;
  std::uint32_t page_size;
  const char* info;
};

constexpr Kernel kKernels[] = {
    {mkcapture::dump::Machine::kI386, false, 4096, "SYMBOL(swapper_pg_dir)=c0000000\n"},
    {mkcapture::dump::Machine::kI386, false, 4096,
     "SYMBOL(swapper_pg_dir)=c0000000\nCONFIG_X86_PAE=y\n"},
    {mkcapture::dump::Machine::kArm, false, 4096, "SYMBOL(swapper_pg_dir)=c0000000\n"},
    {mkcapture::dump::Machine::kArm, false, 4096,
     "SYMBOL(swapper_pg_dir)=c0000000\nCONFIG_ARM_LPAE=y\n"},
    {mkcapture::dump::Machine::kArm64, false, 4096,
     "SYMBOL(swapper_pg_dir)=ffff800080000000\nNUMBER(VA_BITS)=48\n"
     "NUMBER(kimage_voffset)=0xffff800080000000\n"},
    {mkcapture::dump::Machine::kArm64, true, 65536,
     "SYMBOL(swapper_pg_dir)=ffff800080000000\nNUMBER(VA_BITS)=52\n"
     "NUMBER(kimage_voffset)=0xffff800080000000\n"},
    {mkcapture::dump::Machine::kRiscv64, false, 4096,
     "SYMBOL(swapper_pg_dir)=ffffffff80000000\nNUMBER(VA_BITS)=39\n"
     "NUMBER(va_kernel_pa_offset)=0xffffffff80000000\n"},
    {mkcapture::dump::Machine::kS390x, true, 4096,
     "SYMBOL(swapper_pg_dir)=80000000\nKERNELOFFSET=80000000\nKERNELOFFPHYS=0\n"},
    {mkcapture::dump::Machine::kPpc64, true, 65536,
     "SYMBOL(vmemmap_list)=c000000000000000\nSYMBOL(mmu_vmemmap_psize)=c000000000000008\n"
     "SYMBOL(mmu_psize_defs)=c000000000000010\nSIZE(mmu_psize_def)=8\n"
     "OFFSET(mmu_psize_def.shift)=0\nSIZE(vmemmap_backing)=24\nOFFSET(vmemmap_backing.list)=0\n"
     "OFFSET(vmemmap_backing.phys)=8\nOFFSET(vmemmap_backing.virt_addr)=16\n"},
    {mkcapture::dump::Machine::kPpc64, false, 65536,
     "SYMBOL(swapper_pg_dir)=c000000000000000\nNUMBER(RADIX_MMU)=1\n"},
    {mkcapture::dump::Machine::kRiscv64, false, 4096,
     "SYMBOL(swapper_pg_dir)=ffffffff80000000\nNUMBER(KERNEL_LINK_ADDR)=0xffffffff80000000\n"
     "NUMBER(phys_ram_base)=0\n"},
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 9) return 0;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  const Kernel& kernel = kKernels[data[size - 1] % std::size(kKernels)];
  CrashedMachine machine;
  machine.machine = kernel.machine;
  machine.big_endian = kernel.big_endian;
  machine.page_size = kernel.page_size;
  machine.word_bits = kernel.machine == Machine::kI386 || kernel.machine == Machine::kArm ? 32 : 64;
  machine.ranges = {{0, size - 9, kernel.machine == Machine::kArm ? 0xc0000000U : 0U, 0}};
  const fuzz::BytesFile file(bytes);
  PhysicalMemory memory(file, machine.ranges);
  auto space = make_address_space(machine, Vmcoreinfo(kernel.info), memory);
  if (!space) return space.error().message.empty() ? (std::abort(), 0) : 0;
  const std::uint64_t vaddr = Fields().u64(bytes, size - 9);
  for (const std::uint64_t at : {vaddr, vaddr | std::uint64_t{0xffff} << 48, vaddr & 0xffffffff,
                                 ~vaddr, vaddr | std::uint64_t{0xc00c} << 48, vaddr + 4096}) {
    const auto extent = (*space)->translate(at);
    if (extent && (extent->size == 0 || extent->size > 1ULL << 51)) std::abort();
  }
  return 0;
}
