// How this program ends when it cannot go on: one JSON object that says what was tried, on standard output, and exit
// status 1.
#ifndef KVM_FAULTLAB_REFERENCE_FAILURE_H_
#define KVM_FAULTLAB_REFERENCE_FAILURE_H_

// `release` is called once before the process ends, from the thread that failed: it wakes whoever sleeps for a page.
void OnFailure(void (*release)(void));

// From any thread; the first failure is the one that is told.
_Noreturn void Fail(const char* code, const char* format, ...) __attribute__((format(printf, 2, 3)));

// The same with what errno says.
_Noreturn void FailErrno(const char* code, const char* what);

// `result` where it is not negative; fails with errno otherwise.
long Checked(long result, const char* code, const char* what);

// Zeroed memory that is never given back.
void* Allocate(unsigned long count, unsigned long size);

#endif  // KVM_FAULTLAB_REFERENCE_FAILURE_H_
