// Flavours of kernels that are installed beside each other: generic, rt, 64k, debug. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mkcapture {

/// What is left of a release without version, build number and distribution: "amd64" of
/// 6.1.0-56-amd64, "rt-amd64" of 6.12.48+deb13-rt-amd64, "64k-debug"
/// of 5.14.0-503.el9.aarch64+64k-debug, "lts" of 6.6.58-0-lts, "" of 6.11.4-301.fc41.x86_64.
[[nodiscard]] std::string kernel_flavour(std::string_view release);

/// It checks itself at every step, for much memory.
[[nodiscard]] bool is_for_debugging(std::string_view release);

/// The one to take of `releases`, oldest first: the newest of the flavour of the `running` kernel;
/// where there is none (or `running` is empty) the newest that is neither real-time nor of other
/// page sizes, else the newest. Never one made for debugging: empty where there are no others.
[[nodiscard]] std::optional<std::string> newest_of_flavour(const std::vector<std::string>& releases,
                                                           std::string_view running);

}  // namespace mkcapture
