/* kexec for guests that Debian 12 has no kexec-tools for: takes the command as mkcapture prints it,
 *
 *   kexec -p -s KERNEL --initrd=FILE --append=TEXT
 *
 * and hands the files to the kernel (kexec_file_load(2)). Options that it does not know are errors,
 * so that a test does not pass on a command that kexec-tools would refuse.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failed(const char* what) {
  fprintf(stderr, "kexec: %s: %s\n", what, strerror(errno));
  return 1;
}

int main(int argc, char** argv) {
  const char *kernel = NULL, *initrd = NULL, *append = "";
  int panic = 0, by_file = 0;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "-p") == 0) {
      panic = 1;
    } else if (strcmp(argv[i], "-s") == 0) {
      by_file = 1;
    } else if (strncmp(argv[i], "--initrd=", 9) == 0) {
      initrd = argv[i] + 9;
    } else if (strncmp(argv[i], "--append=", 9) == 0) {
      append = argv[i] + 9;
    } else if (argv[i][0] != '-' && kernel == NULL) {
      kernel = argv[i];
    } else {
      fprintf(stderr, "kexec: %s: not known\n", argv[i]);
      return 2;
    }
  }
  if (!panic || !by_file || kernel == NULL || initrd == NULL) {
    fprintf(stderr, "usage: kexec -p -s KERNEL --initrd=FILE --append=TEXT\n");
    return 2;
  }
  const int kernel_fd = open(kernel, O_RDONLY);
  if (kernel_fd < 0) return failed(kernel);
  const int initrd_fd = open(initrd, O_RDONLY);
  if (initrd_fd < 0) return failed(initrd);
  if (syscall(SYS_kexec_file_load, kernel_fd, initrd_fd, strlen(append) + 1, append,
              (unsigned long)KEXEC_FILE_ON_CRASH) != 0)
    return failed("kexec_file_load");
  return 0;
}
