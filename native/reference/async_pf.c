#include "async_pf.h"

#include <stddef.h>

#include "failure.h"

#define ENABLED 1ULL
#define SEND_ALWAYS 2ULL
#define DELIVERY_AS_INT 8ULL
#define RESERVED 0x30ULL
#define AREA_FLAGS 0x3fULL
#define AREA_BYTES 64
#define ACK_READY 1ULL
#define REASON_NOT_PRESENT 1U
#define TOKEN_WAKE_ALL 0xffffffffU
#define SEQUENCE_MASK 0xfffffU
#define TOKEN_SHIFT 12
#define LOWEST_VECTOR 16
#define VECTOR_PAGE_FAULT 14
#define RFLAGS_IF (1ULL << 9)

void InitAsyncPf(struct async_pf* apf, const struct vm* vm, const struct guest* guest, const struct pages* pages) {
  *apf = (struct async_pf){.vm = vm, .guest = guest, .pages = pages};
  pthread_mutex_init(&apf->lock, NULL);
}

static bool IsEnabled(const struct async_pf* apf) {
  return (apf->enable & (ENABLED | DELIVERY_AS_INT)) == (ENABLED | DELIVERY_AS_INT);
}

// --- Ready events. All with the lock held.

static void DeliverNext(struct async_pf* apf) {
  while (apf->area != NULL && !apf->pending && apf->head != apf->tail && atomic_load(&apf->area[1]) == 0) {
    const uint32_t token = apf->tokens[apf->head++ % READY_CELLS];
    if (token == TOKEN_WAKE_ALL) apf->wake_all_queued = false;
    apf->pending = true;
    apf->delivered++;
    atomic_store(&apf->area[1], token);
    // A guest that chose an illegal vector gets its token and no interrupt.
    if (apf->delivery_vector >= LOWEST_VECTOR) SignalMsi(apf->vm, (uint8_t)apf->delivery_vector);
  }
}

static void Push(struct async_pf* apf, uint32_t token) {
  if (apf->tail - apf->head == READY_CELLS)
    Fail("READY_QUEUE_FULL", "more ready events are due than there can be requests");
  apf->tokens[apf->tail++ % READY_CELLS] = token;
}

static void Enable(struct async_pf* apf, _Atomic uint32_t* area) {
  pthread_mutex_lock(&apf->lock);
  apf->area = area;
  apf->delivery_vector = apf->vector;
  if (!apf->wake_all_queued) Push(apf, TOKEN_WAKE_ALL);
  apf->wake_all_queued = true;
  DeliverNext(apf);
  pthread_mutex_unlock(&apf->lock);
}

static void Disable(struct async_pf* apf) {
  pthread_mutex_lock(&apf->lock);
  apf->area = NULL;
  apf->generation++;
  apf->stale += apf->tail - apf->head;
  apf->head = apf->tail;
  apf->pending = apf->wake_all_queued = false;
  pthread_mutex_unlock(&apf->lock);
  // The requests are still under way and keep their slots.
  for (unsigned slot = 0; slot < MOST_ASYNC_PF; slot++) apf->slot_live[slot] = false;
}

static void Acknowledge(struct async_pf* apf) {
  pthread_mutex_lock(&apf->lock);
  apf->pending = false;
  DeliverNext(apf);
  pthread_mutex_unlock(&apf->lock);
}

void PollReadyEvents(struct async_pf* apf) {
  pthread_mutex_lock(&apf->lock);
  DeliverNext(apf);
  pthread_mutex_unlock(&apf->lock);
}

void CompleteAsyncPf(struct async_pf* apf, uint64_t tag) {
  pthread_mutex_lock(&apf->lock);
  if (apf->area == NULL || (uint32_t)(tag >> 32) != apf->generation) {
    apf->stale++;
  } else {
    Push(apf, (uint32_t)tag);
    DeliverNext(apf);
  }
  pthread_mutex_unlock(&apf->lock);
}

// --- MSRs.

static bool WriteEnable(struct async_pf* apf, uint64_t value) {
  _Atomic uint32_t* area = InRam(&apf->guest->low, value & ~AREA_FLAGS, AREA_BYTES);
  if ((value & RESERVED) != 0 || ((value & ENABLED) != 0 && area == NULL)) return false;
  apf->enable = value;
  if (IsEnabled(apf))
    Enable(apf, area);
  else
    Disable(apf);
  return true;
}

