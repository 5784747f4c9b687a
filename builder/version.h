// Which mkcapture this is.
#pragma once

namespace mkcapture {

/// "0.2.0" on a tag v0.2.0, "0.2.0-12-gabc1234" twelve commits later; where git tells no tag, the
/// version of CMakeLists.txt, with the commit where there is one ("0.1.0+gabc1234").
extern const char* const kVersion;

}  // namespace mkcapture
