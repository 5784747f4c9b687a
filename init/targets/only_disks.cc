// What /init for disks alone has in the place of a network: these definitions come before the
// libraries', so that the linker takes nothing of those along. The builder takes this program for
// images that ask for none (contract/init_program.h); what the boot loader asks for beyond that is
// told what is missing.
#include <set>

#include "init/contract/init_program.h"
#include "init/net/bring_up.h"
#include "init/net/dhcp.h"
#include "init/targets/disk.h"
#include "init/targets/raw.h"

namespace mkcapture::init {
namespace {

Error not_here() {
  return fail(ErrorKind::kRefused,
              "the image was built for disks and has no network: build it with such a target");
}

class NotHere final : public Target, private DumpStore {
 public:
  Status open(const Deadline&) override { return not_here(); }
  DumpStore& store() override { return *this; }
  Status close(const Deadline&) override { return {}; }

 private:
  // Never called: open() fails.
  Result<std::string> begin(const std::string&, const Deadline&) override { return not_here(); }
  Result<std::unique_ptr<Output>> create(const std::string&, const Deadline&) override {
    return not_here();
  }
  Status commit(const std::string&, const std::string&, const Deadline&) override {
    return not_here();
  }
  Result<std::vector<StoredDump>> list(const std::string&, const Deadline&) override {
    return not_here();
  }
  Status remove(const StoredDump&, const Deadline&) override { return not_here(); }
  std::optional<Space> free(const Deadline&) override { return std::nullopt; }
};

}  // namespace

std::unique_ptr<Target> make_target(const TargetSpec& spec, const TargetContext& context) {
  return std::visit(
      [&context]<class Kind>(const Kind& kind) -> std::unique_ptr<Target> {
        if constexpr (kind_of_only_disks<Kind>)
          return make_target_of(kind, context);
        else
          return std::make_unique<NotHere>();
      },
      spec);
}

Result<std::unique_ptr<LinkControl>> open_rtnetlink() {
  return not_here();
}
Result<NetworkState> bring_up_network(const CaptureContext&, LinkControl&, const Deadline&,
                                      const std::set<int>&) {
  return not_here();
}
int dhcp_event_main(int, char**, char**) {
  return 2;
}

}  // namespace mkcapture::init
