/**
 * A resolver Worker: learns of missing pages (from userfaultfd, or from the vCPU Workers' requests), waits out the modelled latency, gets the
 * contents from the page source and puts the pages in place, until the machine stops.
 */
import { parentPort } from 'node:worker_threads';
import { ReadyQueue, isAsyncTag, tagGeneration, tagToken, tagVcpu } from '../asyncpf/index.js';
import { FaultLabError, isCoded } from '../errors/index.js';
import {
  DeliverySchedule,
  FetchSlots,
  MOST_BATCHED_PAGES,
  NO_TAG,
  PageFiller,
  PageLatency,
  PageStates,
  RequestLog,
  RequestResolver,
  RequestRing,
  UserfaultfdResolver,
  loadFaultPolicy,
  loadPageSource,
  type FaultPolicy,
  type PageSource,
} from '../faults/index.js';
import { Vm } from '../kvm/index.js';
import { InterceptedPages, PagedWindow, SystemRam } from '../memory/index.js';
import { StampKind, keepStamps, nativeAddon, noteStamp } from '../native/index.js';
import { ControlBlock } from './control-block.js';
import { RESOLVER_COUNTERS, openCounters } from './counters.js';
import { MsiReadyDelivery } from './emulated-async-pf.js';
import { FaultDecisions } from './fault-decisions.js';
import { mostRequests } from './limits.js';
import { MODES } from './modes.js';
import type { ResolverPlan, WorkerMessage } from './plan.js';
import { serializeError } from './serialized-error.js';
import { bootedNs, heapSizeBytes } from './start-times.js';
import { receiveOrders } from './worker-orders.js';
import { Prefetch } from './prefetch.js';
import { PageClasses } from './uapi/page-classes.js';
import { TraceKind, TraceWriter } from './trace/trace-writer.js';
import { TracedFiller } from './trace/traced-filler.js';
import { ResolverFaults } from './uapi/resolver-faults.js';
import { SharedModel } from './uapi/shared-model.js';

/** Timer slack of the resolver's thread: the modelled latency is to be the one asked for. */
const TIMER_SLACK_NS = 1000;

