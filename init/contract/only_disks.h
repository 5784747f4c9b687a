// /init is linked twice: whole, and without network and storage layers (targets/only_disks.cc),
// which is a quarter smaller. What the smaller one can do, for the builder that chooses and for the
// program itself.
#pragma once

#include <type_traits>
#include <variant>

#include "init/contract/target.h"

namespace mkcapture {

/// Its name in the payload; in the image it is /init like the whole one.
inline constexpr std::string_view kInitOnlyDisks = "init-disk";

template <class Kind>
inline constexpr bool kind_of_only_disks =
    std::is_same_v<Kind, DiskSpec> || std::is_same_v<Kind, RawSpec>;

/// Whether it has the target's kind. Storage layers below the device are another question.
[[nodiscard]] inline bool is_for_only_disks(const TargetSpec& target) {
  return std::visit([]<class Kind>(const Kind&) { return kind_of_only_disks<Kind>; }, target);
}

}  // namespace mkcapture
