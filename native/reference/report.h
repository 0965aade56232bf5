// What a run left behind, as JSON on standard output. Units are in the names.
#ifndef KVM_FAULTLAB_REFERENCE_REPORT_H_
#define KVM_FAULTLAB_REFERENCE_REPORT_H_

#include "resolver.h"
#include "vcpu_loop.h"

void PrintReport(const struct vcpu_loop* loop, const struct resolver* resolver);

#endif  // KVM_FAULTLAB_REFERENCE_REPORT_H_
