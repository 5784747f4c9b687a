// The kernel that the image is for, as files below --root: its release, image and configuration.
// (Its modules are modules/kernel_tree.h.)
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/base/usage.h"
#include "builder/host/host.h"
#include "builder/kernel/profile.h"
#include "builder/kernel/unified_image.h"

namespace mkcapture {

/// A kernel's .config: symbol without CONFIG_ -> "y", "m", or a value.
class KernelConfig {
 public:
  [[nodiscard]] bool known() const { return known_; }
  [[nodiscard]] bool is_set(std::string_view symbol) const;      // y or m
  [[nodiscard]] bool is_builtin(std::string_view symbol) const;  // y
  friend KernelConfig parse_kernel_config(std::string_view text);

 private:
  bool known_ = false;
  std::map<std::string, std::string, std::less<>> values_;
};
/// Lines "CONFIG_X=y"; anything else is passed over.
[[nodiscard]] KernelConfig parse_kernel_config(std::string_view text);

struct KernelFiles {
  std::string root;  // "/" or as --root has it, without a '/' at the end
  std::string release;
  std::string image;                   // path; empty where there is none
  std::optional<FilePart> linux_part;  // image is a UKI: where the kernel lies in it
  std::string config_path;             // empty where there is none
  KernelConfig config;
};

/// Releases that have a module tree below the root, oldest first ("6.1.0-9" before "6.1.0-10").
[[nodiscard]] std::vector<std::string> kernel_releases(Host& host, const std::string& root);

/// `wanted`: --kernel, or empty for `running` if its modules are there, else what
/// newest_of_flavour() says.
[[nodiscard]] Result<std::string> choose_release(Host& host, const std::string& root,
                                                 const std::string& wanted,
                                                 const std::string& running);

/// Image and configuration of a release; what is not there stays empty. The image is looked for by
/// the profile's names, then as systemd-boot (ENTRY-TOKEN/RELEASE/linux), ostree and Alpine
/// (vmlinuz-FLAVOUR) put it, then as a UKI. A file whose name does not tell the release is taken
/// where its header tells no other.
[[nodiscard]] KernelFiles find_kernel_files(Host& host, const std::string& root,
                                            const std::string& release, const Profile& profile);

/// --kernel-image FILE: a kernel or a UKI. An error where it cannot be read.
[[nodiscard]] Status use_kernel_image(Host& host, const std::string& file, KernelFiles& files);

}  // namespace mkcapture
