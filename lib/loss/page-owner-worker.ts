/** The Worker of {@link WorkerPageOwner}: loads the module, passes requests on, and answers. */
import { parentPort, workerData } from 'node:worker_threads';
import type { PageAnswer, PageFetcher, PageFetcherExports } from './page-owner.js';
import type { PageOwnerPlan, PageOwnerRequest } from './worker-page-owner.js';

const { module, options, port } = workerData as PageOwnerPlan;

async function open(): Promise<PageFetcher> {
  const loaded = (await import(module)) as Partial<PageFetcherExports>;
  if (typeof loaded.openPageFetcher !== 'function') throw new TypeError(`${module} does not export openPageFetcher(options)`);
  return loaded.openPageFetcher(options);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function serve(fetcher: PageFetcher, { id, page }: PageOwnerRequest): Promise<void> {
  const post = (answered: number, result: PageAnswer['result']): void => {
    port.postMessage({ id, page: answered, result } satisfies PageAnswer);
  };
  try {
    await fetcher.fetch(page, (answered, contents) => {
      post(answered, contents instanceof Error ? { error: contents.message } : { contents });
    });
  } catch (error) {
    post(page, { error: messageOf(error) });
  }
}

const fetcher = await open();
port.on('message', (request: PageOwnerRequest) => {
  void serve(fetcher, request);
});
parentPort?.postMessage('ready');
