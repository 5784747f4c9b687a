#include "builder/service/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "builder/image/image_contents.h"
#include "builder/plan/config_of.h"
#include "builder/service/check_record.h"
#include "init/base/text.h"

namespace mkcapture {

namespace {

constexpr const char* kProgram = "target-check";
constexpr const char* kMakeRoom =
    "make room; keep = N in mkcapture.toml removes old dumps by itself";

/// A folder that root alone sees, with what the image has beside the kernel's modules; removed with
/// all in it.
class Folder {
 public:
  explicit Folder(Host& host) : host_(host) {}
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    if (!path_.empty()) (void)host_.run({"rm", "-rf", "--one-file-system", path_});
  }

  Status fill(const Plan& plan) {
    auto made = host_.run({"mktemp", "-d", "--tmpdir=/run", "mkcapture-check.XXXXXX"});
    if (!made) return std::move(made).error();
    path_ = trim(*made);
    ImageInputs inputs = plan.image;
    inputs.modules.clear();
    inputs.aliases.clear();
    inputs.firmware.clear();
    TRY_ASSIGN(contents, assemble_image(host_, config_of_living(plan, host_), inputs));
    for (const auto& [name, entry] : contents.entries()) {
      if (entry.type != ImageEntry::Type::kFile) continue;
      TRY(host_.write_file(path_ + "/" + name, entry.data, entry.mode));
    }
    // The capture has its name servers from its network.
    if (const auto servers = host_.read_file("/etc/resolv.conf"))
      TRY(host_.write_file(path_ + "/etc/resolv.conf", *servers, 0644));
    return {};
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Host& host_;
  std::string path_;
};

/// The first word of `rest`, which keeps what is behind it.
std::string_view take_word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

TargetCheck check_one(const TargetPlan& target, std::size_t number, const std::string& program,
                      const std::string& folder, Host& host) {
  TargetCheck check;
  if (needs(target.spec).device && !target.here) {
    check.step = "device";
    check.why = "it is not on this machine now";
  } else {
    const auto output = host.run({program, folder, std::to_string(number)});
    if (output) {
      check = parse_target_check(*output);
    } else {
      check.step = "start";
      check.why = output.error().message;
    }
  }
  check.spec = to_string(target.spec);
  if (!check.good) check.way_out = way_out(target.spec, check.step, check.kind, check.code);
  return check;
}

}  // namespace

bool CheckReport::good() const {
  return std::all_of(targets.begin(), targets.end(), [](const auto& t) { return t.good; });
}

TargetCheck parse_target_check(std::string_view output) {
  TargetCheck check;
  check.step = "start";
  check.why = "target-check said nothing";
  for (const std::string_view line : split(output, '\n')) {
    if (line.empty()) continue;
    std::string_view rest = line;
    const std::string_view word = take_word(rest);
    if (word == "good") {
      check.good = true;
      check.step.clear();
      check.why.clear();
      if (const auto free = parse_number(take_word(rest))) check.free = *free;
      check.note = rest;
    } else if (word == "failed") {
      check.good = false;
      check.step = take_word(rest);
      const auto kind = parse_number(take_word(rest));
      if (kind && *kind < static_cast<int>(ErrorKind::kBroken))
        check.kind = static_cast<ErrorKind>(*kind);
      const auto code = parse_number(take_word(rest));
      check.code = code ? static_cast<int>(*code) : 0;
      check.why = rest;
    } else {
      check.log.emplace_back(line);
    }
  }
  return check;
}

namespace {

/// SSH servers tell no errno; this machine does, where the server cannot be reached.
std::string way_out_of_ssh(const std::string& host, std::string_view step, ErrorKind kind,
                           int code) {
  if (step == "connect") {
    if (kind == ErrorKind::kRefused && code == 0)
      return fmt::format(
          "the server's key: `ssh-keyscan {}`, compared with its own, belongs into "
          "ssh_known_hosts; ours: the public part of ssh_key into the user's authorized_keys there",
          host);
    return fmt::format("is {} up, its port open from here, and may the user log in there?", host);
  }
  if (kind == ErrorKind::kNoSpace) return kMakeRoom;
  if (kind == ErrorKind::kRefused)
    return "PATH on the server must belong to the user of the target";
  if (step == "directory" && kind == ErrorKind::kUnavailable)
    return "make PATH on the server, and give it to the user of the target";
  return "";
}

}  // namespace

std::string way_out(const TargetSpec& spec, std::string_view step, ErrorKind kind, int code) {
  const TargetNeeds need = needs(spec);
  if (need.server && need.ssh_key) return way_out_of_ssh(need.server->host, step, kind, code);
  const bool denied = code == EACCES || code == EPERM;
  const bool nfs = need.server.has_value();
  if (step == "device" && need.device)
    return "give a device that is here: lsblk -o NAME,UUID,MOUNTPOINT lists them";
  if (step == "connect" && need.server && !denied && code != 0)
    return fmt::format("is {} up, and its port open from here?", need.server->host);
  if (step == "mount" && nfs && (denied || code == ENOENT))
    return "`exportfs -v` on the server lists what it exports, and to whom";
  if (code == EROFS)
    return nfs ? "export it rw; `exportfs -v` on the server tells whether it exports PATH, and how"
               : "it is read-only here: mount | grep ' ro,' tells why";
  if (kind == ErrorKind::kNoSpace) return kMakeRoom;
  if ((step == "directory" || step == "dump") && denied) {
    if (nfs)
      return "root may not write there: export it no_root_squash, or let everybody write in PATH";
  }
  return "";
}

Result<CheckReport> check_targets(const Wanted& wanted, Host& host) {
  // 1. What an image would be made of now.
  auto plan = make_plan(wanted.request, host, PlanFor::kImage);
  if (!plan) return std::move(plan).error();
  if (!plan->this_machine)
    return usage_error("check", "it tries this machine's targets, and --profile is another's");

  // 2. The image's files are in a folder that only root sees.
  Folder folder(host);
  if (auto filled = folder.fill(*plan); !filled) return std::move(filled).error().within("check");

  // 3. Each target has been tried.
  CheckReport report;
  report.at = host.now();
  const std::string program = plan->image.payload + "/" + kProgram;
  for (std::size_t i = 0; i < plan->targets.size(); ++i)
    report.targets.push_back(check_one(plan->targets[i], i, program, folder.path(), host));

  // 4. `status` knows.
  CheckStatus kept{report.at, report.good(), ""};
  for (const auto& target : report.targets) {
    if (target.good || !kept.why.empty()) continue;
    kept.why = fmt::format("{}: {}: {}", target.spec, target.step, target.why);
  }
  TRY(write_check(host, kept));
  return report;
}

}  // namespace mkcapture
