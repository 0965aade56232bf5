/** What the suite's other thread is asked to do, and what it answers. */
import type { SystemRamShare } from '../../memory/index.js';
import type { ModelShape, UapiName } from '../../uapi/proposals/index.js';

/** Completes a fault of a model. Numbers named `share` are for `adopt()`. */
export interface EmulatedReadyTask {
  readonly kind: 'emulated';
  /** The module that has the profiles. */
  readonly proposalsUrl: string;
  readonly profile: UapiName;
  readonly shape: ModelShape;
  readonly words: Int32Array;
  readonly sharedPages: readonly Int32Array[];
  readonly baton: Int32Array;
  readonly vmShare: number;
  readonly ramShare: SystemRamShare;
  readonly vcpuShare: number;
  readonly vcpu: number;
  readonly page: number;
  readonly token: number;
}

/** Makes a request of a vCPU. */
export interface NativeReadyTask {
  readonly kind: 'native';
  readonly vcpuShare: number;
  readonly request: number;
  readonly argument: Uint8Array;
}

/** Gives a page back that somebody sleeps for. */
export interface ProvideTask {
  readonly kind: 'provide';
  readonly uffdShare: number;
  readonly mappingShare: number;
  readonly offset: number;
  readonly contents: Uint8Array;
}

/** See the module's comment. */
export type ThreadTask = EmulatedReadyTask | NativeReadyTask | ProvideTask;

/** What a task came to. */
export type ThreadAnswer =
  /** Said once, at the start. */
  | { readonly kind: 'started' }
  /** 0 or a positive errno. */
  | { readonly kind: 'done'; readonly errno: number }
  | { readonly kind: 'failed'; readonly message: string };
