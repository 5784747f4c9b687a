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

using Forecast = std::function<Result<dump::LevelReport>(dump::Vmcore&, const DumpChoice&)>;

/// The level at which the dump is to be tried within `budget`: the one of `choice`, else
/// `smallest`, each forecast told to the log; nothing where not even that can fit. Where the whole
/// vmcore fits, that is forecast enough.
[[nodiscard]] std::optional<int> level_that_fits(System& system, dump::Vmcore& vmcore,
                                                 const Forecast& forecast, const DumpChoice& choice,
                                                 int smallest, std::uint64_t budget);

/// `inner`, where the first write_at() beyond `budget` bytes fails as on a full disk; the ones
/// behind it pass, so that a writer can still close the dump it has begun.
[[nodiscard]] std::unique_ptr<Output> limited_output(std::unique_ptr<Output> inner,
                                                     std::uint64_t budget);

}  // namespace mkcapture::init
