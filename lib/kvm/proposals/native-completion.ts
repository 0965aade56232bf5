/** How a resolver tells KVM that the page of an async page fault can be had: from any thread, by what the exit named. One object a thread and vCPU. */
export interface NativeCompletion {
  /** What names the fault: the exit's token, or the page's gpa. */
  readonly key: 'token' | 'gpa';
  /** 0, or the errno: the races that a proposal specifies. Allocates nothing. Throws FaultLabError `BAD_SHARE` where the vCPU is closed. */
  tryReady(key: number): number;
  /** As `tryReady`, where every failure is one. Throws FaultLabError: `UAPI_ABSENT`, `KVM_ENOENT`, ... */
  ready(key: number): void;
}
