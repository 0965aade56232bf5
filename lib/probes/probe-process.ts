/**
 * The process in which probes run: what crashes or hangs here takes nobody along. Arguments: URL of the module with the catalogue, ids of
 * the probes to run. Tells its parent of each probe's start and of its finding.
 */
import { Kvm } from '../kvm/index.js';
import { fromNative } from '../errors/index.js';
import { HelperThread } from './helper/index.js';
import type { Finding, Probe, ProbeContext, ProbeGroup } from './probe.js';

/** What the process tells its parent. */
export type ProbeMessage = { readonly kind: 'started'; readonly id: string } | { readonly kind: 'found'; readonly id: string; readonly finding: Finding };

/** What probes share; made when the first one asks. */
class Context implements ProbeContext {
  #kvm: Kvm | undefined;
  #helper: Promise<HelperThread> | undefined;

  get kvm(): Kvm {
    return (this.#kvm ??= Kvm.open());
  }

  helper = (): Promise<HelperThread> => (this.#helper ??= HelperThread.start());

  async close(): Promise<void> {
    await this.#helper?.then(
      (helper) => helper.close(),
      () => undefined,
    );
    this.#kvm?.close();
  }
}

async function run(probe: Probe, context: ProbeContext): Promise<Finding> {
  try {
    return await probe.find(context);
  } catch (error) {
    const { code, message } = fromNative(error, 'run the probe');
    return { cannot: `${message} [${code}]` };
  }
}

async function tell(message: ProbeMessage): Promise<void> {
  await new Promise((resolve) => process.send?.(message, resolve));
}

const [, , catalogueUrl, ...ids] = process.argv;
// The parent is gone: nobody is interested any more.
process.on('disconnect', () => process.exit());
const { catalogue } = (await import(catalogueUrl)) as { catalogue: readonly ProbeGroup[] };
const probes = new Map(catalogue.flatMap((group) => group.probes.map((probe) => [probe.id, probe])));
const context = new Context();
for (const id of ids) {
  const probe = probes.get(id);
  if (probe === undefined) throw new Error(`there is no probe ${id} in ${catalogueUrl}`);
  await tell({ kind: 'started', id });
  await tell({ kind: 'found', id, finding: await run(probe, context) });
}
await context.close();
process.disconnect();
