// /init is linked three times: whole; without storage layers (devices/storage/no_layers.cc); and
// without network as well, for plain disks (targets/only_disks.cc), a quarter smaller. What the
// smaller ones can do, for the builder that chooses and for the programs themselves.
#pragma once

#include <string_view>
#include <type_traits>
#include <variant>

#include "init/contract/target.h"

namespace mkcapture {

/// Their names in the payload; in the image each is /init.
inline constexpr std::string_view kInit = "init";
inline constexpr std::string_view kInitWithoutLayers = "init-plain";
inline constexpr std::string_view kInitOnlyDisks = "init-disk";

template <class Kind>
inline constexpr bool kind_of_only_disks =
    std::is_same_v<Kind, DiskSpec> || std::is_same_v<Kind, RawSpec>;

/// Whether init-disk has the target's kind. Storage layers below the device are another question.
[[nodiscard]] inline bool is_for_only_disks(const TargetSpec& target) {
  return std::visit([]<class Kind>(const Kind&) { return kind_of_only_disks<Kind>; }, target);
}

}  // namespace mkcapture
