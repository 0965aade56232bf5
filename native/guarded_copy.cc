#include "guarded_copy.h"

#include <signal.h>
#include <ucontext.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>

#include "clock.h"
#include "kick_signal.h"
#include "thread.h"

#if !defined(__x86_64__)
#error "the copy routine is written for x86-64"
#endif

// size_t FaultlabCopy(void* to, const void* from, size_t n, CopyFault* fault)
// One instruction touches the memory, so that a fault's RIP tells whether it is ours. The handler continues at the
// fixup with the signal in r9 and the address in r10; a copy that ends by itself gets there with zeros.
extern "C" {
__attribute__((visibility("hidden"))) size_t FaultlabCopy(void* to, const void* from, size_t n,
                                                          faultlab::CopyFault* fault);
__attribute__((visibility("hidden"))) extern const char FaultlabCopyAccess[];
__attribute__((visibility("hidden"))) extern const char FaultlabCopyFixup[];
}

asm(R"(
  .pushsection .text.FaultlabCopy, "ax", @progbits
  .p2align 4
  .globl FaultlabCopy, FaultlabCopyAccess, FaultlabCopyFixup
  .hidden FaultlabCopy, FaultlabCopyAccess, FaultlabCopyFixup
  .type FaultlabCopy, @function
FaultlabCopy:
  .cfi_startproc
  endbr64
  movq %rcx, %r8
  movq %rdx, %rcx
  xorl %r9d, %r9d
  xorl %r10d, %r10d
FaultlabCopyAccess:
  rep movsb
FaultlabCopyFixup:
  movq %r9, 0(%r8)
  movq %r10, 8(%r8)
  movq %rcx, %rax
  ret
  .cfi_endproc
  .size FaultlabCopy, . - FaultlabCopy
  .popsection
)");
static_assert(offsetof(faultlab::CopyFault, signal) == 0 && offsetof(faultlab::CopyFault, address) == 8);

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

void Chain(int signal, siginfo_t* info, void* context) {
  Saved& under = SavedFor(signal);
  const size_t count = under.count.load(std::memory_order_acquire);
  const size_t depth = chainDepth;
  const size_t index = depth < count ? count - 1 - depth : 0;
  const struct sigaction& action = under.actions[index];
  const bool spent = (action.sa_flags & SA_RESETHAND) != 0 && under.spent[index].exchange(true);
  const bool sent = info->si_code <= 0;  // by kill(2) and the like, not by an access of this thread
  if (action.sa_handler == SIG_IGN && sent) return;
  if (spent || action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
    // The kernel does not ignore a real fault either. Returning repeats the access, which now ends the process with the
    // right signal and address.
    struct sigaction byDefault {};
    byDefault.sa_handler = SIG_DFL;
    sigaction(signal, &byDefault, nullptr);
    if (sent) static_cast<void>(raise(signal));
    return;
  }
  chainDepth = depth + 1;
  // With all three arguments even without SA_SIGINFO: Node's handler relies on that.
  action.sa_sigaction(signal, info, context);
  chainDepth = depth;
}

// Makes the routine return instead of repeating the access.
void Divert(gregset_t& registers, int64_t signal, greg_t address) {
  registers[REG_R9] = signal;
  registers[REG_R10] = address;
  registers[REG_RIP] = reinterpret_cast<greg_t>(FaultlabCopyFixup);
}

void OnFault(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  if (info->si_code > 0 && registers[REG_RIP] == reinterpret_cast<greg_t>(FaultlabCopyAccess)) {
    Divert(registers, signal, reinterpret_cast<greg_t>(info->si_addr));
  } else {
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

bool ArmCopyGuard() {
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

CopyFault GuardedCopy(void* to, const void* from, size_t sizeBytes, int64_t limitNs) {
  CopyFault fault;
  if (limitNs == 0) {
    FaultlabCopy(to, from, sizeBytes, &fault);
    return fault;
  }
  SignalTimer timer;
  // The interval is for a first signal that comes a moment early.
  constexpr int64_t kAgainNs = 10'000'000;
  if (PrepareKickableThread() == 0 && timer.Create(CurrentThreadId()) == 0 && timer.Arm(limitNs, kAgainNs) == 0) {
    fault.deadlineNs = MonotonicNs() + limitNs;
  }
  FaultlabCopy(to, from, sizeBytes, &fault);
  return fault;
}

void AbandonLateCopy(void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  if (registers[REG_RIP] != reinterpret_cast<greg_t>(FaultlabCopyAccess)) return;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the routine keeps the pointer there
  const auto* fault = reinterpret_cast<const CopyFault*>(registers[REG_R8]);
  if (fault->deadlineNs == 0 || MonotonicNs() < fault->deadlineNs) return;
  Divert(registers, CopyFault::kLate, 0);
}

}  // namespace faultlab
