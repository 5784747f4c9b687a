#include "init/contract/storage.h"

#include "init/base/names.h"
#include "init/base/text.h"
#include "init/base/units.h"

namespace mkcapture {
namespace {

using Kind = StorageLayer::Kind;
constexpr Name<Kind> kKinds[] = {
    {"lvm", Kind::kLvm}, {"md", Kind::kMd}, {"nvme_tcp", Kind::kNvmeTcp}};
constexpr unsigned kMaxMembers = 4096;

std::size_t uuid_length(Kind kind) {
  return kind == Kind::kLvm ? 64 : 32;
}

}  // namespace

Result<StorageLayer> parse_layer(std::string_view text) {
  const auto parts = split(text, ':');
  const auto kind = by_name(kKinds, parts[0]);
  if (!kind) return fail("'" + std::string(parts[0].substr(0, 32)) + "' is no kind of layer");
  StorageLayer layer;
  layer.kind = *kind;
  if (layer.kind == Kind::kNvmeTcp) {
    if (parts.size() > 1) layer.name = text.substr(parts[0].size() + 1);
    if (nvme_option(layer.name, "transport") != "tcp" ||
        nvme_option(layer.name, "traddr").empty() || nvme_option(layer.name, "nqn").empty())
      return fail("write nvme_tcp:transport=tcp,traddr=ADDRESS,nqn=NAME,...");
    return layer;
  }
  if (parts.size() == 1) return layer;
  if (parts.size() < 4) return fail("write KIND or KIND:UUID:MEMBERS:NAME");
  layer.uuid = parts[1];
  if (layer.uuid.size() != uuid_length(*kind) || !all_of(layer.uuid, is_alnum)) {
    return fail("'" + layer.uuid + "' is not the UUID of a layer");
  }
  const auto members = parse_number(parts[2]);
  if (!members || *members > kMaxMembers) return fail("the number of members is not a number");
  layer.members = static_cast<unsigned>(*members);
  layer.name = text.substr(static_cast<std::size_t>(parts[3].data() - text.data()));
  return layer;
}

std::string to_string(const StorageLayer& layer) {
  std::string text(to_string(layer.kind));
  if (layer.kind == Kind::kNvmeTcp) {
    text += ":" + layer.name;
  } else if (!layer.any()) {
    text += ":" + layer.uuid + ":" + std::to_string(layer.members) + ":" + layer.name;
  }
  return text;
}

std::string_view to_string(StorageLayer::Kind kind) {
  return name_of(kKinds, kind);
}

std::string_view nvme_option(std::string_view options, std::string_view key) {
  for (auto option : split(options, ',')) {
    if (consume(option, key) && consume(option, "=")) return option;
  }
  return {};
}

std::string without_dashes(std::string_view uuid) {
  std::string plain;
  for (const char c : uuid) {
    if (c != '-' && c != ':') plain += c;
  }
  return plain;
}

std::string_view md_module(std::string_view level) {
  if (level == "raid4" || level == "raid5" || level == "raid6") return "raid456";
  for (const std::string_view same : {"linear", "raid0", "raid1", "raid10"}) {
    if (level == same) return same;
  }
  return {};
}

}  // namespace mkcapture
