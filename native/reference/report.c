#include "report.h"

#include <stdio.h>

// Raised when a field changes its meaning or goes away.
#define REPORT_VERSION 1

struct field {
  const char* name;
  uint64_t value;
};

static void PrintObject(const char* name, const struct field* fields, unsigned count) {
  printf(",\"%s\":{", name);
  for (unsigned i = 0; i < count; i++)
    printf("%s\"%s\":%llu", i == 0 ? "" : ",", fields[i].name, (unsigned long long)fields[i].value);
  printf("}");
}

#define PRINT_OBJECT(name, fields) PrintObject(name, fields, sizeof(fields) / sizeof *(fields))

static void PrintPhase(const char* name, const struct phase_record* phase) {
  const struct field fields[] = {
      {"tscCycles", phase->tsc_end - phase->tsc_start},
      {"work", phase->work_end - phase->work_start},
      {"kernelCycles", phase->kernel_cycles_end - phase->kernel_cycles_start},
  };
  PRINT_OBJECT(name, fields);
}

void PrintReport(const struct vcpu_loop* loop, const struct resolver* resolver) {
  const struct vcpu_block* block = BlockOf(loop->guest);
  const struct field guest[] = {
      {"pages", block->pages},
      {"mismatches", block->mismatches},
      {"notPresent", block->not_present},
      {"ready", block->ready},
      {"wakeAll", block->wake_all},
      {"earlyReady", block->early_ready},
      {"spuriousReady", block->spurious_ready},
      {"ticks", block->ticks},
      {"switches", block->switches},
      {"idle", block->idle},
      {"cyclesNotPresent", block->cycles_not_present},
      {"cyclesReady", block->cycles_ready},
  };
  const struct field vcpu[] = {
      {"exits", loop->exits},
      {"doorbells", loop->doorbells},
      {"msrExits", loop->msr_exits},
      {"faultExits", loop->fault_exits},
      {"interruptions", loop->interruptions},
      {"spuriousFaults", loop->spurious_faults},
      {"syncWaits", loop->sync_waits},
      {"notPresent", loop->not_present},
      {"runNs", (uint64_t)loop->run_ns},
  };
  const struct field resolved[] = {
      {"faults", resolver->faults},         {"repeated", resolver->repeated}, {"raced", resolver->raced},
      {"pages", resolver->pages_delivered}, {"batches", resolver->batches},   {"readyDelivered", loop->apf->delivered},
      {"readyStale", loop->apf->stale},
  };
  printf("{\"referenceVersion\":%d,\"mode\":\"%s\",\"tscKhz\":%llu", REPORT_VERSION, loop->options->mode_name,
         (unsigned long long)loop->tsc_khz);
  PRINT_OBJECT("guest", guest);
  PrintPhase("controlBefore", &block->phase[PHASE_CONTROL_BEFORE]);
  PrintPhase("paging", &block->phase[PHASE_PAGING]);
  PrintPhase("controlAfter", &block->phase[PHASE_CONTROL_AFTER]);
  PRINT_OBJECT("vcpu", vcpu);
  PRINT_OBJECT("resolver", resolved);
  printf("}\n");
}
