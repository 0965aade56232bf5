#include "guarded_copy.h"

#include <ucontext.h>

#include "clock.h"
#include "kick_signal.h"
#include "thread.h"

#if !defined(__x86_64__)
#error "the copy routine is written for x86-64"
#endif

// size_t FaultlabCopy(void* to, const void* from, size_t n, CopyFault* fault)
// One instruction touches the memory, so that a fault's RIP tells whether it is ours. The handler continues at the
// fixup with the signal in r9, the address in r10 and the signal's code in r11; a copy that ends by itself gets there
// with zeros.
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
  xorl %r11d, %r11d
FaultlabCopyAccess:
  rep movsb
FaultlabCopyFixup:
  movq %r9, 0(%r8)
  movq %r10, 8(%r8)
  movq %r11, 16(%r8)
  movq %rcx, %rax
  ret
  .cfi_endproc
  .size FaultlabCopy, . - FaultlabCopy
  .popsection
)");
static_assert(offsetof(faultlab::CopyFault, signal) == 0 && offsetof(faultlab::CopyFault, address) == 8 &&
              offsetof(faultlab::CopyFault, code) == 16);

namespace faultlab {
namespace {

// Makes the routine return instead of repeating the access.
void Divert(gregset_t& registers, int64_t signal, greg_t address, int64_t code) {
  registers[REG_R9] = signal;
  registers[REG_R10] = address;
  registers[REG_R11] = code;
  registers[REG_RIP] = reinterpret_cast<greg_t>(FaultlabCopyFixup);
}

}  // namespace

bool DivertFaultingCopy(int signal, const siginfo_t& info, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  // Advice about memory that the copy did not need just then is none of its faults.
  const bool itsFault = info.si_code > 0 && !(signal == SIGBUS && info.si_code == BUS_MCEERR_AO);
  if (!itsFault || registers[REG_RIP] != reinterpret_cast<greg_t>(FaultlabCopyAccess)) return false;
  Divert(registers, signal, reinterpret_cast<greg_t>(info.si_addr), info.si_code);
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
  Divert(registers, CopyFault::kLate, 0, 0);
}

}  // namespace faultlab
