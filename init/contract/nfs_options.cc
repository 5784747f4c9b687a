#include "init/contract/nfs_options.h"

#include <algorithm>

namespace mkcapture {
namespace {

constexpr std::string_view kAllowed =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:=[]/";

Result<std::vector<NfsVersion>> parse_versions(std::string_view text) {
  using enum NfsVersion;
  if (text == "3") return std::vector{k3};
  if (text == "4") return std::vector{k42, k41, k4};
  if (text == "4.0") return std::vector{k4};
  if (text == "4.1") return std::vector{k41};
  if (text == "4.2") return std::vector{k42};
  return fail("NFS version '" + std::string(text) + "' is not known: 3, 4, 4.0, 4.1 or 4.2");
}

/// Why an option cannot be had; empty where it can.
std::string_view refusal(std::string_view key, std::string_view value) {
  if (key == "rdma") return "only TCP is used";
  if (key == "hard") return "a dead server would stop the capture for ever; leave it out";
  if (key == "udp" || (key == "proto" && !value.starts_with("tcp"))) return "only TCP is used";
  if (key == "sec" && value != "sys" && value != "none") return "the image has no Kerberos keys";
  if (key == "addr" || key == "port" || key == "clientaddr" || key == "minorversion") {
    return "it comes from the target and vers=";
  }
  if (key == "lock" || key == "bg" || key == "ro") return "it makes no sense for a dump";
  return {};
}

/// Words of fstab that mount(8), mount.nfs(8) or systemd act on, or that are so here anyway: they
/// mean nothing to the kernel, which would refuse them.
bool is_for_others(std::string_view key) {
  static constexpr std::string_view kWords[] = {
      "defaults",      "auto",     "noauto",     "_netdev",  "nofail",     "user",
      "nouser",        "users",    "owner",      "group",    "rw",         "exec",
      "noexec",        "suid",     "nosuid",     "dev",      "nodev",      "atime",
      "noatime",       "diratime", "nodiratime", "relatime", "norelatime", "strictatime",
      "nostrictatime", "lazytime", "nolazytime", "async",    "fg",         "retry",
      "comment",       "soft",     "softerr",    "intr",     "nointr",     "tcp"};
  return key.starts_with("x-") || key.starts_with("X-") ||
         std::ranges::find(kWords, key) != std::end(kWords);
}

/// What fs/nfs/fs_context.c takes and a dump can be had with.
bool is_known(std::string_view key) {
  static constexpr std::string_view kWords[] = {"rsize",
                                                "wsize",
                                                "bsize",
                                                "timeo",
                                                "retrans",
                                                "acregmin",
                                                "acregmax",
                                                "acdirmin",
                                                "acdirmax",
                                                "actimeo",
                                                "ac",
                                                "noac",
                                                "acl",
                                                "noacl",
                                                "cto",
                                                "nocto",
                                                "sharecache",
                                                "nosharecache",
                                                "rdirplus",
                                                "nordirplus",
                                                "lookupcache",
                                                "resvport",
                                                "noresvport",
                                                "nconnect",
                                                "max_connect",
                                                "local_lock",
                                                "nolock",
                                                "mountport",
                                                "mountproto",
                                                "mountvers",
                                                "mounthost",
                                                "mountaddr",
                                                "namlen",
                                                "sec",
                                                "proto",
                                                "fsc",
                                                "nofsc",
                                                "migration",
                                                "nomigration",
                                                "trunkdiscovery",
                                                "notrunkdiscovery",
                                                "sync"};
  return std::ranges::find(kWords, key) != std::end(kWords);
}

}  // namespace

const char* to_string(NfsVersion v) {
  switch (v) {
    case NfsVersion::k3:
      return "3";
    case NfsVersion::k4:
      return "4.0";
    case NfsVersion::k41:
      return "4.1";
    case NfsVersion::k42:
      return "4.2";
  }
  return "?";
}

bool NfsOptions::has(std::string_view key) const {
  return std::ranges::any_of(
      others, [key](std::string_view option) { return option.substr(0, option.find('=')) == key; });
}

bool NfsOptions::needs_v3() const {
  return std::ranges::find(versions, NfsVersion::k3) != versions.end();
}

bool NfsOptions::needs_v4() const {
  return std::ranges::any_of(versions, [](NfsVersion v) { return v != NfsVersion::k3; });
}

Result<NfsOptions> parse_nfs_options(std::string_view text) {
  using enum NfsVersion;
  NfsOptions options;
  options.versions = {k42, k41, k4, k3};
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view option = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (option.empty()) continue;
    if (option.find_first_not_of(kAllowed) != std::string_view::npos) {
      return fail("NFS option '" + std::string(option) + "' has a character that cannot be in one");
    }
    const std::size_t equals = option.find('=');
    const std::string_view key = option.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1);
    if (key == "vers" || key == "nfsvers") {
      auto versions = parse_versions(value);
      if (!versions) return std::move(versions).error();
      options.versions = std::move(*versions);
      continue;
    }
    if (const auto why = refusal(key, value); !why.empty()) {
      return fail("NFS option '" + std::string(option) + "': " + std::string(why));
    }
    if (is_for_others(key)) continue;
    if (!is_known(key)) {
      return fail("NFS option '" + std::string(option) +
                  "' is not one that the kernel's NFS client takes for a dump (nfs(5))");
    }
    options.others.emplace_back(option);
  }
  return options;
}

}  // namespace mkcapture
