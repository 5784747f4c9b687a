// What savecore does, once its command line is read.
#pragma once

#include <cstdio>
#include <span>

namespace mkcapture::savecore {

inline constexpr int kWhole = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kIncomplete = 3;

/// Returns the exit status. Words go to `out`, complaints and progress to `err`; an OUTPUT of "-"
/// is `out`'s descriptor.
int run_savecore(std::span<char* const> arguments, std::FILE* out, std::FILE* err);

}  // namespace mkcapture::savecore
