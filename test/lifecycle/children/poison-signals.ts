/** SIGBUS after a vCPU has met poisoned memory. The argument names the case; what is printed or what ends the process is the result. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { nativeAddon } from '../../../lib/native/index.js';
import { MADV_HWPOISON, PAGE_SIZE, PROT_READ, PROT_WRITE, UFFDIO_REGISTER_MODE_MISSING } from '../../../lib/uapi/index.js';
import { spawn } from 'node:child_process';
import { SPIN, realModeGuest } from '../../native/support/real-mode.js';
import { withUserModeGuest, type Guest } from '../../kvm/guests.js';
import { injectionOf, pfnOf } from '../../poison/support.js';

const DATA_GPA = 0x20000;
const LOAD = [0x8a, 0x04, 0x25, 0x00, 0x00, 0x02, 0x00];
const addon = nativeAddon();

function withPoison(body: (guest: Guest) => void): void {
  withUserModeGuest(LOAD, (guest) => {
    const userfaultfd = new addon.Userfaultfd(0n);
    userfaultfd.register(guest.memory, DATA_GPA, PAGE_SIZE, UFFDIO_REGISTER_MODE_MISSING);
    userfaultfd.poison(guest.memory, DATA_GPA, PAGE_SIZE, 0);
    body(guest);
    userfaultfd.close();
  });
}

const cases: Record<string, () => Promise<string> | string> = {
  async 'sent SIGBUS'() {
    withPoison((guest) => {
      guest.runToExit();
    });
    process.kill(process.pid, 'SIGBUS');
    await sleep(10_000);
    return 'still alive';
  },

  async 'sent SIGBUS with a listener'() {
    withPoison((guest) => {
      guest.runToExit();
    });
    const seen = once(process, 'SIGBUS');
    process.kill(process.pid, 'SIGBUS');
    const ending = new AbortController(); // a listener alone does not keep the event loop alive
    const waited = sleep(10_000, 'not seen for 10 s', { signal: ending.signal });
    const result = await Promise.race([seen.then(() => 'seen'), waited]);
    ending.abort();
    await waited.catch(() => undefined);
    return result;
  },

  'taken over'() {
    const kinds: string[] = [];
    withPoison((guest) => {
      kinds.push(guest.runToExit().kind);
      // The listener's handler takes the first signal; by the next one ours is there again.
      process.on('SIGBUS', () => undefined);
      kinds.push(guest.runToExit().kind);
      process.removeAllListeners('SIGBUS');
    });
    return kinds.join();
  },

  // JavaScript sees the page through a mapping that nobody knows to be poisoned.
  'poison under a view'() {
    const file = addon.File.memfd('poisoned', PAGE_SIZE, { sealShrink: true });
    const seen = addon.Mapping.ofFile(file, 0, PAGE_SIZE, PROT_READ | PROT_WRITE);
    const bytes = new Uint8Array(seen.view());
    bytes[0] = 1;
    addon.Mapping.ofFile(file, 0, PAGE_SIZE, PROT_READ | PROT_WRITE).advise(0, PAGE_SIZE, MADV_HWPOISON);
    return `read ${bytes[0]}`;
  },

  // With vm.memory_failure_early_kill, or asked for by prctl(2), the kernel tells of pages that nobody has accessed.
  'told early'() {
    const guest = realModeGuest(SPIN);
    const at = 0x8000;
    guest.bytes[at] = 1;
    const { path, text } = injectionOf(pfnOf(guest.memory.hva + BigInt(at)));
    // Long enough for this thread to be in KVM_RUN by then.
    spawn('sh', ['-c', `sleep 5; echo ${text} > ${path}`], { stdio: 'ignore' }).unref();
    guest.vcpu.setSliceNs(60e9);
    guest.vcpu.run();
    const failure = guest.vcpu.memoryFailure();
    return JSON.stringify(failure === null ? null : { ...failure, hva: Number(failure.hva - guest.memory.hva) });
  },
};

const [, , name = ''] = process.argv;
if (!(name in cases)) throw new Error(`no case is named ${name}`);
process.stdout.write(await cases[name]());
