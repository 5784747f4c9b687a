// What the smaller /init have in the place of LVM, md and NVMe/TCP: these definitions come before
// the libraries', so that the linker takes nothing of those along. The builder takes these programs
// for images that name no layer (contract/init_program.h).
#include "init/devices/storage/assemble.h"
#include "init/devices/storage/md.h"

namespace mkcapture::init {

StorageAssembler::StorageAssembler(System& system, ModuleLoader&, const std::vector<StorageLayer>&)
    : system_(system) {}
bool StorageAssembler::step(const std::map<std::string, BlockDevice>&, const Deadline&) {
  (void)system_;
  return false;
}
std::string StorageAssembler::waiting_for() const {
  return {};
}
void freeze_arrays(System&, const std::string&) {}

}  // namespace mkcapture::init
