// How often an NFS client has asked its server for what, from /proc/self/mountstats
// (net/sunrpc/stats.c, rpc_clnt_show_stats). Pure.
#pragma once

#include <string>
#include <string_view>

namespace mkcapture::init {

/// "READ 0, READ_PLUS 0, WRITE 21, ...": the operations of reading, which a dump must do without
/// (those that this kernel has), then all others that were asked for. Empty where `mountstats` has
/// nothing of the mount point.
[[nodiscard]] std::string nfs_operations(std::string_view mountstats, std::string_view mount_point);

}  // namespace mkcapture::init