bool WriteAsyncPfMsr(struct async_pf* apf, uint32_t index, uint64_t value) {
  switch (index) {
  case MSR_ASYNC_PF_EN:
    return WriteEnable(apf, value);
  case MSR_ASYNC_PF_INT:
    if (value > 0xff) return false;
    apf->vector = (uint32_t)value;
    pthread_mutex_lock(&apf->lock);
    apf->delivery_vector = apf->vector;
    pthread_mutex_unlock(&apf->lock);
    return true;
  case MSR_ASYNC_PF_ACK:
    if ((value & ACK_READY) != 0) Acknowledge(apf);
    return true;
  default:
    return false;
  }
}

bool ReadAsyncPfMsr(const struct async_pf* apf, uint32_t index, uint64_t* value) {
  if (index != MSR_ASYNC_PF_EN && index != MSR_ASYNC_PF_INT && index != MSR_ASYNC_PF_ACK) return false;
  *value = index == MSR_ASYNC_PF_EN ? apf->enable : index == MSR_ASYNC_PF_INT ? apf->vector : 0;
  return true;
}

// --- Not-present events.

static void Sweep(struct async_pf* apf) {
  for (unsigned slot = 0; slot < MOST_ASYNC_PF; slot++) {
    if (!apf->slot_used[slot] || !IsPresent(apf->pages, apf->slot_page[slot])) continue;
    apf->slot_used[slot] = false;
    apf->used--;
  }
}

static bool IsInFlight(const struct async_pf* apf, uint64_t page) {
  for (unsigned slot = 0; slot < MOST_ASYNC_PF; slot++) {
    if (apf->slot_used[slot] && apf->slot_live[slot] && apf->slot_page[slot] == page) return true;
  }
  return false;
}

static bool IsBusy(const struct kvm_vcpu_events* events) {
  return events->exception.injected != 0 || events->exception.pending != 0 || events->interrupt.injected != 0 ||
         events->nmi.injected != 0 || events->nmi.pending != 0 || events->interrupt.shadow != 0;
}

static void TakeSlot(struct async_pf* apf, uint64_t page) {
  unsigned slot = 0;
  while (apf->slot_used[slot]) slot++;
  apf->slot_used[slot] = apf->slot_live[slot] = true;
  apf->slot_page[slot] = page;
  apf->used++;
}

uint64_t TellNotPresent(struct async_pf* apf, uint64_t page, struct kvm_run* run) {
  struct kvm_sync_regs* regs = &run->s.regs;
  if (!IsEnabled(apf)) return SYNC_TAG;
  Sweep(apf);
  pthread_mutex_lock(&apf->lock);
  const uint32_t undelivered = apf->tail - apf->head;
  const uint32_t generation = apf->generation;
  _Atomic uint32_t* area = apf->area;
  pthread_mutex_unlock(&apf->lock);
  const bool user = regs->sregs.ss.dpl == 3;
  if (IsInFlight(apf, page) || (regs->regs.rflags & RFLAGS_IF) == 0 || IsBusy(&regs->events) ||
      (!user && (apf->enable & SEND_ALWAYS) == 0) || apf->used + undelivered >= MOST_ASYNC_PF) {
    return SYNC_TAG;
  }
  TakeSlot(apf, page);
  do apf->sequence = (apf->sequence + 1) & SEQUENCE_MASK;
  while (apf->sequence == 0 || apf->sequence == SEQUENCE_MASK);
  const uint32_t token = apf->sequence << TOKEN_SHIFT;

  atomic_store(&area[0], REASON_NOT_PRESENT);
  regs->events.exception.injected = 0;
  regs->events.exception.pending = 1;
  regs->events.exception.nr = VECTOR_PAGE_FAULT;
  regs->events.exception.has_error_code = 1;
  regs->events.exception.error_code = 0;
  regs->events.exception_has_payload = 1;
  regs->events.exception_payload = token;
  regs->events.flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
  run->kvm_dirty_regs |= KVM_SYNC_X86_EVENTS;
  return (uint64_t)generation << 32 | token;
}
