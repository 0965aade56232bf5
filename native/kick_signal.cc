#include "kick_signal.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

#include "clock.h"
#include "guarded_copy.h"

#if !defined(sigev_notify_thread_id)
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace faultlab {
namespace {

// Neither the C library (the first two or three) nor libuv, V8 or Node use it.
constexpr int kOffset = 8;
int KickSignal() { return SIGRTMIN + kOffset; }

// Its address marks our own signals, so that others of the same number can be passed on.
char marker;
// Written once, before the handler is installed.
struct sigaction previous {};

bool IsOurs(const siginfo_t& info) {
  return (info.si_code == SI_TIMER || info.si_code == SI_QUEUE) && info.si_value.sival_ptr == &marker;
}

// Being delivered is all that a kick has to do: it makes KVM_RUN return. A copy must be told.
void OnKick(int signal, siginfo_t* info, void* context) {
  if (IsOurs(*info)) AbandonLateCopy(context);
  if (IsOurs(*info) || previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN) return;
  const int error = errno;
  previous.sa_sigaction(signal, info, context);
  errno = error;
}

int Install() {
  if (sigaction(KickSignal(), nullptr, &previous) != 0) return errno;
  struct sigaction ours {};
  ours.sa_sigaction = &OnKick;
  ours.sa_mask = previous.sa_mask;
  // SA_RESTART: everything else on the thread goes on as if there were no timer. KVM_RUN is never restarted.
  ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  return sigaction(KickSignal(), &ours, nullptr) == 0 ? 0 : errno;
}

}  // namespace

int PrepareKickableThread() {
  static std::once_flag once;
  static int error = 0;
  std::call_once(once, [] { error = Install(); });
  if (error != 0) return error;
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, KickSignal());
  return pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
}

int SendKick(pid_t threadId) {
  siginfo_t info{};
  info.si_signo = KickSignal();
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_ptr = &marker;
  return syscall(SYS_rt_tgsigqueueinfo, getpid(), threadId, KickSignal(), &info) == 0 ? 0 : errno;
}

int SignalTimer::Create(pid_t threadId) {
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = KickSignal();
  event.sigev_value.sival_ptr = &marker;
  event.sigev_notify_thread_id = threadId;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) return errno;
  created_ = true;
  return 0;
}

int SignalTimer::Arm(int64_t firstNs, int64_t intervalNs) {
  const itimerspec setting{ToTimespec(intervalNs), ToTimespec(firstNs)};
  return timer_settime(timer_, 0, &setting, nullptr) == 0 ? 0 : errno;
}

void SignalTimer::Delete() {
  if (created_) timer_delete(timer_);
  created_ = false;
}

}  // namespace faultlab
