// Compressors in threads of their own. Pages go in and come out in order; everything waits by
// condition variables, nothing spins.
//
// Memory for each thread: its window, its codec and, shared by all, one chunk more than there are
// threads at work: some 512 KiB where no page can be compressed, far less otherwise.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "init/dump/format/kdump_body.h"
#include "init/dump/format/page_worker.h"
#include "init/output/aligned_buffer.h"

namespace mkcapture::dump {

class CompressPool {
 public:
  /// Starts `threads` (at least 1) threads. `source` must outlive this. Where not all can be had,
  /// it works with fewer; an error where there is none.
  static Result<std::unique_ptr<CompressPool>> create(VmcoreSource& source,
                                                      const DumpOptions& options, int threads);
  ~CompressPool();
  CompressPool(const CompressPool&) = delete;
  CompressPool& operator=(const CompressPool&) = delete;

  /// Gives pages to the threads and what is finished to `body`; waits where all are busy.
  Status put(PageRun run, KdumpBody& body);
  /// Waits until everything has been handed to `body`.
  Status drain(KdumpBody& body);

 private:
  class Chunk;

  CompressPool();
  int start_thread();
  void serve();
  void submit();
  Status take_oldest(KdumpBody& body);
  [[nodiscard]] Chunk& chunk(std::uint64_t number) { return *chunks_[number % chunks_.size()]; }

  // Only the caller's thread.
  std::uint64_t filling_ = 0;  // number of the chunk that put() adds to
  std::uint64_t oldest_ = 0;   // the first that has not been handed on

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<std::unique_ptr<PageWorker>> workers_;
  std::vector<pthread_t> threads_;

  std::mutex mutex_;
  std::condition_variable work_;    // for the threads: submitted_ or stop_ changed
  std::condition_variable result_;  // for the caller: a chunk is done
  std::uint64_t submitted_ = 0;     // chunks before this one may be worked on
  std::uint64_t taken_ = 0;         // chunks before this one have been
  std::size_t serving_ = 0;         // threads that have their worker
  bool stop_ = false;
};

}  // namespace mkcapture::dump
