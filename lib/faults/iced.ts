/**
 * iced-x86, loaded when the first instruction is decoded by it and not before: it is 1.7 MB of JavaScript and WebAssembly, which most threads of a machine never
 * need. What this folder imports from the package itself are types alone.
 */
import { createRequire } from 'node:module';
import type * as IcedPackage from 'iced-x86';

/** What the package exports. */
export type Iced = typeof IcedPackage;

const require = createRequire(import.meta.url);
let loaded: Iced | undefined;

/** The package; the first call of a thread takes some tens of milliseconds. */
export function iced(): Iced {
  loaded ??= require('iced-x86') as Iced;
  return loaded;
}
