// A kernel's module tree, ROOT/lib/modules/RELEASE, as libkmod reads it. Names are given and
// returned with '_'. No modprobe.d of this machine has a say: the same tree gives the same answers.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "init/base/result.h"

struct kmod_ctx;

namespace mkcapture {

/// What the tree says about one module.
struct ModuleInfo {
  std::string name;
  std::string path;                   // of the file, links of a tree followed inside of it
  std::vector<std::string> depends;   // modules.dep: direct and indirect, in load order
  std::vector<std::string> pre;       // softdep pre:, resolved to names that this tree has
  std::vector<std::string> post;      // softdep post:, likewise
  std::vector<std::string> firmware;  // .modinfo firmware=
  std::vector<std::string> aliases;   // .modinfo alias=
};

class KernelTree {
 public:
  /// `root` is "/" or the folder given by --root, without a '/' at its end; lib/modules/RELEASE is
  /// looked up below it and below its usr/. An error says what is missing (the tree, or depmod's
  /// indexes) and what helps.
  [[nodiscard]] static Result<KernelTree> open(const std::string& root, const std::string& release);
  KernelTree(KernelTree&&) noexcept;
  KernelTree& operator=(KernelTree&&) noexcept;
  ~KernelTree();

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] const std::string& release() const { return release_; }

  /// Part of the kernel itself (modules.builtin).
  [[nodiscard]] bool is_builtin(std::string_view name) const;
  /// What a driver that is built in may ask for (modules.builtin.modinfo).
  [[nodiscard]] std::vector<std::string> builtin_firmware(std::string_view name) const;
  /// There is a file for it.
  [[nodiscard]] bool has(std::string_view name) const;

  /// Modules that a name or a modalias stands for, built-in ones too, in the index's order.
  [[nodiscard]] std::vector<std::string> lookup(std::string_view name_or_modalias) const;
  /// Modules one of whose aliases matches `pattern` ('*', '?' and [] as fnmatch), sorted.
  [[nodiscard]] std::vector<std::string> lookup_pattern(std::string_view pattern) const;
  /// Modules below a folder ("kernel/drivers/net/ethernet/intel"), sorted.
  [[nodiscard]] std::vector<std::string> subtree(std::string_view folder) const;

  /// modules.alias as (PATTERN, NAME), in the file's order.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> alias_index() const;

  /// An error where there is no file for it, or one that cannot be read.
  [[nodiscard]] Result<ModuleInfo> info(std::string_view name) const;

 private:
  KernelTree() = default;
  /// That `info` has all that the module itself says it `depends` on.
  [[nodiscard]] Status check_depends(const ModuleInfo& info, std::string_view depends) const;
  struct Unref {
    void operator()(kmod_ctx* ctx) const noexcept;
  };
  std::unique_ptr<kmod_ctx, Unref> ctx_;
  void read_builtin_firmware();
  std::string root_;
  std::string directory_;
  std::string release_;
  std::set<std::string> builtin_;                            // names
  std::map<std::string, std::string> files_;                 // name -> path below directory_
  std::map<std::string, std::vector<std::string>> depends_;  // by modules.dep, in load order
  std::map<std::string, std::vector<std::string>> builtin_firmware_;
};

/// 'nvme-core' -> 'nvme_core'.
[[nodiscard]] std::string normal_name(std::string_view name);

}  // namespace mkcapture
