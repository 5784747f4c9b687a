#include "init/targets/nfs_mount.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mkcapture::init {

std::string nfs_source(const NfsServer& server, const std::string& export_path) {
  const std::string host = to_string(server.address);
  return (server.address.v6 ? "[" + host + "]" : host) + ":" + export_path;
}

std::string nfs_mount_data(const NfsServer& server, NfsVersion version, const NfsOptions& options,
                           Milliseconds stall) {
  const bool v3 = version == NfsVersion::k3;
  const std::string proto = server.address.v6 ? "tcp6" : "tcp";
  std::string data = "vers=" + std::string(to_string(version)) + ",proto=" + proto +
                     ",addr=" + to_string(server.address) + ",soft";
  // TCP requests are repeated after 1, 2, 3 ... times timeo (tenths of a second): with two
  // repetitions a request is given up after three times timeo (xprt_calc_majortimeo).
  if (!options.has("timeo")) {
    data += ",timeo=" + std::to_string(std::clamp<std::int64_t>(stall.count() / 300, 10, 600));
  }
  if (!options.has("retrans")) data += ",retrans=2";
  if (server.port != 0) data += ",port=" + std::to_string(server.port);
  if (v3) {
    data += ",nolock";  // no statd here, and nobody else writes these files
    if (!options.has("mountproto")) data += ",mountproto=" + proto;
  }
  for (const std::string& option : options.others) {
    const bool of_v3 = option.starts_with("mount") || option.starts_with("nolock");
    if (v3 || !of_v3) data += "," + option;
  }
  return data;
}

std::vector<std::string> export_candidates(const std::string& path) {
  std::vector<std::string> found;
  std::string at = path;
  while (at.size() > 1 && at.back() == '/')
    at.pop_back();
  while (at.size() > 1) {
    found.push_back(at);
    const std::size_t slash = at.rfind('/');
    at.resize(slash == std::string::npos ? 0 : slash);
  }
  found.emplace_back("/");
  return found;
}

std::string explain_nfs_error(int code) {
  std::string text = std::strerror(code);
  switch (code) {
    case EACCES:
    case EPERM:
      return text + " (not exported to this address, or root is squashed)";
    case ENOENT:
      return text + " (no such export; a folder below the root of NFS 4 must be there)";
    case ENODEV:
      return text + " (the image lacks the nfs modules)";
    case EPROTONOSUPPORT:
      return text + " (the server or the image does not speak this version)";
    case ETIMEDOUT:
      return text + " (the server does not answer)";
    default:
      return text;
  }
}

}  // namespace mkcapture::init
