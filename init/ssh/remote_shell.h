// What is asked of a server that has a shell but no SFTP: command lines, and how their answers
// read. Pure. The login shell may be any that knows single quotes; the scripts run in its sh.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "init/output/output.h"

namespace mkcapture::init::remote {

/// `text` as one word of a shell command line, whatever is in it.
[[nodiscard]] std::string quote(std::string_view text);

/// Written by every command that reads data, before it does: the way is open.
inline constexpr std::string_view kReady = "capture-ready\n";
/// Written when all is done and synced.
inline constexpr std::string_view kDone = "capture-done\n";

/// Says kReady, and that is all: is there a shell?
[[nodiscard]] std::string probe();
/// mkdir -p PATH; mkdir PATH/NAME, or NAME-1, NAME-2 ...; answers "made:NAME-1\n".
[[nodiscard]] std::string make_directory(const std::string& path, const std::string& name);
/// kReady, then standard input goes to FILE until its end, is synced, kDone.
[[nodiscard]] std::string store(const std::string& file);
/// Renames, syncs the folder, kDone.
[[nodiscard]] std::string rename(const std::string& from, const std::string& to);
/// Lists the directories of PATH whose names begin with PREFIX, and what is in each: lines "d:NAME"
/// and "f:NAME" of the one before. A name with a line feed in it reads as two.
[[nodiscard]] std::string list(const std::string& path, const std::string& prefix);
/// Removes these files of FOLDER, then itself, kDone.
[[nodiscard]] std::string remove(const std::string& folder, const std::vector<std::string>& files);
/// df of PATH or the nearest parent that is there.
[[nodiscard]] std::string free_space(const std::string& path);

[[nodiscard]] std::optional<std::string> parse_made(std::string_view answer);
/// Directories and their files, at most so many of each; more are passed over.
[[nodiscard]] std::vector<std::pair<std::string, std::vector<std::string>>> parse_list(
    std::string_view answer, std::size_t max_directories, std::size_t max_files);
/// Of the columns "1024-blocks", "Used" and "Available" of `df -Pk`.
[[nodiscard]] std::optional<Space> parse_df(std::string_view answer);

}  // namespace mkcapture::init::remote
