#include "init/targets/ssh.h"

#include "init/net/find_server.h"
#include "init/ssh/ssh_login.h"
#include "init/targets/sftp_store.h"
#include "init/targets/shell_store.h"

namespace mkcapture::init {
namespace {

constexpr std::uint16_t kSshPort = 22;
constexpr Milliseconds kGoodbye{3000};

class SshTarget final : public Target {
 public:
  SshTarget(const SshSpec& spec, const TargetContext& context) : spec_(spec), context_(context) {}

  Status open(const Deadline& deadline) override {
    TRY_ASSIGN(control, context_.open_links());
    const std::string& host = spec_.server.host;
    SshServer server;
    server.user = spec_.user;
    server.host = host;
    server.port = spec_.server.port != 0 ? spec_.server.port : kSshPort;
    TRY_ASSIGN(addresses, find_server(context_, *control, host, server.port, deadline));
    server.addresses = std::move(addresses);
    const Milliseconds stall = context_.config.stall;
    TRY_ASSIGN(login, log_in(context_.system, server, stall, deadline));
    local_ = login.local;
    sftp_ = std::move(login.sftp);
    const auto progress = [this] { context_.steps.progress(); };
    if (sftp_) {
      sftp_->client->channel().on_progress(progress);
      store_ = std::make_unique<SftpStore>(*sftp_->client, spec_.path);
    } else {
      store_ = std::make_unique<ShellStore>(context_.system, std::move(server), spec_.path, stall,
                                            progress);
    }
    context_.system.log("logged in to " + host + (sftp_ ? ", SFTP" : ", no SFTP: by shell"));
    context_.steps.progress();
    return {};
  }

  DumpStore& store() override { return *store_; }

  [[nodiscard]] std::string local_address() const override {
    return local_.unspecified() ? std::string() : to_string(local_);
  }

  Status close(const Deadline& deadline) override {
    store_.reset();
    if (!sftp_) return {};
    sftp_->client->channel().close_input();
    (void)sftp_->process.wait(deadline.sooner(kGoodbye).left());
    sftp_.reset();
    return {};
  }

 private:
  SshSpec spec_;
  TargetContext context_;
  std::optional<SftpSession> sftp_;
  std::unique_ptr<DumpStore> store_;
  IpAddress local_;
};

}  // namespace

std::unique_ptr<Target> make_target_of(const SshSpec& spec, const TargetContext& context) {
  return std::make_unique<SshTarget>(spec, context);
}

}  // namespace mkcapture::init
