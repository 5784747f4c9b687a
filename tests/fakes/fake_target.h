// A target, a vmcore and their outputs in memory, for tests of the capture flow.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "init/dump/dump.h"
#include "init/targets/target.h"

namespace mkcapture::init {

using namespace dump;

/// Appends what is written to a string that the test owns.
class StringOutput final : public Output {
 public:
  explicit StringOutput(std::string& text, std::uint64_t* reserved = nullptr, std::string note = {})
      : text_(text), reserved_(reserved), note_(std::move(note)) {}
  [[nodiscard]] std::string note() const override { return note_; }
  [[nodiscard]] bool seekable() const noexcept override { return true; }
  Status write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    if (text_.size() < offset + data.size()) text_.resize(offset + data.size());
    text_.replace(offset, data.size(), reinterpret_cast<const char*>(data.data()), data.size());
    return {};
  }
  Status reserve(std::uint64_t offset, std::uint64_t size) override {
    if (reserved_ != nullptr) *reserved_ = offset + size;
    return {};
  }
  Status finish(std::uint64_t size) override {
    text_.resize(size);
    return {};
  }

 private:
  std::string& text_;
  std::uint64_t* reserved_;
  std::string note_;
};

/// What a FakeTarget did and holds; outlives the target, which the flow owns.
struct FakeStore {
  std::map<std::string, std::string> files;
  std::map<std::string, std::uint64_t> reserved;  // bytes by file
  std::vector<std::string> calls;  // "open", "mkdir NAME", "create FILE", "rename A B", "close"
  std::map<std::string, std::string> errors;  // a call -> why it fails
  std::map<std::string, ErrorKind> kinds;     // of that error; without an entry it is broken
  Milliseconds open_left{0};                  // what the deadline of open() left
  std::optional<Space> free;
  std::vector<StoredDump> dumps;  // beside the one that is written
  std::string address;
  std::string note;  // of what was written
  bool directory = true;

  Status call(const std::string& what) {
    calls.push_back(what);
    const auto error = errors.find(what);
    const auto kind = kinds.find(what);
    if (error != errors.end())
      return fail(kind == kinds.end() ? ErrorKind::kBroken : kind->second, error->second);
    return {};
  }
};

class FakeTarget final : public Target, private DumpStore {
 public:
  using Deadline = Deadline;
  explicit FakeTarget(FakeStore& store) : store_(store) {}
  Status open(const Deadline& deadline) override {
    store_.open_left = deadline.left();
    return store_.call("open");
  }
  DumpStore& store() override { return *this; }
  [[nodiscard]] std::string local_address() const override { return store_.address; }
  Status close(const Deadline&) override { return store_.call("close"); }

 private:
  [[nodiscard]] bool has_directories() const noexcept override { return store_.directory; }
  Result<std::string> begin(const std::string& name, const Deadline&) override {
    TRY(store_.call("mkdir " + name));
    return name;
  }
  Result<std::unique_ptr<Output>> create(const std::string& file, const Deadline&) override {
    TRY(store_.call("create " + file));
    return std::unique_ptr<Output>(
        std::make_unique<StringOutput>(store_.files[file], &store_.reserved[file], store_.note));
  }
  Status commit(const std::string& from, const std::string& to, const Deadline&) override {
    TRY(store_.call("rename " + from + " " + to));
    store_.files[to] = store_.files[from];
    store_.files.erase(from);
    return {};
  }
  Result<std::vector<StoredDump>> list(const std::string& prefix, const Deadline&) override {
    TRY(store_.call("list " + prefix));
    std::vector<StoredDump> found;
    for (const auto& dump : store_.dumps) {
      if (dump.name.starts_with(prefix)) found.push_back(dump);
    }
    return found;
  }
  Status remove(const StoredDump& dump, const Deadline&) override {
    TRY(store_.call("remove " + dump.name));
    std::erase(store_.dumps, dump);
    return {};
  }
  std::optional<Space> free(const Deadline&) override { return store_.free; }

  FakeStore& store_;
};

class FakeVmcore final : public Vmcore {
 public:
  std::string node = "node7";
  std::int64_t crashed = 0;
  std::string dmesg = "[    0.000000] Linux\n";
  [[nodiscard]] std::uint64_t size() const noexcept override { return 1 << 20; }
  [[nodiscard]] std::uint64_t memory_bytes() const noexcept override { return 1 << 20; }
  [[nodiscard]] std::string os_release() const override { return "6.1.0-test"; }
  [[nodiscard]] std::string build_id() const override { return "c0ffee"; }
  [[nodiscard]] std::int64_t crash_time() const noexcept override { return crashed; }
  [[nodiscard]] Result<std::string> node_name() override {
    if (node.empty()) return fail("no node name");
    return node;
  }
  Result<std::uint64_t> write_dmesg(Output& output) override {
    if (dmesg.empty()) return fail("no log found");
    TRY(output.write_at(0, std::as_bytes(std::span(dmesg))));
    return std::uint64_t{dmesg.size()};
  }
  Result<dump::LevelReport> check_level(int) override { return fail("no memory"); }
  Result<dump::LevelReport> forecast(const DumpChoice&) override { return fail("no memory"); }
  Result<dump::DumpReport> write_dump(Output&, const dump::DumpOptions&,
                                      dump::DumpProgress&) override {
    return fail("no memory");
  }
};

}  // namespace mkcapture::init
