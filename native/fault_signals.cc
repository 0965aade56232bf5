#include "fault_signals.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>

#include "guarded_copy.h"
#include "memory_failure.h"

namespace faultlab {
namespace {

constexpr std::array<int, 2> kSignals = {SIGBUS, SIGSEGV};
constexpr size_t kMaxSaved = 8;

// The actions found under ours, oldest first. Entries are written once, before `count` says they are there, so the
// handler reads them without a lock.
struct Saved {
  std::array<struct sigaction, kMaxSaved> actions{};
  std::array<std::atomic<bool>, kMaxSaved> spent{};  // SA_RESETHAND: called once already
  std::atomic<size_t> count{0};
};
std::array<Saved, kSignals.size()> saved;

Saved& SavedFor(int signal) { return saved[signal == SIGBUS ? 0 : 1]; }

// How deep this thread is in the chain. Code that replaced our handler may call it in turn; when we have put ours on
// top again, each would call the other for ever. Every level down takes an older action instead. initial-exec, because
// a handler must not allocate thread-local storage.
__attribute__((tls_model("initial-exec"))) thread_local size_t chainDepth = 0;

// What the kernel does of itself with this signal, once the handler has returned.
void ActByDefault(int signal, siginfo_t* info) {
  struct sigaction byDefault {};
  byDefault.sa_handler = SIG_DFL;
  sigaction(signal, &byDefault, nullptr);
  // An access that faulted is repeated and now ends the process with the right signal and address. Nothing repeats a
  // signal that was sent, and a poisoned page may have been touched by the kernel only: those are sent again.
  const bool repeats = info->si_code > 0 && !IsMemoryFailure(signal, *info);
  if (!repeats) syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), signal, info);
}

void Chain(int signal, siginfo_t* info, void* context) {
  Saved& under = SavedFor(signal);
  const size_t count = under.count.load(std::memory_order_acquire);
  const size_t depth = chainDepth;
  const size_t index = depth < count ? count - 1 - depth : 0;
  const struct sigaction& action = under.actions[index];
  const bool spent = (action.sa_flags & SA_RESETHAND) != 0 && under.spent[index].exchange(true);
  // By kill(2) and the like, or as advice: the kernel ignores those where it is told to, and a real fault never.
  const bool ignorable = info->si_code <= 0 || (signal == SIGBUS && info->si_code == BUS_MCEERR_AO);
  if (action.sa_handler == SIG_IGN && ignorable) return;
  if (spent || action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
    ActByDefault(signal, info);
    return;
  }
  chainDepth = depth + 1;
  // With all three arguments even without SA_SIGINFO: Node's handler relies on that.
  action.sa_sigaction(signal, info, context);
  chainDepth = depth;
}

void OnFault(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  if (!RecordMemoryFailure(signal, *info, context) && !DivertFaultingCopy(signal, *info, context)) {
    Chain(signal, info, context);
  }
  errno = error;
}

bool IsOurs(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == &OnFault;
}

bool PutOnTop(int signal) {
  struct sigaction current {};
  if (sigaction(signal, nullptr, &current) != 0) return false;
  if (IsOurs(current)) return true;
  Saved& under = SavedFor(signal);
  const size_t count = under.count.load(std::memory_order_relaxed);
  if (count == kMaxSaved) return false;
  under.actions[count] = current;
  under.count.store(count + 1, std::memory_order_release);
  struct sigaction ours {};
  ours.sa_sigaction = &OnFault;
  // What the action under ours expects of the kernel (its mask, its stack), as far as it can be kept.
  ours.sa_mask = current.sa_mask;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | (current.sa_flags & (SA_NODEFER | SA_RESTART));
  return sigaction(signal, &ours, nullptr) == 0;
}

}  // namespace

bool ArmFaultSignals() {
  // Asking the kernel each time costs two system calls of about 0.1 us; not asking would cost the process when a
  // library has taken the signal over since.
  bool ours = true;
  for (const int signal : kSignals) {
    struct sigaction current {};
    if (sigaction(signal, nullptr, &current) != 0 || !IsOurs(current)) ours = false;
  }
  if (ours) return true;
  static std::mutex& mutex = *new std::mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  for (const int signal : kSignals) {
    if (!PutOnTop(signal)) return false;
  }
  return true;
}

}  // namespace faultlab
