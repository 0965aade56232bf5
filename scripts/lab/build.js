/** `npm run lab:build`: fetches and builds the lab's kernels, so that the next boot does not have to. */
import { exitWith } from '../setup/failure.js';
import { KERNELS } from './kernel/index.js';
import { parseOptions } from './options.js';
import { elapsed, say } from './steps.js';

const USAGE = `usage: npm run lab:build -- [OPTIONS]

Fetches and builds the kernels that the lab boots. Says first what there is to do and about how long it takes; does nothing for a kernel
that is there already.

  --kernel NAME    stock: Debian's own; own: Debian's source, small and patched; all (default)

examples:
  npm run lab:build
  npm run lab:build -- --kernel own
`;

const { kernels } = parseOptions(process.argv.slice(2), {
  usage: USAGE,
  accepted: ['--kernel'],
  severalKernels: true,
  command: 'none',
  defaults: { kernels: ['stock', 'own'] },
});

try {
  const kinds = kernels.map((name) => ({ name, kind: KERNELS[name], wasReady: KERNELS[name].isReady() }));
  for (const { name, kind, wasReady } of kinds) say(`${name} (${kind.label}): ${wasReady ? 'there already' : kind.work()}`);
  for (const { name, kind, wasReady } of kinds) {
    const started = performance.now();
    const { release, image } = await kind.prepare();
    say(`${name}: Linux ${release}, ${image}${wasReady ? '' : `, in ${elapsed(started)}`}`);
  }
} catch (error) {
  exitWith(error);
}
