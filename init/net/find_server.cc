#include "init/net/find_server.h"

#include <cerrno>

#include "init/net/resolve.h"

namespace mkcapture::init {
namespace {

constexpr Milliseconds kTry{10000};        // for the server, by a lease that may be the wrong one
constexpr Milliseconds kOtherCard{20000};  // for another card's lease, where one has led nowhere

Result<std::vector<IpAddress>> reached(CaptureContext& context, const std::string& host,
                                       std::uint16_t port, const Deadline& deadline) {
  TRY_ASSIGN(addresses, resolve(context.system, host, deadline));
  auto connection = connect_tcp(context.system, addresses, port, context.config.stall, deadline);
  if (!connection && connection.error().code != ECONNREFUSED) return std::move(connection).error();
  return std::move(addresses);
}

}  // namespace

Result<std::vector<IpAddress>> find_server(CaptureContext context, LinkControl& control,
                                           const std::string& host, std::uint16_t port,
                                           const Deadline& deadline) {
  if (context.network_is_up) {
    context.steps.enter(Step::kConnect);
    return resolve(context.system, host, deadline);
  }
  std::set<int> passed_over;
  for (;;) {
    const bool first = passed_over.empty();
    auto network = bring_up_network(context, control,
                                    first ? deadline : deadline.sooner(kOtherCard), passed_over);
    if (!network) {
      if (first || deadline.passed()) return std::move(network).error();
      passed_over.clear();
      continue;
    }
    context.steps.enter(Step::kConnect);
    if (network->others == 0) return resolve(context.system, host, deadline);
    auto found = reached(context, host, port, deadline.sooner(kTry));
    if (found || deadline.passed()) return found;
    context.system.log("network: " + host + " is not reached by " + network->interface + " (" +
                       found.error().message + "): another card is asked for a lease");
    (void)control.set_up(network->index, false);
    passed_over.insert(network->index);
  }
}

}  // namespace mkcapture::init
