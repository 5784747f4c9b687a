// Whether a dump has room: what may be written so that `reserve` stays free, and which level fits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "init/contract/dump_choice.h"
#include "init/dump/dump.h"
#include "init/output/output.h"
#include "init/system/system.h"
#include "init/targets/dump_store.h"

namespace mkcapture::init {

/// What a dump must leave free where nothing is asked for: 5 % of the file system, at most 2 GB.
[[nodiscard]] std::uint64_t default_reserve(std::uint64_t total);
/// Bytes that a dump may take.
[[nodiscard]] std::uint64_t budget_of(const Space& space, std::optional<std::uint64_t> reserve);

/// The least that a dump of so many bytes of pages takes. Zero pages are not counted apart, and
/// what is compressed is rarely below an eighth: only a dump that would not fit even so is not
/// tried.
[[nodiscard]] std::uint64_t least_bytes(std::uint64_t kept, int level, DumpCodec codec);

using LevelCheck = std::function<Result<dump::LevelReport>(dump::Vmcore&, int level)>;

/// The level at which the dump is to be tried within `budget`: the one of `choice`, else 31, each
/// forecast told to the log; nothing where not even that can fit. Pages are counted only where the
/// whole vmcore would not fit.
[[nodiscard]] std::optional<int> level_that_fits(System& system, dump::Vmcore& vmcore,
                                                 const LevelCheck& check, const DumpChoice& choice,
                                                 std::uint64_t budget);

/// `inner`, where the first write_at() beyond `budget` bytes fails as on a full disk; the ones
/// behind it pass, so that a writer can still close the dump it has begun.
[[nodiscard]] std::unique_ptr<Output> limited_output(std::unique_ptr<Output> inner,
                                                     std::uint64_t budget);

}  // namespace mkcapture::init
