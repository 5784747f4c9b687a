#include "dump/arch/arch.h"

namespace capture {

Result<std::unique_ptr<AddressSpace>> make_address_space(const CrashedMachine& machine,
                                                         const Vmcoreinfo& info,
                                                         PhysicalMemory& memory) {
  switch (machine.machine) {
    case Machine::kX86_64:
      return make_x86_64(machine, info, memory);
    default:
      return fail("kernel addresses of this machine are not known");
  }
}

}  // namespace capture
