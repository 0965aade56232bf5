#include "vcpu_loop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#include "clock.h"
#include "failure.h"
#include "locate.h"
#include "thread.h"

// A wait for a page is looked at this often.
#define WAIT_SLICE_NS 50000000LL
// Longest stay in KVM_RUN: this and three times the latency.
#define SLICE_NS 100000000LL

static void OnSlice(int signal) { (void)signal; }

// A timer of this thread interrupts KVM_RUN after each slice.
static void ArmSlices(int64_t slice_ns) {
  struct sigaction action = {.sa_handler = OnSlice, .sa_flags = SA_RESTART};
  Checked(sigaction(SIGRTMIN, &action, NULL), "THREAD", "sigaction");
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
  event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
  timer_t timer;
  Checked(timer_create(CLOCK_MONOTONIC, &event, &timer), "THREAD", "timer_create");
  const struct itimerspec setting = {.it_interval = ToTimespec(slice_ns), .it_value = ToTimespec(slice_ns)};
  Checked(timer_settime(timer, 0, &setting, NULL), "THREAD", "timer_settime");
}

static void WaitForPage(struct vcpu_loop* loop, uint64_t page) {
  _Atomic uint32_t* state = &loop->pages->states[page];
  loop->sync_waits++;
  if (atomic_load(state) == PAGE_MISSING) Offer(loop->ring, page, SYNC_TAG);
  for (uint32_t seen; (seen = atomic_load(state)) != PAGE_PRESENT;) WaitOnWord(state, seen, WAIT_SLICE_NS);
}

static void HandleFault(struct vcpu_loop* loop, struct locator* locator, struct kvm_run* run) {
  uint64_t found[MOST_FAULTING_PAGES];
  const unsigned count = Locate(locator, &run->s.regs, found);
  if (count == 0) loop->spurious_faults++;
  // An instruction that misses two pages waits for the first.
  for (unsigned i = 0; i < count; i++) {
    uint64_t tag = SYNC_TAG;
    if (loop->options->mode == MODE_APF_USER && i == count - 1) tag = TellNotPresent(loop->apf, found[i], run);
    if (tag == SYNC_TAG) {
      WaitForPage(loop, found[i]);
    } else {
      loop->not_present++;
      Offer(loop->ring, found[i], tag);
    }
  }
}

// KVM's emulator takes memory that it cannot copy from for a device: the access is done in the page's contents.
static bool HandleEmulated(struct vcpu_loop* loop, struct kvm_run* run) {
  const uint64_t gpa = run->mmio.phys_addr;
  const uint64_t size = run->mmio.len;
  if (gpa < WINDOW_BASE || size > sizeof run->mmio.data || gpa % PAGE_SIZE + size > PAGE_SIZE) return false;
  const uint64_t page = (gpa - WINDOW_BASE) / PAGE_SIZE;
  if (page >= loop->window->pages) return false;
  WaitForPage(loop, page);
  uint8_t* datum = loop->window->host_view + (gpa - WINDOW_BASE);
  if (run->mmio.is_write != 0)
    memcpy(datum, run->mmio.data, size);
  else
    memcpy(run->mmio.data, datum, size);
  return true;
}

static _Noreturn void Refuse(const struct kvm_run* run) {
  Fail("UNHANDLED_EXIT", "KVM_RUN left the guest for a reason that this VMM does not handle: exit reason %u",
       run->exit_reason);
}

// True when the guest is done.
static bool HandleIo(struct vcpu_loop* loop, const struct kvm_run* run) {
  if (run->io.direction != KVM_EXIT_IO_OUT || run->io.port != DOORBELL_PORT || run->io.size != 4) Refuse(run);
  loop->doorbells++;
  uint32_t value;
  memcpy(&value, (const uint8_t*)run + run->io.data_offset, sizeof value);
  if (value == DOORBELL_PANIC) {
    const struct vcpu_block* block = BlockOf(loop->guest);
    Fail("GUEST_PANIC", "the guest gave up: code %u, vector %llu, rip 0x%llx", block->panic_code, block->panic_vector,
         block->panic_rip);
  }
  return value == DOORBELL_DONE;
}

static bool HandleExit(struct vcpu_loop* loop, struct kvm_run* run) {
  const bool has_protocol = loop->options->mode == MODE_APF_USER;
  switch (run->exit_reason) {
  case KVM_EXIT_IO:
    return HandleIo(loop, run);
  case KVM_EXIT_X86_WRMSR:
    loop->msr_exits++;
    run->msr.error = !(has_protocol && WriteAsyncPfMsr(loop->apf, run->msr.index, run->msr.data));
    return false;
  case KVM_EXIT_X86_RDMSR: {
    uint64_t value = 0;
    loop->msr_exits++;
    run->msr.error = !(has_protocol && ReadAsyncPfMsr(loop->apf, run->msr.index, &value));
    run->msr.data = value;
    return false;
  }
  case KVM_EXIT_MMIO:
    if (!CatchesByExit(loop->options->mode) || !HandleEmulated(loop, run)) Refuse(run);
    loop->fault_exits++;
    return false;
  default:
    Refuse(run);
  }
}

void* RunVcpuLoop(void* argument) {
  struct vcpu_loop* loop = argument;
  PinThread(loop->options->vcpu_cpu);
  const struct vcpu vcpu = MakeVcpu(loop->vm, loop->options, loop->guest);
  struct locator* locator = MakeLocator(loop->guest, loop->window, loop->pages);
  loop->tsc_khz = vcpu.tsc_khz;
  ArmSlices(SLICE_NS + 3 * (int64_t)loop->options->latency_ns);
  for (;;) {
    vcpu.run->exit_reason = 0;
    const int64_t start_ns = MonotonicNs();
    const int result = ioctl(vcpu.fd, KVM_RUN, 0);
    const int error = errno;
    loop->run_ns += MonotonicNs() - start_ns;
    loop->exits++;
    if (result == 0) {
      if (HandleExit(loop, vcpu.run)) return NULL;
    } else if (error == EINTR) {
      loop->interruptions++;
      if (loop->options->mode == MODE_APF_USER) PollReadyEvents(loop->apf);
    } else if (error == EFAULT && CatchesByExit(loop->options->mode)) {
      loop->fault_exits++;
      HandleFault(loop, locator, vcpu.run);
    } else if (error != EAGAIN) {
      Fail("KVM", "KVM_RUN: %s", strerrordesc_np(error));
    }
  }
}