async function resolve(): Promise<void> {
  const addon = nativeAddon();
  const loadedNs = addon.monotonicNs();
  const plan = await receiveOrders<ResolverPlan>();
  const orderedNs = addon.monotonicNs();
  addon.setTimerSlackNs(TIMER_SLACK_NS);
  keepStamps(plan.stamps);
  if (plan.cpus !== null) addon.setAffinity(plan.cpus);
  const vm = Vm.adopt(plan.vm);
  const ram = SystemRam.adopt(plan.lowRam);
  const window = PagedWindow.adopt(plan.window);
  const bitmapMapping = addon.Mapping.adopt(plan.bitmap);
  const userfaultfd = addon.Userfaultfd.adopt(plan.userfaultfd);
  const wake = addon.EventFd.adopt(plan.wake);
  let source: PageSource | null = null;
  try {
    source = guardSource(await loadPageSource(plan.source, { ring: plan.rings[plan.index], eventfd: plan.wake }));
    const control = new ControlBlock(plan.control);
    const counters = openCounters(RESOLVER_COUNTERS, plan.resolverCounters, plan.index);
    const states = new PageStates(plan.states);
    const bitmap = new InterceptedPages(bitmapMapping.view(), window.pageCount, plan.bitsPerPage);
    const rings = plan.rings.map((ring) => new RequestRing(ring));
    const latency = new PageLatency(plan.latencyNs, plan.quick, plan.latencyModel);
    const policy = await loadFaultPolicy(plan.policy, plan.policyMemory);
    const decisions = new FaultDecisions(policy, latency, states, -1);
    const classes = plan.bitsPerPage === 2 && MODES[plan.mode].asyncPf ? new PageClasses(bitmap, states, decisions, plan.index, rings.length) : null;
    const faults = plan.model === null ? null : new ResolverFaults(new SharedModel(plan.model), plan.index, vm, ram, rings, counters);
    const queues = Array.from({ length: plan.vcpuCount }, (_, vcpu) => new ReadyQueue(plan.readyQueues, vcpu));
    const deliveries = queues.map((queue, vcpu) => new MsiReadyDelivery(vm, ram, queue, vcpu));
    const filler = new PageFiller(window, userfaultfd, source);
    const trace = plan.traces === null ? null : new TraceWriter(plan.traces.resolvers[plan.index]);
    // Data first, then the bit, then the word that wakes waiters, then the guest's event: each is only true once the one before is.
    const complete = (page: number, tag: number): void => {
      if (!states.isSettled(page)) {
        bitmap.clear(page);
        if (filler.isPoisoned(page)) {
          counters.lost++;
          states.setPoisoned(page);
        } else {
          states.setPresent(page);
        }
      }
      noteStamp(StampKind.COMPLETED, page);
      if (!isAsyncTag(tag)) return;
      const vcpu = tagVcpu(tag);
      if (faults === null) queues[vcpu].push(tagToken(tag), tagGeneration(tag), deliveries[vcpu]);
      else faults.complete(vcpu, page, tag);
    };
    const schedule = new DeliverySchedule(
      trace === null ? filler : new TracedFiller(filler, trace),
      latency,
      mostRequests(plan.vcpuCount) + plan.prefetch.length,
      counters,
      complete,
      learns(policy) ? (page, elapsedNs) => {
        decisions.observe(page, elapsedNs);
        classes?.follow();
      } : null,
      new FetchSlots(plan.inFlight),
      source.background ?? null,
    );
    const log = plan.requestLog === null ? null : new RequestLog(plan.requestLog);
    const prefetch = new Prefetch(plan.prefetch, plan.wakers, control, (page) => {
      if (!states.request(page)) return;
      counters.prefetched++;
      schedule.accept(addon.monotonicNs(), page, NO_TAG);
    });
    const accepted = (page: number, vcpu = -1): void => {
      log?.note(page);
      trace?.note(TraceKind.ASKED, page, vcpu);
      classes?.requested(page);
      prefetch.requested();
    };
    populate(plan.populate, filler, (page) => {
      counters.pages++;
      counters.populated++;
      complete(page, NO_TAG);
    });
    const resolver =
      MODES[plan.mode].catches === 'sleep'
        ? new UserfaultfdResolver(userfaultfd, window, states, schedule, counters, control.vcpuThreads, wake, accepted)
        : new RequestResolver(
            rings[plan.index],
            states,
            schedule,
            counters,
            complete,
            accepted,
            faults?.feed ?? null,
          );
    post({ kind: 'ready', start: { bootedNs: bootedNs(), loadedNs, orderedNs, readyNs: addon.monotonicNs() }, threadId: addon.threadId(), cpus: addon.getAffinity() });
    resolver.run(() => {
      prefetch.look();
      return control.stopped;
    });
  } finally {
    keepStamps(null);
    source?.close();
    wake.close();
    userfaultfd.close();
    bitmapMapping.close();
    window.close();
    ram.close();
    vm.close();
  }
}

/** Puts pages in place, runs of them in one go. */
function populate(ascending: Uint32Array, filler: PageFiller, delivered: (page: number) => void): void {
  for (let start = 0, end = 1; start < ascending.length; start = end++) {
    while (end < ascending.length && end - start < MOST_BATCHED_PAGES && ascending[end] === ascending[start] + (end - start)) end++;
    filler.deliver(ascending[start], end - start);
    for (let at = start; at < end; at++) delivered(ascending[at]);
  }
}

/** Whether the policy wants to know how long pages take. */
function learns(policy: FaultPolicy): boolean {
  return policy.observe !== undefined;
}

/** Whatever a page source throws becomes a coded error that says whose fault it was. */
function guardSource(source: PageSource): PageSource {
  const { background } = source;
  const guard = <T>(what: string, call: () => T): T => {
    try {
      return call();
    } catch (error) {
      if (isCoded(error)) throw error;
      throw new FaultLabError('RESOLVER_FAILED', `the page source failed ${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  };
  return {
    failure: source.failure ?? 'end-run',
    ...(background === undefined
      ? {}
      : {
          background: {
            begin: (page) => {
              guard(`to begin with page ${page}`, () => { background.begin(page); });
            },
            take: () => guard('to bring a page', () => background.take()),
          },
        }),
    fill(page, count, target) {
      guard(`on ${count === 1 ? `page ${page}` : `pages ${page} to ${page + count - 1}`}`, () => { source.fill(page, count, target); });
    },
    close: () => {
      source.close();
    },
  };
}

function post(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

resolve().then(
  () => {
    post({ kind: 'done', heapSizeBytes: heapSizeBytes() });
  },
  (error: unknown) => {
    post({ kind: 'failed', error: serializeError(error) });
  },
);
