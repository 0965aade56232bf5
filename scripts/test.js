/** `npm test`: sets up, then runs mocha in this process. Arguments are mocha's: `npm test -- --grep userfaultfd`. */
import { pathToFileURL } from 'node:url';
import { bootstrap } from './bootstrap.js';
import { ROOT, inRoot } from './setup/checkout.js';
import { IN_CI } from './setup/ci.js';
import { exitWith } from './setup/failure.js';

await bootstrap().catch(exitWith);

const mocha = inRoot('node_modules/mocha/bin/mocha.js');
process.chdir(ROOT);
process.argv = [process.execPath, mocha, ...(IN_CI ? ['--forbid-only'] : []), ...process.argv.slice(2)];
await import(pathToFileURL(mocha).href);
