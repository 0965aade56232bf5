#include "memory_failure.h"

#include <pthread.h>
#include <ucontext.h>

#include "fault_signals.h"

#if !defined(__x86_64__)
#error "the system call routine is written for x86-64"
#endif

// int64_t FaultlabSyscall(int64_t number, int64_t first, int64_t second, int64_t third, MemoryFailure* failure)
// A signal that the call brings about is delivered when the call returns, with RIP behind its only `syscall`; that is
// how it is told from a fault of any other code, this thread's own included. r9 carries `failure` to the handler: the
// kernel keeps the register, and looks at it only for calls of six arguments. The nop touches no memory that could be
// poisoned itself: with RIP on it a signal never is a fault of this routine.
extern "C" {
__attribute__((visibility("hidden"))) int64_t FaultlabSyscall(int64_t number, int64_t first, int64_t second,
                                                              int64_t third, faultlab::MemoryFailure* failure);
__attribute__((visibility("hidden"))) extern const char FaultlabSyscallInstruction[];
__attribute__((visibility("hidden"))) extern const char FaultlabSyscallReturn[];
}

asm(R"(
  .pushsection .text.FaultlabSyscall, "ax", @progbits
  .p2align 4
  .globl FaultlabSyscall, FaultlabSyscallInstruction, FaultlabSyscallReturn
  .hidden FaultlabSyscall, FaultlabSyscallInstruction, FaultlabSyscallReturn
  .type FaultlabSyscall, @function
FaultlabSyscall:
  .cfi_startproc
  endbr64
  movq %rdi, %rax
  movq %rsi, %rdi
  movq %rdx, %rsi
  movq %rcx, %rdx
  movq %r8, %r9
  xorl %r8d, %r8d
  xorl %r10d, %r10d
FaultlabSyscallInstruction:
  syscall
FaultlabSyscallReturn:
  nop
  ret
  .cfi_endproc
  .size FaultlabSyscall, . - FaultlabSyscall
  .popsection
)");

namespace faultlab {

CallResult CallNotingMemoryFailure(MemoryFailure* failure, int64_t number, int64_t first, int64_t second,
                                   int64_t third) {
  const int64_t value = FaultlabSyscall(number, first, second, third, failure);
  return value < 0 ? CallResult{-1, static_cast<int>(-value)} : CallResult{value, 0};
}

bool PrepareForMemoryFailure() {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, SIGBUS);
  return ArmFaultSignals() && pthread_sigmask(SIG_UNBLOCK, &only, nullptr) == 0;
}

bool RecordMemoryFailure(int signal, const siginfo_t& info, const void* context) {
  if (!IsMemoryFailure(signal, info)) return false;
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs;
  const greg_t rip = registers[REG_RIP];
  // On the instruction itself where the call is to be restarted, or the signal came just before.
  if (rip != reinterpret_cast<greg_t>(FaultlabSyscallReturn) &&
      rip != reinterpret_cast<greg_t>(FaultlabSyscallInstruction)) {
    return false;
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the routine keeps the pointer there
  auto* failure = reinterpret_cast<MemoryFailure*>(registers[REG_R9]);
  // Memory that was needed comes before memory that was not: the latter will be told again when it is.
  if (failure->code == BUS_MCEERR_AR) return true;
  failure->code = info.si_code;
  failure->address = reinterpret_cast<uint64_t>(info.si_addr);
  failure->addressLsb = info.si_addr_lsb;
  return true;
}

}  // namespace faultlab
