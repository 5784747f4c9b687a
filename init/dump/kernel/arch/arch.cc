#include "init/dump/kernel/arch/arch.h"

namespace mkcapture::dump {

Result<std::unique_ptr<AddressSpace>> make_address_space(const CrashedMachine& machine,
                                                         const Vmcoreinfo& info,
                                                         PhysicalMemory& memory) {
  switch (machine.machine) {
    case Machine::kX86_64:
      return make_x86_64(machine, info, memory);
    case Machine::kI386:
      return make_i386(machine, info, memory);
    case Machine::kArm64:
      return make_arm64(machine, info, memory);
    case Machine::kArm:
      return make_arm(machine, info, memory);
    case Machine::kPpc64:
      return make_ppc64(machine, info, memory);
    case Machine::kS390x:
      return make_s390x(machine, info, memory);
    case Machine::kRiscv64:
      return make_riscv64(machine, info, memory);
  }
  return fail("kernel addresses of this machine are not known");
}

std::uint64_t phys_base_of(const CrashedMachine& machine, const Vmcoreinfo& info) noexcept {
  switch (machine.machine) {
    case Machine::kX86_64:
      return x86_64_phys_base(machine, info).value_or(0);
    case Machine::kArm64:
      return arm64_phys_base(machine, info).value_or(0);
    case Machine::kArm:
      return arm_phys_base(machine, info).value_or(0);
    case Machine::kRiscv64:
      return riscv64_phys_base(info).value_or(0);
    case Machine::kI386:
    case Machine::kPpc64:
    case Machine::kS390x:
      break;  // their linear map begins with address 0
  }
  return 0;
}

}  // namespace mkcapture::dump
