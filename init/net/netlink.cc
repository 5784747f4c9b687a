#include "init/net/netlink.h"

#include <linux/netlink.h>

#include <algorithm>

namespace mkcapture::init {
namespace {

constexpr std::size_t padded(std::size_t n) {
  return (n + 3) & ~std::size_t{3};
}

/// Cuts `length` bytes and their padding off the front.
void skip(std::span<const std::byte>& rest, std::size_t length) {
  rest = rest.subspan(std::min(padded(length), rest.size()));
}

}  // namespace

NetlinkWriter::NetlinkWriter(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence) {
  nlmsghdr h{};
  h.nlmsg_type = type;
  h.nlmsg_flags = flags;
  h.nlmsg_seq = sequence;
  fixed(h);
}

void NetlinkWriter::append(std::span<const std::byte> data) {
  bytes_.insert(bytes_.end(), data.begin(), data.end());
  bytes_.resize(padded(bytes_.size()));
}

void NetlinkWriter::attribute(std::uint16_t type, std::span<const std::byte> data) {
  nlattr a{};
  a.nla_len = static_cast<std::uint16_t>(sizeof a + data.size());
  a.nla_type = type;
  fixed(a);
  append(data);
}

void NetlinkWriter::text(std::uint16_t type, std::string_view value) {
  const std::string terminated(value);
  attribute(type, std::as_bytes(std::span(terminated.c_str(), terminated.size() + 1)));
}

std::size_t NetlinkWriter::begin(std::uint16_t type) {
  const std::size_t at = bytes_.size();
  attribute(type, {});
  return at;
}

void NetlinkWriter::end(std::size_t begun) {
  const auto length = static_cast<std::uint16_t>(bytes_.size() - begun);
  std::memcpy(bytes_.data() + begun + offsetof(nlattr, nla_len), &length, sizeof length);
}

std::vector<std::byte> NetlinkWriter::finish() && {
  const auto length = static_cast<std::uint32_t>(bytes_.size());
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
  return std::move(bytes_);
}

std::optional<NetlinkMessage> NetlinkReader::next() {
  nlmsghdr h;
  if (rest_.size() < sizeof h) return std::nullopt;
  std::memcpy(&h, rest_.data(), sizeof h);
  if (h.nlmsg_len < sizeof h || h.nlmsg_len > rest_.size()) return std::nullopt;
  const NetlinkMessage m{h.nlmsg_type, h.nlmsg_flags, h.nlmsg_seq,
                         rest_.subspan(sizeof h, h.nlmsg_len - sizeof h)};
  skip(rest_, h.nlmsg_len);
  return m;
}

std::string NetlinkAttribute::text() const {
  const auto* begin = reinterpret_cast<const char*>(data.data());
  return {begin, std::find(begin, begin + data.size(), '\0')};
}

std::optional<NetlinkAttribute> AttributeReader::next() {
  nlattr a;
  if (rest_.size() < sizeof a) return std::nullopt;
  std::memcpy(&a, rest_.data(), sizeof a);
  if (a.nla_len < sizeof a || a.nla_len > rest_.size()) return std::nullopt;
  const NetlinkAttribute found{static_cast<std::uint16_t>(a.nla_type & NLA_TYPE_MASK),
                               rest_.subspan(sizeof a, a.nla_len - sizeof a)};
  skip(rest_, a.nla_len);
  return found;
}

}  // namespace mkcapture::init
