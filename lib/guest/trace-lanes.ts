/** What the guest's tasks recorded of when they ran. It may hold anything: counts are bounded here, times are data. */
import { StructView } from '../uapi/index.js';
import * as abi from './abi.js';
import type { TraceSize } from './layout.js';

/** One task's spans, in the order in which they began. */
export interface GuestTraceLane {
  readonly kind: 'fault' | 'work';
  /** A vCPU of the machine. */
  readonly vcpu: number;
  /** Spans for which there was no room. */
  readonly lost: number;
  readonly spans: readonly GuestTraceSpan[];
}

/** In TSC cycles of the lane's vCPU. */
export interface GuestTraceSpan {
  readonly start: number;
  /** Of a fault task: when the access was done. Of a work task: when it was last seen running. */
  readonly end: number;
  /** Fault tasks alone: the page, and when it was summed. */
  readonly page: number;
  readonly done: number;
}

/**
 * Reads the lanes that were taken. What cannot be is left out: lanes of unknown kinds or of vCPUs that there are not, spans that end before they begin.
 * @param data - of the tables
 * @param offset - of the trace area there
 */
export function readTrace(data: DataView, offset: number, size: TraceSize, vcpuCount: number): GuestTraceLane[] {
  const used = Math.min(size.lanes, new StructView(abi.traceAreaLayout, data, offset).number('used'));
  const laneBytes = abi.traceLaneLayout.size + size.spans * abi.traceSpanLayout.size;
  const lanes: GuestTraceLane[] = [];
  for (let index = 0; index < used; index++) {
    const at = offset + abi.traceAreaLayout.size + index * laneBytes;
    const view = new StructView(abi.traceLaneLayout, data, at);
    const kind = kindOf(view.number('kind'));
    const vcpu = view.number('vcpu');
    if (kind === null || vcpu >= vcpuCount) continue;
    const count = Math.min(size.spans, view.number('count'));
    const spans: GuestTraceSpan[] = [];
    for (let span = 0; span < count; span++) {
      const words = new StructView(abi.traceSpanLayout, data, at + abi.traceLaneLayout.size + span * abi.traceSpanLayout.size);
      const [start, end, page, done] = [words.get('start'), words.get('end'), words.get('page'), words.get('done')].map(Number);
      if (end >= start) spans.push({ start, end, page, done: Math.max(end, done) });
    }
    lanes.push({ kind, vcpu, lost: Number(view.get('lost')), spans });
  }
  return lanes;
}

function kindOf(code: number): GuestTraceLane['kind'] | null {
  if (code === abi.TRACE_FAULT_TASK) return 'fault';
  return code === abi.TRACE_WORK_TASK ? 'work' : null;
}
