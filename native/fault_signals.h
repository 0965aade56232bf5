// The handlers of SIGBUS and SIGSEGV: the signals that this addon provokes go to whoever provoked them, all others to
// the action that was there before.
#ifndef KVM_FAULTLAB_FAULT_SIGNALS_H_
#define KVM_FAULTLAB_FAULT_SIGNALS_H_

namespace faultlab {

// Installs the handlers, or puts them on top again where other code has replaced them since. False where that has
// happened too often to go on.
bool ArmFaultSignals();

}  // namespace faultlab

#endif  // KVM_FAULTLAB_FAULT_SIGNALS_H_
