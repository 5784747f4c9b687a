// Files of the real machine: what its Host stands on, and nobody else uses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "builder/host/host.h"

namespace mkcapture {

// Each as Host has it.
[[nodiscard]] Result<std::string> read_whole_file(const std::string& path, std::size_t limit);
[[nodiscard]] Status make_folders_above(const std::string& path);
[[nodiscard]] Status replace_file_at(const std::string& path, std::string_view bytes,
                                     std::uint32_t mode);
[[nodiscard]] std::optional<FileStamp> stamp_of_file(const std::string& path);
[[nodiscard]] Result<std::string> read_file_start(const std::string& path, std::size_t bytes);
[[nodiscard]] std::optional<std::uint64_t> free_bytes_at(const std::string& path);

}  // namespace mkcapture
