// Where this source tree is, for tests that read its documents and golden files.
#pragma once

#include <string>
#include <string_view>

namespace mkcapture::fakes {

/// The absolute path of `relative` ("tests/golden/plan.txt") in the tree that the tests were built
/// from.
[[nodiscard]] std::string source_path(std::string_view relative);

}  // namespace mkcapture::fakes
