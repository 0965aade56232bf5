// The command line: what to run, and on which CPUs.
#ifndef KVM_FAULTLAB_REFERENCE_OPTIONS_H_
#define KVM_FAULTLAB_REFERENCE_OPTIONS_H_

#include <stdbool.h>
#include <stdint.h>

enum mode { MODE_SYNC_UFFD, MODE_SYNC_EXIT, MODE_APF_KERNEL, MODE_APF_USER };

struct options {
  const char* guest;
  enum mode mode;
  const char* mode_name;
  // Contents of the window's pages; zero beyond its end.
  const char* image;
  // u32 page indexes in visiting order, little endian.
  const char* order;
  // u64 checksums by page for the guest to compare with; NULL for none.
  const char* expected;
  // Where the guest's checksums (u64) and first-access latencies (u64, TSC cycles) go, by page; NULL for nowhere.
  const char* sums_out;
  const char* latencies_out;
  uint64_t window_pages;
  uint64_t latency_ns;
  uint64_t fault_tasks;
  uint64_t work_tasks;
  uint64_t tick_ns;
  uint64_t control_ticks;
  uint64_t trap_by;
  uint64_t timeout_seconds;
  // -1: wherever the kernel likes.
  int64_t vcpu_cpu;
  int64_t resolver_cpu;
};

// Fails with USAGE where something is missing, unknown or out of range.
struct options ParseOptions(int count, char** arguments);

// The VMM notices a missing page as a failed KVM_RUN; otherwise a thread sleeps in the kernel and userfaultfd tells.
static inline bool CatchesByExit(enum mode mode) { return mode == MODE_SYNC_EXIT || mode == MODE_APF_USER; }
// The guest is offered async page faults.
static inline bool OffersAsyncPf(enum mode mode) { return mode == MODE_APF_KERNEL || mode == MODE_APF_USER; }

#endif  // KVM_FAULTLAB_REFERENCE_OPTIONS_H_
