// What an image was made from, in a form that can be compared later: has anything changed since?
//
// The values are small texts (a release, a size and a time, a hash, the drivers that a device
// stands on), so that the difference can be told in words. Nothing here needs a network or a plan:
// `status` asks the same questions in a few milliseconds.
#pragma once

#include <string>
#include <vector>

#include "builder/ask/request.h"
#include "builder/ask/settings.h"
#include "builder/host/host.h"

namespace mkcapture {

/// What is asked for, as text and with its meaning; both outlive it.
struct Wanted {
  const Settings& settings;
  const Request& request;
};

/// A target of an image that was built.
struct BuiltTarget {
  std::string spec;     // as it is in the image
  std::string address;  // of its server when it was built; empty for disks
};

/// What of a built image tells where its inputs are.
struct BuiltFrom {
  std::string release;
  std::string kernel_image;  // path
  std::string payload;       // folder of the static programs
  std::vector<BuiltTarget> targets;
};

struct Input {
  std::string what;   // "the configuration", "the kernel's modules"; names it in all comparisons
  std::string value;  // equal values: nothing has changed
};

/// The inputs of an image as they are now.
[[nodiscard]] std::vector<Input> gather_inputs(const Wanted& wanted, const BuiltFrom& from,
                                               Host& host);

/// One line for each difference: "the configuration has changed". Empty: nothing has.
[[nodiscard]] std::vector<std::string> differences(const std::vector<Input>& before,
                                                   const std::vector<Input>& now);

/// The release that an image would be built for now: --kernel, or the running kernel where it has
/// modules, else what `before` was for.
[[nodiscard]] std::string wanted_release(const Request& request, Host& host,
                                         const std::string& before);

}  // namespace mkcapture
