#include "init/targets/ssh_target.h"

#include <cerrno>

#include "init/base/text.h"
#include "init/net/bring_up.h"
#include "init/net/resolve.h"
#include "init/ssh/exec_store.h"
#include "init/ssh/remote_shell.h"
#include "init/ssh/ssh_login.h"

namespace mkcapture::init {
namespace {

constexpr std::uint16_t kSshPort = 22;
constexpr std::uint32_t kPrivateDir = 0700;
constexpr std::uint32_t kSharedDir = 0755;
constexpr int kMaxSuffix = 999;
constexpr Milliseconds kGoodbye{3000};

class SshTarget final : public Target {
 public:
  SshTarget(const SshSpec& spec, CaptureContext context) : spec_(spec), context_(context) {}

  Status open(const Deadline& deadline) override {
    auto control = open_rtnetlink();
    if (!control) return std::move(control).error();
    auto network = bring_up_network(context_, **control, deadline);
    if (!network) return std::move(network).error();

    context_.steps.enter(Step::kConnect);
    server_.user = spec_.user;
    server_.host = spec_.server.host;
    server_.port = spec_.server.port != 0 ? spec_.server.port : kSshPort;
    auto addresses = resolve(context_.system, spec_.server.host, deadline);
    if (!addresses) return std::move(addresses).error();
    server_.addresses = std::move(*addresses);
    auto login = log_in(context_.system, server_, stall(), deadline);
    if (!login) return std::move(login).error();
    local_ = login->local;
    sftp_ = std::move(login->sftp);
    if (sftp_) sftp_->client->channel().on_progress([this] { context_.steps.progress(); });
    context_.system.log("logged in to " + spec_.server.host +
                        (sftp_ ? ", SFTP" : ", no SFTP: by shell"));
    context_.steps.progress();
    return {};
  }

  Result<std::string> make_directory(const std::string& name, const Deadline& deadline) override {
    auto made = sftp_ ? make_by_sftp(*sftp_->client, name) : make_by_shell(name, deadline);
    if (!made) return std::move(made).error().within("create directory " + spec_.path);
    directory_ = joined(spec_.path, *made);
    return made;
  }

  Result<std::unique_ptr<Output>> create(const std::string& file,
                                         const Deadline& deadline) override {
    const std::string path = joined(directory_, file);
    if (!sftp_) {
      return exec_output(
          context_.system, server_, path, stall(), [this] { context_.steps.progress(); }, deadline);
    }
    return sftp_output(*sftp_->client, path, directory_, [deadline] { return !deadline.passed(); });
  }

  Status rename(const std::string& from, const std::string& to, const Deadline& deadline) override {
    const std::string old_path = joined(directory_, from);
    const std::string new_path = joined(directory_, to);
    Status renamed = sftp_ ? sftp_->client->rename(old_path, new_path)
                           : command(remote::rename(old_path, new_path), deadline);
    if (renamed) return {};
    return std::move(renamed).error().within("rename " + old_path + " to " + to);
  }

  std::optional<std::uint64_t> free_bytes(const Deadline& deadline) override {
    if (sftp_) {
      SftpClient& client = *sftp_->client;
      return client.free_bytes(directory_.empty() ? nearest_folder(client) : directory_);
    }
    auto answer =
        run_remote(context_.system, server_, remote::free_space(spec_.path), stall(), deadline);
    return answer ? remote::parse_df(*answer) : std::nullopt;
  }

  [[nodiscard]] std::string local_address() const override {
    return local_.unspecified() ? std::string() : to_string(local_);
  }

  Status close(const Deadline& deadline) override {
    if (!sftp_) return {};
    sftp_->client->channel().close_input();
    (void)sftp_->process.wait(deadline.sooner(kGoodbye).left());
    sftp_.reset();
    return {};
  }

 private:
  [[nodiscard]] Milliseconds stall() const { return context_.config.stall; }

  static std::string joined(const std::string& folder, const std::string& name) {
    return folder.ends_with('/') ? folder + name : folder + "/" + name;
  }

  Result<std::string> make_by_sftp(SftpClient& client, const std::string& name) {
    std::string path;
    for (const std::string_view part : split(spec_.path, '/')) {
      if (part.empty()) continue;
      path.append("/").append(part);
      // Servers differ in what they say of a folder that is there already, so look first.
      auto there = client.stat(path);
      if (there && there->is_directory()) continue;
      if (there) return sys_error(path, ENOTDIR);
      Status made = client.make_dir(path, kSharedDir);
      if (!made && made.error().code != EEXIST) {
        return std::move(made).error().within(path);
      }
    }
    for (int suffix = 0; suffix <= kMaxSuffix; ++suffix) {
      std::string unique = suffix == 0 ? name : name + "-" + std::to_string(suffix);
      Status made = client.make_dir(joined(spec_.path, unique), kPrivateDir);
      if (made) return unique;
      if (made.error().code != EEXIST) return std::move(made).error().within(unique);
    }
    return sys_error(name, EEXIST);
  }

  Result<std::string> make_by_shell(const std::string& name, const Deadline& deadline) {
    auto answer = run_remote(context_.system, server_, remote::make_directory(spec_.path, name),
                             stall(), deadline);
    if (!answer) return std::move(answer).error();
    auto made = remote::parse_made(*answer);
    if (!made) return fail("the server's answer is not understood: " + sftp::printable(*answer));
    return *made;
  }

  Status command(const std::string& line, const Deadline& deadline) {
    auto answer = run_remote(context_.system, server_, line, stall(), deadline);
    if (!answer) return std::move(answer).error();
    if (answer->find(remote::kDone) == std::string::npos) {
      return fail("the server does not confirm it");
    }
    return {};
  }

  /// PATH, or the nearest folder above it that is there.
  std::string nearest_folder(SftpClient& client) {
    std::string path = spec_.path;
    while (path.size() > 1 && !client.stat(path)) {
      const std::size_t slash = path.rfind('/');
      path.resize(slash == std::string::npos || slash == 0 ? 1 : slash);
    }
    return path;
  }

  SshSpec spec_;
  CaptureContext context_;
  SshServer server_;
  std::optional<SftpSession> sftp_;
  std::string directory_;
  IpAddress local_;
};

}  // namespace

std::unique_ptr<Target> make_target_of(const SshSpec& spec, CaptureContext context) {
  return std::make_unique<SshTarget>(spec, context);
}

}  // namespace mkcapture::init
