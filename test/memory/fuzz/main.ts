/** The fuzz of DAX windows on the command line: [operations [seed [first operation]]]. */
import { randomInt } from 'node:crypto';
import { nativeAddon } from '../../../lib/native/index.js';
import { uffdFeatures } from '../../../lib/uapi/index.js';
import { campaign, describeFinding } from './campaign.js';

const [count = 100_000, seed = randomInt(1, 2 ** 31), from = 0] = process.argv.slice(2).map(Number);
if (![count, seed, from].every((value) => Number.isSafeInteger(value) && value >= 0)) throw new RangeError('usage: npm run fuzz:dax -- [operations [seed [first operation]]]');
process.stdout.write(`operations ${from} to ${from + count - 1} of seed ${seed}\n`);
const userfaultfd = new (nativeAddon().Userfaultfd)(0n);
const canPoison = (userfaultfd.features & uffdFeatures.POISON) !== 0n;
userfaultfd.close();
const { outcome, finding } = await campaign({ seed, from, to: from + count, checkers: 3, canPoison });
process.stdout.write(finding === null ? `nothing found: ${JSON.stringify(outcome)}\n` : `${describeFinding(seed, finding)}\n`);
process.exitCode = finding === null ? 0 : 1;
