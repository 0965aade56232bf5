// The VMM loops of kvm-faultlab in C: the same guest, the same memory, the same threads, for what TypeScript costs to
// be a measured column. One vCPU, one resolver. docs/SPEED.md says what is the same and what is not.
#include <stdio.h>
#include <stdlib.h>

#include "async_pf.h"
#include "failure.h"
#include "files.h"
#include "guest.h"
#include "memory.h"
#include "options.h"
#include "report.h"
#include "request_ring.h"
#include "resolver.h"
#include "thread.h"
#include "uffd.h"
#include "vcpu_loop.h"
#include "vm.h"

#define JOIN_SECONDS 10

static int registered_uffd;
static const struct window* registered_window;

// KVM's workers sleep in userfaultfd, and the end of a process waits for them.
static void ReleaseSleepers(void) { UnregisterWindow(registered_uffd, registered_window); }

static void SaveTable(const struct guest* guest, const char* path, uint64_t gpa, uint64_t pages) {
  const uint64_t size = pages * sizeof(uint64_t);
  if (path != NULL) WriteFile(path, InRam(&guest->tables, gpa, size), size);
}

int main(int count, char** arguments) {
  const struct options options = ParseOptions(count, arguments);
  const struct guest guest = LoadGuest(&options);
  const struct window window = MakeWindow(options.window_pages);
  const struct pages pages = MakePages(options.window_pages);
  // Before the VM: at the end of the process descriptors go in order, and this one wakes who sleeps.
  const int uffd = OpenUffd(!CatchesByExit(options.mode));
  RegisterWindow(uffd, &window);
  registered_uffd = uffd;
  registered_window = &window;
  OnFailure(ReleaseSleepers);

  const struct vm vm = MakeVm(&options, &guest, &window);
  static struct request_ring ring;
  static struct async_pf apf;
  InitAsyncPf(&apf, &vm, &guest, &pages);
  static struct resolver resolver;
  resolver.options = &options;
  resolver.window = &window;
  resolver.pages = &pages;
  resolver.ring = &ring;
  resolver.apf = &apf;
  resolver.uffd = uffd;
  InitResolver(&resolver);
  struct vcpu_loop loop = {
      .options = &options, .vm = &vm, .guest = &guest, .window = &window, .pages = &pages, .ring = &ring, .apf = &apf};

  const pthread_t resolver_thread = StartThread(RunResolver, &resolver);
  const pthread_t vcpu_thread = StartThread(RunVcpuLoop, &loop);
  JoinThread(vcpu_thread, options.timeout_seconds, "the guest to be done");
  StopResolver(&resolver);
  JoinThread(resolver_thread, JOIN_SECONDS, "the resolver to end");
  ReleaseSleepers();

  PrintReport(&loop, &resolver);
  SaveTable(&guest, options.sums_out, guest.sums, options.window_pages);
  SaveTable(&guest, options.latencies_out, guest.latencies, options.window_pages);
  return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
