/** A whole bench: image, order, checksums, then each mode from cold on a machine of its own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FaultLabError } from '../errors/index.js';
import { imageSource } from '../faults/index.js';
import { readHost, type CapabilityNumbers } from '../kvm/index.js';
import { UAPI_MODES, type DeliveryMode } from '../machine/index.js';
import { UAPI_PROFILES } from '../uapi/proposals/index.js';
import { packageRoot } from '../native/index.js';
import { checksumImage, makeImage, openImage, requireMemory, type Image } from './image.js';
import { parsePolicy } from './policy-option.js';
import { visitingOrder } from './random.js';
import { REPORT_VERSION, type BenchReport, type ModeReport } from './report.js';
import { runMode, type ModeObserver } from './run-mode.js';
import { settingsOf, type BenchSettings } from './settings.js';

/** What to measure. */
export interface BenchOptions extends BenchSettings {
  readonly modes: readonly DeliveryMode[];
  /** Capability numbers of a proposal on this kernel, those of the profile where left out. */
  readonly capabilities?: CapabilityNumbers;
  /** Never the kernel's own ioctls of a proposal. */
  readonly emulate?: boolean;
  /** File to page; one is made when left out. */
  readonly image?: string;
  /** Pages to visit; all of the image when left out. */
  readonly pages?: number;
  /** Another guest than the project's own. */
  readonly guestPath?: string;
}

/** Told how a bench goes on. */
export interface BenchObserver extends ModeObserver {
  /** True when no further mode should start. */
  interrupted(): boolean;
}

/**
 * Runs a bench.
 * @throws FaultLabError: `IMAGE_*`, `BAD_OPTION`. What a mode throws comes as
 * the `cause` of a {@link BenchFailure}, with a report of the modes that were done before.
 */
export async function runBench(options: BenchOptions, observer: BenchObserver): Promise<BenchReport> {
  const startedAt = new Date().toISOString();
  const host = readHost();
  const settings = settingsOf(options);
  const policy = parsePolicy(settings.policy);
  checkModes(options);
  const image = options.image === undefined ? makeImage() : openImage(options.image);
  const modes: ModeReport[] = [];
  try {
    const pages = visitedPages(options, image);
    requireMemory(pages);
    const order = visitingOrder(options.order, image.pageCount, pages, options.seed);
    const expected = checksumImage(image, order);
    const report = (): BenchReport => ({
      reportVersion: REPORT_VERSION,
      tool: { name: 'kvm-faultlab', version: packageVersion(), node: process.versions.node },
      startedAt,
      host,
      parameters: {
        image: image.made ? 'made for this run' : image.path,
        imageMade: image.made,
        imageSizeBytes: image.sizeBytes,
        pages,
        ...settings,
      },
      modes,
      notReproduced: settings.uapi !== 'stock' && modes.some(({ implementation }) => implementation === 'emulated') ? UAPI_PROFILES[settings.uapi].notReproduced : [],
      interrupted: observer.interrupted(),
      passed: modes.length === options.modes.length && modes.every((mode) => mode.passed),
    });
    const workload = {
      windowPages: image.pageCount,
      source: imageSource({ path: image.path, sizeBytes: image.sizeBytes }),
      order,
      expected,
      vcpus: settings.vcpus,
      faultTasks: settings.faultTasks,
      workTasks: settings.workTasks,
      uapi: settings.uapi,
      policy,
      implementation: options.emulate === true ? ('emulated' as const) : ('auto' as const),
      capabilities: options.capabilities ?? {},
      latencyNs: settings.latencyNs,
      ...(settings.quickShare === 0 ? {} : { quick: { share: settings.quickShare, latencyNs: settings.quickLatencyNs, seed: settings.seed } }),
      resolvers: settings.resolvers,
      trap: settings.trap,
      tickNs: settings.tickNs,
      controlTicks: settings.workTasks === 0 ? 0 : Math.round(settings.controlNs / settings.tickNs),
      ...(options.guestPath === undefined ? {} : { guestPath: options.guestPath }),
    };
    for (const mode of options.modes) {
      if (observer.interrupted()) break;
      try {
        modes.push(await runMode(mode, workload, observer));
      } catch (error) {
        throw new BenchFailure(mode, error, report());
      }
    }
    return report();
  } finally {
    image.close();
  }
}

/** A mode failed. `cause` says why; `report` holds the modes that were done before. */
export class BenchFailure extends Error {
  override readonly name = 'BenchFailure';

  constructor(
    readonly mode: DeliveryMode,
    override readonly cause: unknown,
    readonly report: BenchReport,
  ) {
    super(`mode ${mode} failed`, { cause });
  }
}

function checkModes({ uapi, modes }: Pick<BenchOptions, 'uapi' | 'modes'>): void {
  const absent = modes.find((mode) => !UAPI_MODES[uapi].includes(mode));
  if (absent === undefined) return;
  throw new FaultLabError('BAD_OPTION', `the uAPI profile ${uapi} has no mode ${absent}`, { hint: `its modes are ${UAPI_MODES[uapi].join(', ')}` });
}

function visitedPages(options: BenchOptions, image: Image): number {
  if (options.pages === undefined) return image.pageCount;
  if (options.pages > image.pageCount) {
    throw new FaultLabError('BAD_OPTION', `--pages ${options.pages} is more than the ${image.pageCount} pages of the image`);
  }
  return options.pages;
}

/** Version in the package's own package.json. */
export function packageVersion(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
