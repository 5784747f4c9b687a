#include "init/net/interfaces.h"

#include <algorithm>

namespace mkcapture::init {

const Link* find_link(std::span<const Link> links, int index) {
  const auto found = std::ranges::find(links, index, &Link::index);
  return found == links.end() ? nullptr : &*found;
}

const Link* find_link(std::span<const Link> links, const InterfaceName& wanted) {
  if (!wanted.name.empty()) {
    const auto found = std::ranges::find(links, wanted.name, &Link::name);
    return found == links.end() ? nullptr : &*found;
  }
  if (wanted.mac.empty()) return nullptr;
  for (const Link& link : links) {
    if (link.mac != wanted.mac || link.kind == "vlan" || link.kind == "bond") continue;
    return link.master != 0 ? find_link(links, link.master) : &link;
  }
  return nullptr;
}

std::vector<const Link*> candidates(std::span<const Link> links, const InterfaceName& wanted) {
  std::vector<const Link*> found;
  if (!wanted.empty()) {
    if (const Link* link = find_link(links, wanted)) found.push_back(link);
    return found;
  }
  const auto carries_vlan = [links](const Link& l) {
    return std::ranges::any_of(
        links, [&l](const Link& other) { return other.kind == "vlan" && other.parent == l.index; });
  };
  for (const Link& link : links) {
    if (link.ethernet && !link.loopback && link.master == 0 && !carries_vlan(link)) {
      found.push_back(&link);
    }
  }
  std::ranges::sort(found, {}, &Link::index);
  return found;
}

std::string describe(const Link& link) {
  return link.mac.empty() ? link.name : link.name + " (" + link.mac + ")";
}

std::string describe_links(std::span<const Link> links) {
  std::string all;
  for (const Link& link : links) {
    if (link.loopback) continue;
    if (!all.empty()) all += ", ";
    all += describe(link);
    if (link.master != 0) {
      const Link* master = find_link(links, link.master);
      all += " in " + (master != nullptr ? master->name : std::string("a bond"));
    }
    all += link.has_link ? " up" : link.up ? " without a link" : " down";
  }
  return all.empty() ? "none" : all;
}

}  // namespace mkcapture::init
