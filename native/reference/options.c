#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../guest/include/abi.h"
#include "failure.h"

static const char* const kModeNames[] = {"sync-uffd", "sync-exit", "apf-kernel", "apf-user"};

#define MOST_WINDOW_PAGES (1ULL << 26)
#define MOST_CPUS 8192

struct number {
  const char* name;
  uint64_t* value;
  uint64_t least;
  uint64_t most;
};

struct text {
  const char* name;
  const char** value;
};

static uint64_t ParseNumber(const struct number* option, const char* text) {
  char* end = NULL;
  errno = 0;
  const unsigned long long value = strtoull(text, &end, 10);
  if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 || value < option->least || value > option->most) {
    Fail("USAGE", "%s must be a whole number from %llu to %llu, not '%s'", option->name,
         (unsigned long long)option->least, (unsigned long long)option->most, text);
  }
  return value;
}

static enum mode ParseMode(const char* text) {
  for (unsigned mode = 0; mode < sizeof kModeNames / sizeof *kModeNames; mode++) {
    if (strcmp(text, kModeNames[mode]) == 0) return (enum mode)mode;
  }
  Fail("USAGE", "unknown mode '%s': there are sync-uffd, sync-exit, apf-kernel and apf-user", text);
}

struct options ParseOptions(int count, char** arguments) {
  struct options options = {.fault_tasks = 1, .tick_ns = 4000000, .timeout_seconds = 60};
  const char* mode = NULL;
  uint64_t vcpu_cpu = UINT64_MAX;
  uint64_t resolver_cpu = UINT64_MAX;
  const struct text texts[] = {
      {"--guest", &options.guest},       {"--mode", &mode},
      {"--image", &options.image},       {"--order", &options.order},
      {"--sums-out", &options.sums_out}, {"--latencies-out", &options.latencies_out},
      {"--expected", &options.expected},
  };
  const struct number numbers[] = {
      {"--window-pages", &options.window_pages, 1, MOST_WINDOW_PAGES},
      {"--latency-ns", &options.latency_ns, 0, 10ULL * 1000 * 1000 * 1000},
      {"--fault-tasks", &options.fault_tasks, 1, MAX_TASKS},
      {"--work-tasks", &options.work_tasks, 0, MAX_TASKS - 1},
      {"--tick-ns", &options.tick_ns, 100000, 1000000000},
      {"--control-ticks", &options.control_ticks, 0, 1000000},
      {"--trap-by", &options.trap_by, 0, TRAP_BY_COUNT - 1},
      {"--timeout-seconds", &options.timeout_seconds, 1, 86400},
      {"--vcpu-cpu", &vcpu_cpu, 0, MOST_CPUS - 1},
      {"--resolver-cpu", &resolver_cpu, 0, MOST_CPUS - 1},
  };
  for (int at = 1; at < count; at += 2) {
    const char* name = arguments[at];
    bool known = false;
    if (at + 1 >= count) Fail("USAGE", "%s has no value", name);
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
      if (strcmp(name, texts[i].name) != 0) continue;
      *texts[i].value = arguments[at + 1];
      known = true;
    }
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
      if (strcmp(name, numbers[i].name) != 0) continue;
      *numbers[i].value = ParseNumber(&numbers[i], arguments[at + 1]);
      known = true;
    }
    if (!known) Fail("USAGE", "unknown option %s", name);
  }
  if (options.guest == NULL || mode == NULL || options.order == NULL || options.window_pages == 0)
    Fail("USAGE", "--guest, --mode, --order and --window-pages are needed");
  if (options.fault_tasks + options.work_tasks > MAX_TASKS) Fail("USAGE", "a vCPU has at most %d tasks", MAX_TASKS);
  options.mode = ParseMode(mode);
  options.mode_name = kModeNames[options.mode];
  options.vcpu_cpu = vcpu_cpu == UINT64_MAX ? -1 : (int64_t)vcpu_cpu;
  options.resolver_cpu = resolver_cpu == UINT64_MAX ? -1 : (int64_t)resolver_cpu;
  return options;
}
