#include "init/targets/nfs_operations.h"

#include "init/base/text.h"

namespace mkcapture::init {
namespace {

bool is_read(std::string_view name) {
  return name == "READ" || name == "READ_PLUS";
}

void append(std::string& list, std::string_view name, std::string_view count) {
  if (!list.empty()) list += ", ";
  list.append(name).append(" ").append(count);
}

}  // namespace

std::string nfs_operations(std::string_view mountstats, std::string_view mount_point) {
  const std::string wanted = " mounted on " + std::string(mount_point) + " with fstype nfs";
  std::string reads;
  std::string others;
  bool here = false;
  bool counted = false;
  for (std::string_view line : split(mountstats, '\n')) {
    if (line.starts_with("device ")) {
      here = line.find(wanted) != std::string_view::npos;
      counted = false;
      continue;
    }
    line = trim(line);
    if (line == "per-op statistics") counted = here;
    const std::size_t colon = line.find(':');
    if (!counted || colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    const std::string_view values = trim(line.substr(colon + 1));
    const std::string_view count = values.substr(0, values.find(' '));
    if (is_read(name)) {
      append(reads, name, count);
    } else if (count != "0") {
      append(others, name, count);
    }
  }
  return reads + (reads.empty() || others.empty() ? "" : ", ") + others;
}

}  // namespace mkcapture::init
