/** Runs a mode and records who did what when. */
import { imageSource } from '../../faults/index.js';
import { Machine, TRACE_DEFAULTS, type DeliveryMode, type MachineOptions, type TraceOptions } from '../../machine/index.js';
import { checksumImage, makeImage } from '../image.js';
import { visitingOrder } from '../random.js';
import { timelineOf, type Timeline } from './timeline.js';

/** A software CPU takes so many times as long between two looks of a task at the clock. */
const EMULATED_GAP_FACTOR = 100;

/** What is run in each mode. */
export interface RecordingOptions extends Omit<MachineOptions, 'mode' | 'windowPages' | 'source' | 'order' | 'expected' | 'trace'> {
  /** Pages to visit, of an image made for the run. */
  readonly pages: number;
  readonly order: 'seq' | 'random';
  readonly seed: number;
  /** Records of each thread, spans of each task; usual ones where left out. */
  readonly trace?: TraceOptions;
  /** The host's CPU is made by software. */
  readonly emulated?: boolean;
}

/** Told when a machine starts and when it is gone; true from `interrupted` ends before the next mode. */
export interface RecordingObserver {
  started(mode: DeliveryMode, machine: Machine): void;
  ended(mode: DeliveryMode): void;
  interrupted(): boolean;
}

/**
 * Records one timeline for each mode, each from cold on a machine of its own with the same pages.
 * @throws FaultLabError: what {@link Machine.create} and {@link Machine.run} throw
 */
export async function recordTimelines(modes: readonly DeliveryMode[], options: RecordingOptions, observer: RecordingObserver): Promise<Timeline[]> {
  const { pages, order: kind, seed, emulated = false, trace = TRACE_DEFAULTS, ...machine } = options;
  const image = makeImage(pages);
  const timelines: Timeline[] = [];
  try {
    const order = visitingOrder(kind, image.pageCount, pages, seed);
    const load = {
      ...machine,
      windowPages: image.pageCount,
      source: imageSource({ path: image.path, sizeBytes: image.sizeBytes }),
      order,
      expected: checksumImage(image, order),
      trace: { ...trace, gapCycles: trace.gapCycles * (emulated ? EMULATED_GAP_FACTOR : 1) },
    };
    for (const mode of modes) {
      if (observer.interrupted()) break;
      timelines.push(await record(mode, load, observer));
    }
    return timelines;
  } finally {
    image.close();
  }
}

async function record(mode: DeliveryMode, load: Omit<MachineOptions, 'mode'>, observer: RecordingObserver): Promise<Timeline> {
  const machine = await Machine.create({ ...load, mode });
  try {
    observer.started(mode, machine);
    const { trace, tscKhz } = await machine.run();
    if (trace === null) throw new Error('a machine that was to record did not');
    return timelineOf(trace, tscKhz, mode);
  } finally {
    observer.ended(mode);
    await machine.close();
  }
}
