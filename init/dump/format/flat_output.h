// The flattened format of makedumpfile -F: a file that is written in any order, as a stream for a
// pipe. A header of 4096 bytes, then records of a big-endian (offset, size) with their data, last
// the offset -1. crash reads it as it is, `makedumpfile -R` makes the file of it.
#pragma once

#include <memory>

#include "init/output/output.h"

namespace mkcapture::dump {

/// `stream` must outlive the result; it is written from its first byte on, and finished with it.
/// No byte should be written twice: readers do not say which one they take. Once a write to the
/// stream has failed nothing more is sent, the end record neither.
[[nodiscard]] std::unique_ptr<Output> flat_output(Output& stream);

}  // namespace mkcapture::dump
