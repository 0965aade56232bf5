/** Workers that page: as many vCPUs, each a small guest of its own, and as many readers of userfaultfds as an arm has. They are started once and used for every run. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { FaultLabError } from '../../errors/index.js';
import { nativeAddon, type NativeUserfaultfd } from '../../native/index.js';
import { MADV_DONTNEED, MADV_NOHUGEPAGE, MADV_POPULATE_WRITE, PAGE_SIZE, PROT_READ, PROT_WRITE, UFFDIO_REGISTER_MODE_MISSING, uffdFeatures } from '../../uapi/index.js';
import { retire } from '../guests/backings.js';
import type { CrewMessage, ReaderAnswer, ReaderTask, VcpuAnswer, VcpuTask, Way } from './task.js';

/** What a run is of. */
export interface Paging {
  readonly way: Way;
  readonly vcpus: number;
  /** Readers in all; none where nobody sleeps. */
  readonly readers: number;
  /** Userfaultfds, each with an equal part of the memory and of the readers. */
  readonly userfaultfds: number;
}

/** What a run came to. */
export interface PagingResult {
  readonly pages: number;
  /** From the first vCPU's start to the last one's end. */
  readonly ns: number;
  /** Pages per second and vCPU. */
  readonly ratePerVcpu: number;
  readonly filledByReaders: number;
  readonly exits: number;
  readonly told: number;
}

/** See the module's comment. */
export class Crew {
  private constructor(private readonly workers: readonly Worker[]) {}

  /** Runs `body` with a crew of up to `most` vCPUs and as many readers; its threads are gone afterwards. */
  static async with<T>(most: number, body: (crew: Crew) => Promise<T>): Promise<T> {
    // Node would warn of every descriptor that KVM gave a Worker and the Worker closes.
    const workers = Array.from({ length: 2 * most }, (_, at) => new Worker(new URL('./crew-worker.js', import.meta.url), { name: `paging ${at}`, trackUnmanagedFds: false }));
    try {
      await Promise.all(workers.map((worker) => next(worker)));
      return await body(new Crew(workers));
    } finally {
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
  }

  /**
   * Pages `pagesPerVcpu` pages, a multiple of 512, into each vCPU.
   * @throws FaultLabError `EXPERIMENT_HELPER` with what went wrong in a Worker
   */
  async page({ way, vcpus, readers, userfaultfds: count }: Paging, pagesPerVcpu: number): Promise<PagingResult> {
    const { Mapping, Userfaultfd } = nativeAddon();
    const sizeBytes = pagesPerVcpu * PAGE_SIZE;
    const mapping = Mapping.anonymous(vcpus * sizeBytes, PROT_READ | PROT_WRITE);
    const userfaultfds: NativeUserfaultfd[] = [];
    const [go, stop] = [new Int32Array(new SharedArrayBuffer(4)), new Int32Array(new SharedArrayBuffer(4))];
    let reading: Promise<CrewMessage>[] = [];
    try {
      // Each page is to fault on its own.
      mapping.advise(0, mapping.sizeBytes, MADV_NOHUGEPAGE);
      if (way === 'present') mapping.advise(0, mapping.sizeBytes, MADV_POPULATE_WRITE);
      const part = mapping.sizeBytes / count;
      for (let at = 0; at < count; at++) {
        const userfaultfd = new Userfaultfd(way === 'exit' ? uffdFeatures.SIGBUS : uffdFeatures.THREAD_ID);
        userfaultfds.push(userfaultfd);
        userfaultfd.register(mapping, at * part, part, UFFDIO_REGISTER_MODE_MISSING);
      }
      const runners = this.workers.slice(0, vcpus);
      const readingWorkers = this.workers.slice(vcpus, vcpus + readers);
      const share = (at: number): number | null => (count === 0 ? null : userfaultfds[at % count].share());
      const armed = [...readingWorkers, ...runners].map((worker) => next(worker));
      readingWorkers.forEach((worker, at) => {
        worker.postMessage({ kind: 'reader', mappingShare: mapping.share(), userfaultfdShare: share(at) ?? 0, stop } satisfies ReaderTask);
      });
      runners.forEach((worker, at) => {
        worker.postMessage({ kind: 'vcpu', way, mappingShare: mapping.share(), userfaultfdShare: share(at), offset: at * sizeBytes, sizeBytes, go } satisfies VcpuTask);
      });
      for (const message of await Promise.all(armed)) if (message.kind !== 'armed') throw failed(message);
      reading = readingWorkers.map((worker) => next(worker));
      const running = runners.map((worker) => next(worker));
      set(go);
      const answers = (await Promise.all(running)).map((message) => answerOf(message) as VcpuAnswer);
      set(stop);
      const filled = (await Promise.all(reading)).map((message) => answerOf(message) as ReaderAnswer);
      const ns = Math.max(...answers.map(({ endedAtNs }) => endedAtNs)) - Math.min(...answers.map(({ startedAtNs }) => startedAtNs));
      const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
      return {
        pages: vcpus * pagesPerVcpu, ns, ratePerVcpu: (pagesPerVcpu / ns) * 1e9,
        filledByReaders: sum(filled.map((reader) => reader.filled)), exits: sum(answers.map(({ exits }) => exits)), told: sum(answers.map(({ told }) => told)),
      };
    } finally {
      set(go);
      set(stop);
      await Promise.allSettled(reading);
      for (const userfaultfd of userfaultfds) userfaultfd.close();
      mapping.advise(0, mapping.sizeBytes, MADV_DONTNEED);
      retire(mapping);
    }
  }
}

function set(word: Int32Array): void {
  Atomics.store(word, 0, 1);
  Atomics.notify(word, 0);
}

async function next(worker: Worker): Promise<CrewMessage> {
  const [message] = (await once(worker, 'message')) as [CrewMessage];
  return message;
}

function answerOf(message: CrewMessage): VcpuAnswer | ReaderAnswer {
  if (message.kind !== 'done') throw failed(message);
  return message.answer;
}

function failed(message: CrewMessage): FaultLabError {
  return new FaultLabError('EXPERIMENT_HELPER', `a Worker of the paging crew failed: ${message.kind === 'failed' ? message.message : message.kind}`);
}
