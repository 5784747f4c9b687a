#include "init/contract/target.h"

#include <array>
#include <optional>
#include <utility>

#include "init/base/text.h"

namespace mkcapture {
namespace {

constexpr std::size_t kMaxTargetBytes = 4096;

struct Kind {
  std::string_view prefix;
  std::string_view form;
  Result<TargetSpec> (*parse)(std::string_view text);
};

template <class Spec>
Result<TargetSpec> parse_as(std::string_view text) {
  TRY_ASSIGN(spec, Spec::parse(text));
  return TargetSpec(std::move(spec));
}

template <class... Specs>
constexpr std::array<Kind, sizeof...(Specs)> kinds_of(const std::variant<Specs...>*) {
  return {Kind{Specs::kPrefix, Specs::kForm, parse_as<Specs>}...};
}
constexpr auto kKinds = kinds_of(static_cast<const TargetSpec*>(nullptr));

/// "write A, B or C".
Error unknown_form() {
  std::string forms = "write ";
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    forms += i == 0 ? "" : i + 1 == kKinds.size() ? " or " : ", ";
    forms += kKinds[i].form;
  }
  return fail(std::move(forms));
}

Result<TargetSpec> parse_kind(std::string_view text) {
  for (const Kind& kind : kKinds) {
    if (consume(text, kind.prefix)) return kind.parse(text);
  }
  return unknown_form();
}

}  // namespace

Result<TargetSpec> parse_target(std::string_view text) {
  const auto refuse = [&](Error error) {
    return std::move(error).within("target '" + std::string(text.substr(0, 200)) + "'");
  };
  if (text.size() > kMaxTargetBytes) return refuse(fail("too long"));
  if (!all_of(text, [](char c) { return !is_control(c); })) {
    return fail("the target contains a control character");
  }
  auto target = parse_kind(text);
  if (!target) return refuse(std::move(target).error());
  return target;
}

std::string to_string(const TargetSpec& target) {
  return std::visit([](const auto& kind) { return kind.to_string(); }, target);
}

TargetNeeds needs(const TargetSpec& target) {
  return std::visit([](const auto& kind) { return kind.needs(); }, target);
}

Status check_target(const TargetSpec& target) {
  return std::visit([](const auto& kind) { return kind.check(); }, target);
}

void rename_device(TargetSpec& target, DeviceName name) {
  std::visit(
      [&name](auto& kind) {
        if constexpr (requires { kind.device; }) kind.device = std::move(name);
      },
      target);
}

}  // namespace mkcapture
