/** A guarded copy of a page that is there and one that is missing and that nobody fills. Prints what came of it. */
import { nativeAddon } from '../../../lib/native/index.js';
import { PAGE, PROT_RW, UFFDIO_REGISTER_MODE_MISSING } from '../../native/support/constants.js';

const { File, Mapping, Userfaultfd } = nativeAddon();
const mapping = Mapping.anonymous(2 * PAGE, PROT_RW);
const uffd = new Userfaultfd(0n);
uffd.register(mapping, 0, 2 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
uffd.copy(mapping, 0, new Uint8Array(PAGE).fill(7), 0);
const into = new Uint8Array(2 * PAGE).fill(0);

function codeOf(call: () => unknown): string {
  try {
    return `returned ${String(call())}`;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const code = codeOf(() => { mapping.read(0, into); });
const before = [into[PAGE - 1], into[PAGE]];
const file = File.memfd('source', PAGE);
const preadFrom = codeOf(() => mapping.preadFrom(file, 0, 0, PAGE));
uffd.unregister(mapping, 0, 2 * PAGE);
mapping.read(0, into);
process.stdout.write(JSON.stringify({ code, before, preadFrom, after: [into[PAGE - 1], into[PAGE]] }));
