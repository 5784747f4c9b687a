#include "init/dump/format/compress_pool.h"

#include <pthread.h>

#include <algorithm>
#include <cerrno>

namespace mkcapture::dump {
namespace {

constexpr std::size_t kChunkBytes = 512 << 10;  // of memory of the crashed machine
constexpr std::size_t kSpareChunks = 2;         // one being filled, one being written
constexpr std::size_t kStackBytes = 256 << 10;  // zstd wants some 20 KiB, sanitizers more

}  // namespace

/// A piece of work: page frames, and what a thread made of them.
class CompressPool::Chunk final : public PageReceiver {
 public:
  explicit Chunk(std::size_t page_size)
      : data_(kChunkBytes + page_room(page_size)), most_pages_(kChunkBytes / page_size) {
    runs_.reserve(most_pages_);
    outcomes_.reserve(most_pages_);
  }
  [[nodiscard]] bool ok() const noexcept { return static_cast<bool>(data_); }

  // For the caller's thread, while no other has it.
  void reset() {
    runs_.clear();
    outcomes_.clear();
    pages_ = used_ = 0;
    done_ = false;
  }
  /// Takes as many page frames from the front of `run` as fit.
  void fill(PageRun& run) {
    const std::uint64_t n = std::min<std::uint64_t>(run.count, most_pages_ - pages_);
    runs_.push_back({run.first, n});
    pages_ += static_cast<std::size_t>(n);
    run.first += n;
    run.count -= n;
  }
  [[nodiscard]] bool empty() const noexcept { return pages_ == 0; }
  [[nodiscard]] bool full() const noexcept { return pages_ == most_pages_; }

  Status hand_on(KdumpBody& body) {
    std::uint64_t offset = body.position();
    TRY(body.append(data_.span().first(used_)));
    std::size_t i = 0;
    for (const PageRun& run : runs_) {
      for (std::uint64_t pfn = run.first; pfn < run.first + run.count; ++pfn, ++i) {
        const PageOutcome& o = outcomes_[i];
        if (o.kind == PageOutcome::Kind::kZero) {
          TRY(body.zero());
        } else if (o.kind == PageOutcome::Kind::kUnreadable) {
          TRY(body.unreadable(pfn));
        } else {
          TRY(body.described(offset, o.size, o.flags));
          offset += o.size;
        }
      }
    }
    return {};
  }

  // For the thread that works on it.
  void work(PageWorker& worker) {
    for (const PageRun& run : runs_)
      (void)worker.work(run, *this);  // a chunk takes everything
  }
  std::byte* room() override { return data_.data() + used_; }
  Status stored(std::uint32_t size, std::uint32_t flags) override {
    outcomes_.push_back({PageOutcome::Kind::kStored, size, flags});
    used_ += size;
    return {};
  }
  Status zero() override {
    outcomes_.push_back({PageOutcome::Kind::kZero, 0, 0});
    return {};
  }
  Status unreadable(std::uint64_t) override {
    outcomes_.push_back({PageOutcome::Kind::kUnreadable, 0, 0});
    return {};
  }

  // Under the pool's mutex.
  [[nodiscard]] bool done() const noexcept { return done_; }
  void set_done() noexcept { done_ = true; }

 private:
  AlignedBuffer data_;
  std::size_t most_pages_;
  std::size_t used_ = 0;
  std::size_t pages_ = 0;
  std::vector<PageRun> runs_;
  std::vector<PageOutcome> outcomes_;
  bool done_ = false;
};

CompressPool::CompressPool() = default;

Result<std::unique_ptr<CompressPool>> CompressPool::create(VmcoreSource& source,
                                                           const DumpOptions& options,
                                                           int threads) {
  std::unique_ptr<CompressPool> pool(new CompressPool);
  const std::size_t page_size = source.crashed().page_size;
  const auto wanted = static_cast<std::size_t>(threads);
  for (std::size_t i = 0; i < wanted; ++i) {
    auto worker = PageWorker::create(source, options);
    if (!worker) {
      if (i == 0) return std::move(worker).error();
      break;
    }
    pool->workers_.push_back(std::move(*worker));
  }
  for (std::size_t i = 0; i < pool->workers_.size() + kSpareChunks; ++i) {
    pool->chunks_.push_back(std::make_unique<Chunk>(page_size));
    if (!pool->chunks_.back()->ok()) return sys_error("chunk of pages", ENOMEM);
  }
  for (std::size_t i = 0; i < pool->workers_.size(); ++i) {
    if (const int code = pool->start_thread(); code != 0) {
      if (i == 0) return sys_error("thread", code);
      break;
    }
  }
  return pool;
}

int CompressPool::start_thread() {
  // Not std::thread: without exceptions it ends the program where there is no memory for one more.
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread{};
  const int code = pthread_create(
      &thread, &attributes,
      [](void* pool) -> void* {
        static_cast<CompressPool*>(pool)->serve();
        return nullptr;
      },
      this);
  pthread_attr_destroy(&attributes);
  if (code == 0) threads_.push_back(thread);
  return code;
}

CompressPool::~CompressPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_all();
  for (const pthread_t thread : threads_)
    pthread_join(thread, nullptr);
}

void CompressPool::serve() {
  std::unique_lock lock(mutex_);
  PageWorker& worker = *workers_[serving_++];
  for (;;) {
    work_.wait(lock, [&] { return stop_ || taken_ < submitted_; });
    if (stop_) return;
    Chunk& mine = chunk(taken_++);
    lock.unlock();
    mine.work(worker);
    lock.lock();
    mine.set_done();
    result_.notify_one();
  }
}

Status CompressPool::put(PageRun run, KdumpBody& body) {
  while (run.count > 0) {
    if (filling_ - oldest_ == chunks_.size()) TRY(take_oldest(body));
    Chunk& c = chunk(filling_);
    c.fill(run);
    if (c.full()) submit();
  }
  return {};
}

void CompressPool::submit() {
  ++filling_;
  {
    const std::lock_guard lock(mutex_);
    submitted_ = filling_;
  }
  work_.notify_one();
}

Status CompressPool::take_oldest(KdumpBody& body) {
  Chunk& c = chunk(oldest_);
  {
    std::unique_lock lock(mutex_);
    result_.wait(lock, [&] { return c.done(); });
  }
  TRY(c.hand_on(body));
  c.reset();
  ++oldest_;
  return {};
}

Status CompressPool::drain(KdumpBody& body) {
  if (filling_ - oldest_ < chunks_.size() && !chunk(filling_).empty()) submit();
  while (oldest_ < filling_)
    TRY(take_oldest(body));
  return {};
}

}  // namespace mkcapture::dump
