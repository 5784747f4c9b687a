#include "init/contract/targets/virtiofs.h"

namespace mkcapture {
namespace {

constexpr std::size_t kMaxTag = 36;

}  // namespace

Result<VirtiofsSpec> VirtiofsSpec::parse(std::string_view text) {
  const auto border = text.find(":/");
  if (border == std::string_view::npos) {
    return fail("no absolute path behind the tag: write virtiofs:TAG:/PATH");
  }
  if (border == 0) return fail("the share's tag is missing: write virtiofs:TAG:/PATH");
  if (border > kMaxTag) return fail("the share's tag has more than 36 bytes");
  TRY_ASSIGN(path, parse_path(text.substr(border + 1)));
  return VirtiofsSpec{std::string(text.substr(0, border)), std::move(path)};
}

std::string VirtiofsSpec::to_string() const {
  return std::string(kPrefix) + tag + ":" + path;
}

TargetNeeds VirtiofsSpec::needs() const {
  TargetNeeds needs;
  needs.module_sets.emplace_back("virtiofs");
  needs.place = "a share of the virtual machine's host";
  needs.directory = path;
  return needs;
}

}  // namespace mkcapture
