// What the subcommands leave on this machine, and what they ask of files: the real side of Host's
// second half.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "builder/host/host.h"

namespace mkcapture {

/// Host::write_file of the real machine.
[[nodiscard]] Status write_kept_file(const std::string& path, std::string_view bytes,
                                     std::uint32_t mode);
[[nodiscard]] std::optional<FileStamp> stamp_of_file(const std::string& path);
[[nodiscard]] Result<std::string> read_file_start(const std::string& path, std::size_t bytes);
[[nodiscard]] std::optional<std::uint64_t> free_bytes_at(const std::string& path);

}  // namespace mkcapture
