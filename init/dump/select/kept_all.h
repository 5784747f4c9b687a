// The filter that keeps every page of every range.
#pragma once

#include <algorithm>
#include <string>

#include "init/dump/pages.h"
#include "init/dump/select/kept_pages.h"

namespace mkcapture::dump {

class KeepAll : public PageFilter {
 public:
  KeepAll(const CrashedMachine& machine, std::string note)
      : machine_(&machine), note_(std::move(note)) {}

  Status keep(std::uint64_t first_pfn, std::span<std::uint8_t> bits) override {
    std::fill(bits.begin(), bits.end(), std::uint8_t{0});
    set_present(*machine_, first_pfn, bits);
    return {};
  }
  [[nodiscard]] int level() const noexcept override { return 0; }
  [[nodiscard]] const std::string& note() const noexcept override { return note_; }

 private:
  const CrashedMachine* machine_;
  std::string note_;
};

}  // namespace mkcapture::dump
