#include "init/check/check_target.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "init/base/text.h"
#include "init/worker/retention.h"

namespace mkcapture::init {
namespace {

constexpr std::string_view kPrefix = "mkcapture-check-";

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

class Check {
 public:
  explicit Check(const CheckContext& context)
      : context_(context),
        modules_(context.system, context.config),
        name_(check_directory(context.host)) {}

  CheckEnd run() {
    CheckEnd end;
    end.status = go(end);
    Status closed = close();
    if (end.status) end.status = std::move(closed);
    return end;
  }

 private:
  Status go(CheckEnd& end) {
    TRY(open());  // mounted or connected, as a worker does it
    if (!store_->has_directories()) {
      end.free = store_->free(context_.deadline);
      return {};  // held, and it may be overwritten: all that can be known before
    }
    TRY(begin());  // a directory beside the dumps
    Status written = write(end.note);
    if (written) end.free = store_->free(context_.deadline);
    Status removed = remove_all();  // of this check, and of one that was killed
    return written ? std::move(removed) : std::move(written);
  }

  Status open() {
    TargetContext context{{context_.system, context_.config, context_.state, modules_}};
    context.network_is_up = true;
    target_ = context_.make(context_.entry.spec, context);
    TRY(target_->open(context_.deadline.sooner(context_.config.wait)));
    store_ = &target_->store();
    context_.state.set_ready();
    return {};
  }

  Status begin() {
    context_.state.enter(Step::kDirectory);
    TRY_ASSIGN(name, store_->begin(name_, context_.deadline));
    (void)name;
    return {};
  }

  /// The file is whole, on stable storage, and has its last name.
  Status write(std::string& note) {
    context_.state.enter(Step::kDump);
    {
      TRY_ASSIGN(output, store_->create(kPartialFile, context_.deadline));
      const std::vector<std::byte> bytes(kCheckBytes, std::byte{0x5a});
      TRY(output->write_at(0, bytes));
      context_.state.enter(Step::kSync);
      TRY(output->finish(bytes.size()));
      note = output->note();
    }
    context_.state.enter(Step::kRename);
    return store_->commit(kPartialFile, kWholeFile, context_.deadline);
  }

  Status remove_all() {
    auto there = store_->list(name_, context_.deadline);
    if (!there) return std::move(there).error();
    for (const StoredDump& found : *there) {
      std::string_view rest(found.name);
      rest.remove_prefix(name_.size());
      if (!rest.empty() && !(consume(rest, "-") && is_number(rest))) continue;
      TRY(store_->remove(found, context_.deadline));
    }
    return {};
  }

  Status close() {
    if (store_ == nullptr) return {};
    if (const auto closed = target_->close(context_.deadline); !closed) {
      context_.state.enter(Step::kUnmount);
      return closed;
    }
    return {};
  }

  const CheckContext& context_;
  ModuleLoader modules_;
  std::string name_;
  std::unique_ptr<Target> target_;
  DumpStore* store_ = nullptr;  // once the target is open
};

}  // namespace

std::string check_directory(std::string_view host) {
  std::string name(kPrefix);
  for (const char c : host)
    name += c == '/' || c == ':' ? '-' : c;
  // Ends what a suffix or another machine's longer name could be taken for.
  return name + "+";
}

CheckEnd check_target(const CheckContext& context) {
  return Check(context).run();
}

}  // namespace mkcapture::init
