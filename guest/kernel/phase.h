/* The course of a run: control, paging, control; all driven by ticks, so the VMM never polls. */
#ifndef GUEST_PHASE_H
#define GUEST_PHASE_H

#include "kernel.h"

/* Calibration is over: starts the tick and the first phase. */
void phase_start(void);
/* At each tick, before scheduling. */
void phase_tick(void);
/* A fault task has ended. */
void phase_fault_task_done(void);

#endif
