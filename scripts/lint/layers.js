/** The layer rule: imports in lib/ point one way. */
import boundaries from 'eslint-plugin-boundaries';
import { ROOT } from '../setup/checkout.js';

/** The directories of lib/ in order: each may import itself and those before it. */
export const LAYERS = Object.freeze([
  'errors', 'native', 'uapi', 'explore', 'kvm', 'memory', 'faults', 'asyncpf', 've', 'guest', 'machine', 'probes', 'loss', 'conform', 'bench', 'experiments',
  'report', 'cli',
]);

/** The library's face, lib/index.ts: it offers the layers up to this one. */
const OFFERED_UP_TO = 'machine';

/**
 * @param {string} layer one of LAYERS
 * @returns {string[]} it and those before it
 */
const upTo = (layer) => LAYERS.slice(0, LAYERS.indexOf(layer) + 1);

/**
 * @param {object} from a selector of the importing file
 * @param {readonly string[]} to layers it may import
 * @returns {object} a policy of the boundaries plugin
 */
const policy = (from, to) => ({ from, allow: { to: { element: { type: to } } } });

/** Its own types describe the package, not ESLint's plugin. */
const plugin = /** @type {import('eslint').ESLint.Plugin} */ (/** @type {unknown} */ (boundaries));

/**
 * An ESLint configuration object for lib/.
 * @type {import('eslint').Linter.Config}
 */
export const layerConfig = {
  files: ['lib/**/*.ts'],
  plugins: { boundaries: plugin },
  settings: {
    'import/resolver': { [`${ROOT}/scripts/lint/resolve-source.cjs`]: {} },
    'boundaries/root-path': ROOT,
    'boundaries/include': ['lib/**/*.ts'],
    'boundaries/elements': LAYERS.map((layer) => ({ type: layer, pattern: `lib/${layer}` })),
    'boundaries/files': [{ category: 'index', pattern: 'lib/index.ts' }],
  },
  rules: {
    'boundaries/no-unknown-files': 'error',
    'boundaries/dependencies': ['error', {
      default: 'disallow',
      message: '{{from.file.path}} may not import lib/{{to.element.type}}: see scripts/lint/layers.js',
      policies: [
        { allow: { to: { module: { origin: ['external', 'core'] } } } },
        ...LAYERS.map((layer) => policy({ element: { type: layer } }, upTo(layer))),
        policy({ file: { categories: 'index' } }, upTo(OFFERED_UP_TO)),
      ],
    }],
  },
};
