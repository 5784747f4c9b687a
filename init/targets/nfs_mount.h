// The text that mount(2) takes for "nfs", as fs/nfs/fs_context.c reads it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "init/base/units.h"
#include "init/contract/nfs_options.h"
#include "init/net/ip_address.h"

namespace mkcapture::init {

inline constexpr std::uint16_t kNfsPort = 2049;

struct NfsServer {
  std::string host;  // as in the target
  IpAddress address;
  std::uint16_t port = 0;  // 0: the default of v4; v3 asks the server's rpcbind
};

/// "10.0.2.2:/export", "[fd00::1]:/export".
[[nodiscard]] std::string nfs_source(const NfsServer& server, const std::string& export_path);

/// "vers=4.2,proto=tcp,addr=...,soft,timeo=200,retrans=2,...". Each request ends in an error once
/// the server was silent for about `stall`; options given by hand take precedence.
[[nodiscard]] std::string nfs_mount_data(const NfsServer& server, NfsVersion version,
                                         const NfsOptions& options, Milliseconds stall);

/// What to ask the server for: PATH itself, then its parents up to "/", since the export may begin
/// anywhere above the folder of the dumps (which need not exist yet).
[[nodiscard]] std::vector<std::string> export_candidates(const std::string& path);

/// For an error of mount(2), in words that name the likely cause.
[[nodiscard]] std::string explain_nfs_error(int code);

}  // namespace mkcapture::init
